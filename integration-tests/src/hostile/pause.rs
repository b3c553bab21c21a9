//! A request that is held while a test does something else: the moment between two requests, as long as it needs to be.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{HostileStore, Message, held};

/// When a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before the real store is asked.
    Before,
    /// Once the real store has answered.
    After,
}

/// A request that is held, or will be.
#[derive(Debug)]
pub struct Pause {
    came: Receiver<()>,
    go: Sender<()>,
}

impl HostileStore {
    /// Holds the first request that `chosen` picks, and answers honestly otherwise.
    pub fn pause(
        &self,
        when: When,
        chosen: impl Fn(&Message) -> bool + Send + Sync + 'static,
    ) -> Pause {
        self.pause_obeying(when, chosen, |_, ask| ask())
    }

    /// The same where `rule` answers.
    pub fn pause_obeying(
        &self,
        when: When,
        chosen: impl Fn(&Message) -> bool + Send + Sync + 'static,
        rule: impl Fn(&Message, &dyn Fn() -> Message) -> Message + Send + Sync + 'static,
    ) -> Pause {
        let (comes, came) = mpsc::channel();
        let (go, goes) = mpsc::channel::<()>();
        let first = Mutex::new(Some((comes, goes)));
        self.obey(Arc::new(move |request, ask| {
            let picked = chosen(request).then(|| held(&first).take()).flatten();
            let Some((comes, goes)) = picked else {
                return rule(request, ask);
            };
            let wait = || {
                // A test that has failed waits for nothing.
                let _ = comes.send(());
                let _ = goes.recv();
            };
            if when == When::Before {
                wait();
            }
            let answer = rule(request, ask);
            if when == When::After {
                wait();
            }
            answer
        }));
        Pause { came, go }
    }
}

impl Pause {
    /// Waits for the request, acts, and lets it go.
    ///
    /// # Panics
    /// If it does not come.
    pub fn meanwhile<T>(self, act: impl FnOnce() -> T) -> T {
        self.came
            .recv_timeout(PATIENCE)
            .expect("the request that is to be held comes");
        let done = act();
        let _ = self.go.send(());
        done
    }
}

const PATIENCE: Duration = Duration::from_mins(1);
