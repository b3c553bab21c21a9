//! What happens to an access while the journal takes no events: refused, or, in buckets whose configuration says so,
//! served and recorded late.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use audit::{AuditKey, Class, Event, Journal, JournalError, Kind};

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
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    events: VecDeque<(Event, Option<Arc<AuditKey>>)>,
    lost: u64,
    since: Option<SystemTime>,
}

impl Late {
    pub(super) fn new(modes: Durabilities) -> Self {
        Self {
            modes,
            held: Mutex::default(),
        }
    }

    /// Puts an event on record, or, where its bucket allows that, remembers it for later.
    pub(super) async fn record(
        &self,
        journal: &Journal,
        event: &Event,
        key: Option<&Arc<AuditKey>>,
    ) -> Result<(), JournalError> {
        let mode = self.mode(event);
        // Whoever may go on does not wait for a disk that is known to fail.
        let fails = mode != Durability::Strict && !journal.health().is_good();
        if fails && self.hold(mode, event, key) {
            return Ok(());
        }
        match journal.record(event, key.map(Arc::as_ref)).await {
            Err(_) if self.hold(mode, event, key) => Ok(()),
            recorded => recorded.map(drop),
        }
    }

    /// Hands over what was remembered, once the journal takes events again, and says on record what is missing.
    pub(super) async fn catch_up(&self, journal: &Journal, now: SystemTime) {
        loop {
            let next = self.locked(|held| held.events.front().cloned());
            let Some((event, key)) = next else { break };
            if journal.record(&event, key.as_deref()).await.is_err() {
                return;
            }
            self.locked(|held| drop(held.events.pop_front()));
        }
        let (lost, since) = self.locked(|held| (held.lost, held.since));
        let Some(since) = since else { return };
        let mut event = Event::of_trail(if lost > 0 { Kind::Gap } else { Kind::Config }, now);
        event.detail.insert("count".to_owned(), lost.into());
        event
            .detail
            .insert("from".to_owned(), audit::wall(since).into());
        event
            .detail
            .insert("to".to_owned(), audit::wall(now).into());
        if journal.record(&event, None).await.is_ok() {
            self.locked(|held| {
                held.lost = held.lost.saturating_sub(lost);
                held.since = None;
            });
        }
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
            let fits = held.events.len() < ROOM;
            if !fits && mode == Durability::StrictWrites {
                return false;
            }
            held.since.get_or_insert(event.wall);
            if fits {
                held.events.push_back((event.clone(), key.cloned()));
            } else {
                held.lost = held.lost.saturating_add(1);
            }
            true
        })
    }

    fn locked<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Events that are remembered at most; each takes about a kilobyte.
const ROOM: usize = 10_000;

#[cfg(test)]
mod tests {
    use audit::Decision;

    use super::*;

    fn late() -> Late {
        let place = |bucket: &str| ("clinic".to_owned(), bucket.to_owned());
        Late::new(HashMap::from([
            (place("reads"), Durability::StrictWrites),
            (place("all"), Durability::Availability),
        ]))
    }

    fn event(bucket: &str, class: Class) -> Event {
        let now = SystemTime::UNIX_EPOCH;
        let op = "s3:Test";
        let mut event = Event::new(
            Kind::Complete,
            now,
            "R".to_owned(),
            op,
            class,
            Decision::Allow,
        );
        event.tenant = Some("clinic".to_owned());
        event.bucket = Some(bucket.to_owned());
        event
    }

    fn goes_on(late: &Late, bucket: &str, class: Class) -> bool {
        let event = event(bucket, class);
        late.hold(late.mode(&event), &event, None)
    }

    #[test]
    fn only_what_a_bucket_allows_goes_on() {
        let late = late();
        for class in [Class::Read, Class::Write, Class::Delete, Class::Admin] {
            assert!(
                !goes_on(&late, "other", class),
                "strict is what nobody chose otherwise"
            );
            assert!(goes_on(&late, "all", class));
            assert_eq!(goes_on(&late, "reads", class), class == Class::Read);
        }
    }

    #[test]
    fn memory_is_bounded_and_what_does_not_fit_is_counted_or_refused() {
        let late = late();
        for _ in 0..ROOM {
            assert!(goes_on(&late, "reads", Class::Read));
        }
        assert!(!goes_on(&late, "reads", Class::Read));
        assert!(goes_on(&late, "all", Class::Write));
        assert_eq!(
            late.locked(|held| (held.events.len(), held.lost)),
            (ROOM, 1)
        );
    }
}
