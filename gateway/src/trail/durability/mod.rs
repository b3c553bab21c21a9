//! What happens to an access while the journal takes no events: refused, or, in buckets whose configuration says so,
//! served and recorded late.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use audit::{AuditKey, Class, Event, Journal, JournalError, Kind, Uuid};

use super::elsewhere::Elsewhere;

/// What a bucket asks for while nothing can be put on record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing is served.
    #[default]
    Strict,
    /// Nothing is changed; reads go on while there is room to remember them.
    StrictWrites,
    /// Everything goes on; what there is no room for is counted as a gap.
    Availability,
}

/// The modes of buckets, by tenant and bucket; others are strict.
pub type Durabilities = HashMap<(String, String), Durability>;

/// Events that wait for the journal in memory.
#[derive(Debug, Default)]
pub(super) struct Late {
    modes: Durabilities,
    /// Who else must have what is waited for.
    elsewhere: Elsewhere,
    held: Mutex<Held>,
    /// One at a time hands over what is held.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Held {
    events: VecDeque<Remembered>,
    /// Intents among them whose outcome is not: each has a place for it.
    owed: HashSet<Uuid>,
    lost: u64,
    since: Option<SystemTime>,
}

type Remembered = (Event, Option<Arc<AuditKey>>);

impl Late {
    pub(super) fn new(modes: Durabilities) -> Self {
        Self {
            modes,
            ..Self::default()
        }
    }

    /// The same, where somebody else must have what is waited for.
    pub(super) fn and(self, elsewhere: Elsewhere) -> Self {
        Self { elsewhere, ..self }
    }

    /// Who else must have what is waited for.
    pub(super) fn elsewhere(&self) -> &Elsewhere {
        &self.elsewhere
    }

    /// Puts an event on record, or, where its bucket allows that, remembers it for later.
    pub(super) async fn record(
        &self,
        journal: &Journal,
        event: &Event,
        key: Option<&Arc<AuditKey>>,
    ) -> Result<(), JournalError> {
        if self.hold_behind_intent(event, key) {
            return Ok(());
        }
        let mode = self.mode(event);
        // Whoever may go on does not wait for a disk that is known to fail.
        let fails = mode != Durability::Strict && !journal.health().is_good();
        if fails && self.hold(mode, event, key) {
            return Ok(());
        }
        let recorded = self.elsewhere.record(journal, event, key.map(Arc::as_ref));
        match recorded.await {
            Err(_) if self.hold(mode, event, key) => Ok(()),
            recorded => recorded,
        }
    }

    /// Hands over how an access ended that nobody waits for any more.
    pub(super) fn submit(
        &self,
        journal: &Journal,
        outcome: &Event,
        key: Option<&Arc<AuditKey>>,
    ) -> Result<(), JournalError> {
        if self.hold_behind_intent(outcome, key) {
            return Ok(());
        }
        journal.submit(outcome, key.map(Arc::as_ref))
    }

    /// Whether an intent is remembered and neither on record nor ended.
    pub(super) fn owes(&self, intent: Option<Uuid>) -> bool {
        self.locked(|held| intent.is_some_and(|intent| held.owed.contains(&intent)))
    }

    /// Hands over what was remembered, once the journal takes events again, and says on record what is missing.
    pub(super) async fn catch_up(
        &self,
        journal: &Journal,
        now: SystemTime,
    ) -> Result<(), JournalError> {
        let _turn = self.turn.lock().await;
        self.hand_over(journal).await?;
        self.tell(journal, now).await
    }

    /// Hands it over for the last time: what the journal does not take now is lost, and on record as lost.
    pub(super) async fn end(&self, journal: &Journal, now: SystemTime) -> Result<(), JournalError> {
        let _turn = self.turn.lock().await;
        if let Err(error) = self.hand_over(journal).await {
            let left = self.locked(|held| {
                let left = u64::try_from(held.events.len()).unwrap_or(u64::MAX);
                held.lost = held.lost.saturating_add(left);
                held.owed.clear();
                held.events.clear();
                left
            });
            tracing::error!(%error, left, "what was served unrecorded is not on the trail");
        }
        self.tell(journal, now).await
    }

    /// In the order in which they were made, some at once. From the first that is not taken on all are kept; of those
    /// the journal may have taken some, which are then on record twice.
    async fn hand_over(&self, journal: &Journal) -> Result<(), JournalError> {
        loop {
            let next: Vec<_> =
                self.locked(|held| held.events.iter().take(AT_ONCE).cloned().collect());
            if next.is_empty() {
                return Ok(());
            }
            let (count, recorded) = journal.record_all(&next).await;
            self.locked(|held| {
                for (event, _) in held.events.drain(..count.min(held.events.len())) {
                    held.owed.remove(&event.id);
                }
            });
            recorded?;
        }
    }

    async fn tell(&self, journal: &Journal, now: SystemTime) -> Result<(), JournalError> {
        let (lost, since) = self.locked(|held| (held.lost, held.since));
        let Some(since) = since else { return Ok(()) };
        let mut event = Event::of_trail(if lost > 0 { Kind::Gap } else { Kind::Config }, now);
        event.detail.insert("count".to_owned(), lost.into());
        event
            .detail
            .insert("from".to_owned(), audit::wall(since).into());
        event
            .detail
            .insert("to".to_owned(), audit::wall(now).into());
        journal.record(&event, None).await?;
        self.locked(|held| {
            held.lost = held.lost.saturating_sub(lost);
            // What was remembered meanwhile is told next time.
            held.since = held.since.filter(|_| !held.events.is_empty());
        });
        Ok(())
    }

    fn mode(&self, event: &Event) -> Durability {
        if self.modes.is_empty() {
            return Durability::Strict;
        }
        let place = event.tenant.clone().zip(event.bucket.clone());
        let mode = place.and_then(|place| self.modes.get(&place).copied());
        mode.unwrap_or_default()
    }

    /// Whether the access may go on, with its event remembered or counted as lost.
    fn hold(&self, mode: Durability, event: &Event, key: Option<&Arc<AuditKey>>) -> bool {
        let may = match mode {
            Durability::Strict => false,
            Durability::StrictWrites => event.class == Class::Read,
            Durability::Availability => true,
        };
        may && self.locked(|held| {
            let fits = held.fits(event);
            if !fits && mode == Durability::StrictWrites {
                return false;
            }
            held.since.get_or_insert(event.wall);
            if fits {
                held.push(event, key);
            } else {
                held.lost = held.lost.saturating_add(1);
            }
            true
        })
    }

    /// Whether it ends an intent that is remembered. Then it is remembered too: on record how something ended must not
    /// come before that it began.
    fn hold_behind_intent(&self, event: &Event, key: Option<&Arc<AuditKey>>) -> bool {
        self.locked(|held| {
            let ends = event
                .intent_ref
                .is_some_and(|intent| held.owed.contains(&intent));
            if ends && (!is_of_several(event) || held.fits(event)) {
                held.push(event, key);
            } else if ends {
                held.lost = held.lost.saturating_add(1);
            }
            ends
        })
    }

    fn locked<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Held {
    fn fits(&self, event: &Event) -> bool {
        let taken = self.events.len().saturating_add(self.owed.len());
        let more = if event.kind == Kind::Intent { 2 } else { 1 };
        taken.saturating_add(more) <= ROOM
    }

    fn push(&mut self, event: &Event, key: Option<&Arc<AuditKey>>) {
        match event.intent_ref {
            _ if event.kind == Kind::Intent => {
                self.owed.insert(event.id);
            }
            Some(intent) if !is_of_several(event) => {
                self.owed.remove(&intent);
            }
            _ => {}
        }
        self.events.push_back((event.clone(), key.cloned()));
    }
}

/// Whether it is of one key among several: its intent has an end of its own behind it.
fn is_of_several(event: &Event) -> bool {
    event.detail.contains_key("of_several")
}

/// Events that are remembered at most, and places for how those of them end that say what begins; each takes about a
/// kilobyte.
const ROOM: usize = 10_000;

/// Events that are handed over together.
const AT_ONCE: usize = 128;

#[cfg(test)]
mod tests;
