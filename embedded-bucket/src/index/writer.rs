//! The one thread that changes the index: it takes what waits, commits it together, then answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use redb::Database;
use tokio::sync::{mpsc, oneshot};

use super::tables::Tables;
use crate::bodies::{Bodies, BodyId};
use crate::fault::Fault;

/// The way to the writer thread; the thread ends when this is dropped.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(database: Arc<Database>, bodies: Arc<Bodies>) -> Result<Self, Fault> {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new()
            .name("embedded-bucket writer".to_owned())
            .spawn(move || serve(&database, &bodies, waiting))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// See [`Index::write`](super::Index::write).
    pub(super) async fn run<T, F>(&self, change: F) -> Result<T, Fault>
    where
        F: FnOnce(&mut Tables<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let job: Job = Box::new(move |tables| {
            if answer.is_closed() {
                return Ran::sound(Box::new(|_| {}));
            }
            let before = tables.changes();
            let result = change(tables);
            let sound = match &result {
                Ok(_) => true,
                Err(fault) => !fault.is_ours() && tables.changes() == before,
            };
            if let Err(fault) = &result
                && !sound
            {
                tracing::error!(
                    error = fault as &dyn std::error::Error,
                    "a change failed half way"
                );
            }
            Ran {
                sound,
                reply: Box::new(move |committed| {
                    let result = if committed {
                        result
                    } else {
                        Err(Fault::NotCommitted)
                    };
                    // The caller may have gone away; the change stands all the same.
                    drop(answer.send(result));
                }),
            }
        });
        let jobs = self.jobs.as_ref().ok_or(Fault::NotCommitted)?;
        jobs.send(job).await.map_err(|_| Fault::NotCommitted)?;
        outcome.await.map_err(|_| Fault::NotCommitted)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // The thread logs its own failures, and a panic there has nobody left to hurt.
            drop(thread.join());
        }
    }
}

/// Runs a change against the tables of the batch.
type Job = Box<dyn FnOnce(&mut Tables<'_>) -> Ran + Send>;

/// Tells the caller how it ended, given whether the batch was committed.
type Reply = Box<dyn FnOnce(bool) + Send>;

struct Ran {
    /// Done completely or not at all; otherwise the whole batch must be given up.
    sound: bool,
    reply: Reply,
}

impl Ran {
    fn sound(reply: Reply) -> Self {
        Self { sound: true, reply }
    }
}

fn serve(database: &Database, bodies: &Bodies, mut waiting: mpsc::Receiver<Job>) {
    let mut jobs = VecDeque::new();
    while let Some(first) = waiting.blocking_recv() {
        jobs.push_back(first);
        while jobs.len() < BATCH
            && let Ok(next) = waiting.try_recv()
        {
            jobs.push_back(next);
        }
        // A batch that is given up leaves the jobs behind the culprit for the next round.
        while !jobs.is_empty() {
            let mut replies = Vec::new();
            let committed = commit(database, &mut jobs, &mut replies);
            if let Err(fault) = &committed {
                tracing::error!(
                    error = fault as &dyn std::error::Error,
                    "a batch was given up"
                );
            }
            for reply in replies {
                reply(committed.is_ok());
            }
            if let Ok(released) = committed {
                bodies.retire(released);
            }
        }
    }
}

/// Runs jobs in one transaction and commits it; answers the bodies to remove.
fn commit(
    database: &Database,
    jobs: &mut VecDeque<Job>,
    replies: &mut Vec<Reply>,
) -> Result<Vec<BodyId>, Fault> {
    let transaction = match database.begin_write() {
        Ok(transaction) => transaction,
        Err(error) => {
            // Without a transaction nothing can be answered but failure.
            jobs.clear();
            return Err(error.into());
        }
    };
    let mut tables = Tables::open(&transaction)?;
    while let Some(job) = jobs.pop_front() {
        let ran = job(&mut tables);
        replies.push(ran.reply);
        if !ran.sound {
            return Err(Fault::NotCommitted);
        }
    }
    if tables.changes() == 0 {
        return Ok(Vec::new());
    }
    let (adopted, released) = tables.close()?;
    let committed = transaction.commit();
    // A commit that failed may still turn out to have happened; then its bodies are needed, and if
    // not, the next open sweeps them.
    for staged in adopted {
        staged.keep();
    }
    committed?;
    Ok(released)
}

/// How many changes may wait before callers wait with them.
const WAITING: usize = 1024;

/// How many changes share a commit at most.
const BATCH: usize = 256;
