//! One at a time for each name, and one outcome for all who wait: it must not know what is done or
//! keep what came of it longer than somebody waits.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

/// Flights under way.
pub(super) struct Flights<K, T>(Mutex<HashMap<K, Weak<Flight<T>>>>);

struct Flight<T> {
    finished: AtomicU64,
    /// The last outcome and the number of the flight it is of. Locked while one is under way.
    last: tokio::sync::Mutex<Option<(u64, T)>>,
}

impl<K: Clone + Eq + Hash, T: Clone> Flights<K, T> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// The outcome of a flight that ends after this call: of `work`, or of somebody else's. Where
    /// that one is given up midway, the next who waits begins anew.
    pub(super) async fn join(&self, name: &K, work: impl Future<Output = T>) -> T {
        let flight = self.flight(name);
        let asked = flight.finished.load(Ordering::SeqCst);
        let outcome = {
            let mut last = flight.last.lock().await;
            match &*last {
                Some((number, outcome)) if *number > asked => outcome.clone(),
                _ => {
                    let outcome = work.await;
                    let number = flight
                        .finished
                        .fetch_add(1, Ordering::SeqCst)
                        .saturating_add(1);
                    *last = Some((number, outcome.clone()));
                    outcome
                }
            }
        };
        drop(flight);
        self.forget(name);
        outcome
    }

    fn flight(&self, name: &K) -> Arc<Flight<T>> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(name).and_then(Weak::upgrade) {
            return flight;
        }
        if flights.len() >= MANY {
            // Those that were given up midway.
            flights.retain(|_, flight| flight.strong_count() > 0);
        }
        let flight = Arc::new(Flight {
            finished: AtomicU64::new(0),
            last: tokio::sync::Mutex::default(),
        });
        flights.insert(name.clone(), Arc::downgrade(&flight));
        flight
    }

    fn forget(&self, name: &K) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if flights
            .get(name)
            .is_some_and(|flight| flight.strong_count() == 0)
        {
            flights.remove(name);
        }
    }
}

const MANY: usize = 1024;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn all_who_wait_share_one_outcome_and_nothing_is_kept() {
        let flights = Flights::new();
        let runs = AtomicUsize::new(0);
        let run = || async {
            tokio::task::yield_now().await;
            runs.fetch_add(1, Ordering::SeqCst)
        };
        let outcomes = join_all((0..100).map(|_| flights.join(&"a", run()))).await;
        assert_eq!(outcomes, vec![0; 100]);
        assert_eq!(
            flights.join(&"a", run()).await,
            1,
            "who comes later begins anew"
        );
        assert!(flights.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_flight_given_up_is_taken_over() {
        let flights = Flights::new();
        let never = flights.join(&"a", std::future::pending());
        let after = async {
            tokio::task::yield_now().await;
            flights.join(&"a", std::future::ready(7)).await
        };
        let given_up = async {
            let mut never = Box::pin(never);
            assert!(futures_util::poll!(&mut never).is_pending());
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        };
        let ((), seven) = tokio::join!(given_up, after);
        assert_eq!(seven, 7);
    }
}
