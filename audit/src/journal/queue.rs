//! What waits for the disk: events that somebody waits for, and others, which ride along with them or go after a
//! moment. Both are bounded. It must not know files.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::JournalError;
use super::writer::Recorded;
use crate::Kind;

/// An event on its way to the disk.
pub(super) struct Waiting {
    /// Whose chain it is part of; empty for events of no known tenant.
    pub(super) tenant: String,
    /// Milliseconds since the epoch, of the event's clock.
    pub(super) wall_ms: u64,
    pub(super) kind: Kind,
    /// The members of its line, as the event gives them.
    pub(super) members: String,
    /// Whether its recorder wants the line back.
    pub(super) wants_line: bool,
    /// Told the answer; `None` where nobody waits for one.
    pub(super) ack: Option<oneshot::Sender<Answer>>,
    /// Its place in the queue, given back with it.
    pub(super) place: Option<OwnedSemaphorePermit>,
}

impl Waiting {
    /// An event about the trail itself that nobody waits for.
    pub(super) fn of_trail(kind: Kind, wall_ms: u64, members: String) -> Self {
        Self {
            tenant: String::new(),
            wall_ms,
            kind,
            members,
            wants_line: false,
            ack: None,
            place: None,
        }
    }
}

/// Where a line is, or what the disk said.
pub(super) type Answer = Result<Recorded, Arc<io::Error>>;

/// Events that found no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) count: u64,
    /// Milliseconds since the epoch, of the first and of the last of them.
    pub(super) from: u64,
    pub(super) to: u64,
}

/// Where events come in.
#[derive(Debug)]
pub(super) struct Entrance {
    sender: Sender<Waiting>,
    places: Arc<Semaphore>,
    places_of_late: Arc<Semaphore>,
    lost: Arc<Mutex<Option<Lost>>>,
}

/// Where the journal's thread takes them.
pub(super) struct Arrivals {
    receiver: Receiver<Waiting>,
    /// Nobody waits for these; oldest first.
    late: VecDeque<Waiting>,
    /// When the late ones go even if nothing else does.
    due: Option<Instant>,
    /// The last of them did not get on disk.
    refused: bool,
    lost: Arc<Mutex<Option<Lost>>>,
}

/// A queue in which `urgent` events wait for an answer at most, and `late` ones for none.
pub(super) fn queue(urgent: usize, late: usize) -> (Entrance, Arrivals) {
    let (sender, receiver) = channel();
    let lost = Arc::default();
    let entrance = Entrance {
        sender,
        places: Arc::new(Semaphore::new(urgent.clamp(1, Semaphore::MAX_PERMITS))),
        places_of_late: Arc::new(Semaphore::new(late.min(Semaphore::MAX_PERMITS))),
        lost: Arc::clone(&lost),
    };
    let arrivals = Arrivals {
        receiver,
        late: VecDeque::new(),
        due: None,
        refused: false,
        lost,
    };
    (entrance, arrivals)
}

impl Entrance {
    /// Hands over an event whose recorder waits for an answer, once there is a place for it.
    pub(super) async fn urgent(&self, mut waiting: Waiting) -> Result<(), JournalError> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        waiting.place = Some(place.map_err(|_| JournalError::Closed)?);
        self.sender.send(waiting).map_err(|_| JournalError::Closed)
    }

    /// Hands over an event that nobody waits for. If there is no place for it, it is counted as lost.
    pub(super) fn late(&self, mut waiting: Waiting) -> Result<(), JournalError> {
        let wall = waiting.wall_ms;
        waiting.place = Arc::clone(&self.places_of_late).try_acquire_owned().ok();
        if waiting.place.is_some() && self.sender.send(waiting).is_ok() {
            return Ok(());
        }
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let before = lost.unwrap_or(Lost {
            count: 0,
            from: wall,
            to: wall,
        });
        *lost = Some(Lost {
            count: before.count.saturating_add(1),
            from: before.from.min(wall),
            to: before.to.max(wall),
        });
        Err(JournalError::NoRoom)
    }
}

impl Arrivals {
    /// Waits until events are due and puts them into the batch: `limit` of each sort at most, but with the last event of
    /// a log all that are there, so that none follows it. False: there is nothing left, and nothing will come.
    ///
    /// Those that nobody waits for go behind those that somebody waits for. They end what the others began, which came
    /// here before them and may have come in this very batch.
    pub(super) fn fill(&mut self, batch: &mut Vec<Waiting>, limit: usize) -> bool {
        let mut stop = None;
        loop {
            match self.next() {
                Ok(waiting) => self.sort(waiting, batch, &mut stop),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) if self.late.is_empty() || self.refused => {
                    return false;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while (stop.is_some() || batch.len() < limit)
                && let Ok(waiting) = self.receiver.try_recv()
            {
                self.sort(waiting, batch, &mut stop);
            }
            let due = self.due.is_some_and(|due| due <= Instant::now());
            if stop.is_some() || !batch.is_empty() || due {
                break;
            }
        }
        let room = if stop.is_some() {
            self.late.len()
        } else {
            // As many as of the others: each that ends something was begun by one of those, so they never pile up
            // while the disk takes what it is given.
            limit.min(self.late.len())
        };
        batch.extend(self.late.drain(..room));
        batch.extend(stop);
        self.due = Instant::now()
            .checked_add(LINGER)
            .filter(|_| !self.late.is_empty());
        true
    }

    /// Keeps events that are not on disk yet and that nobody waits for; they are tried again.
    pub(super) fn again(&mut self, refused: impl DoubleEndedIterator<Item = Waiting>) {
        for waiting in refused.rev() {
            self.late.push_front(waiting);
        }
        self.refused = !self.late.is_empty();
        if self.refused {
            self.due = Instant::now().checked_add(RETRY);
        }
    }

    /// Takes an event of the trail's own, which goes like those that nobody waits for.
    pub(super) fn add(&mut self, waiting: Waiting) {
        self.late.push_back(waiting);
        self.due = self.due.or_else(|| Instant::now().checked_add(LINGER));
    }

    /// Notes that what was due is on disk.
    pub(super) fn taken(&mut self) {
        self.refused = false;
    }

    /// What was lost and is not on record as lost.
    pub(super) fn lost(&self) -> Option<Lost> {
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a loss is on record. What was lost since is not.
    pub(super) fn told(&self, told: Lost) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        *lost = lost.and_then(|now| {
            let count = now.count.saturating_sub(told.count);
            (count > 0).then_some(Lost {
                count,
                from: told.to,
                to: now.to,
            })
        });
    }

    /// How many are kept for another try.
    pub(super) fn kept(&self) -> usize {
        self.late.len()
    }

    fn next(&self) -> Result<Waiting, RecvTimeoutError> {
        if let Some(due) = self.due {
            let left = due.saturating_duration_since(Instant::now());
            self.receiver.recv_timeout(left)
        } else {
            let disconnected = |_| RecvTimeoutError::Disconnected;
            self.receiver.recv().map_err(disconnected)
        }
    }

    fn sort(&mut self, waiting: Waiting, urgent: &mut Vec<Waiting>, stop: &mut Option<Waiting>) {
        if waiting.kind == Kind::Stop {
            *stop = Some(waiting);
        } else if waiting.ack.is_some() {
            urgent.push(waiting);
        } else {
            self.add(waiting);
        }
    }
}

/// How long an event that nobody waits for may wait for company. A crash in that time leaves its intent without an
/// outcome, for the next run to reconcile.
const LINGER: Duration = Duration::from_millis(100);

/// How soon what the disk did not take is tried again.
const RETRY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(kind: Kind) -> Waiting {
        Waiting::of_trail(kind, 0, String::new())
    }

    async fn urgent(entrance: &Entrance, kind: Kind) {
        // Its recorder has stopped waiting, as when a client leaves: the event goes its way all the same.
        let (ack, _) = oneshot::channel();
        let ack = Some(ack);
        entrance
            .urgent(Waiting {
                ack,
                ..waiting(kind)
            })
            .await
            .unwrap();
    }

    fn filled(arrivals: &mut Arrivals, limit: usize) -> Vec<Kind> {
        let mut batch = Vec::new();
        assert!(arrivals.fill(&mut batch, limit));
        batch.iter().map(|waiting| waiting.kind).collect()
    }

    #[tokio::test]
    async fn an_outcome_goes_behind_its_intent_and_the_stop_behind_all() {
        let (entrance, mut arrivals) = queue(16, 16);
        urgent(&entrance, Kind::Intent).await;
        entrance.late(waiting(Kind::Outcome)).unwrap();
        assert_eq!(filled(&mut arrivals, 4), [Kind::Intent, Kind::Outcome]);
        for _ in 0..5 {
            urgent(&entrance, Kind::Intent).await;
            entrance.late(waiting(Kind::Outcome)).unwrap();
        }
        urgent(&entrance, Kind::Stop).await;
        urgent(&entrance, Kind::Complete).await;
        entrance.late(waiting(Kind::Outcome)).unwrap();
        let (intent, outcome) = (Kind::Intent, Kind::Outcome);
        // The fourth fills the batch; its outcome is taken with the rest.
        let first = [intent, intent, intent, intent, outcome, outcome, outcome];
        assert_eq!(filled(&mut arrivals, 4), first);
        let rest = [
            intent,
            Kind::Complete,
            outcome,
            outcome,
            outcome,
            Kind::Stop,
        ];
        assert_eq!(filled(&mut arrivals, 4), rest);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_does_not_pile_up_behind_full_batches() {
        let limit = 8;
        let (entrance, mut arrivals) = queue(limit, 2 * limit);
        for _ in 0..100 {
            for _ in 0..limit {
                urgent(&entrance, Kind::Intent).await;
                entrance.late(waiting(Kind::Outcome)).unwrap();
            }
            filled(&mut arrivals, limit);
        }
        assert_eq!(arrivals.lost(), None);
    }
}
