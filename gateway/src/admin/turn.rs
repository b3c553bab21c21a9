//! Whose turn it is to tend the keys, and what was found: a document that replicas write by compare-and-swap. It must
//! not know what is done meanwhile.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use kms_keys::Timestamp;
use serde::{Deserialize, Serialize};

use super::tending::{COMPARED_EVERY, KeyHealth};
use super::{Admin, AdminError};
use crate::control::{ControlError, Document, Form};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Tending {
    holder: String,
    until: Timestamp,
    #[serde(flatten)]
    found: Found,
}

/// What was found.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Found {
    /// When the mirror was last compared as a whole, or has been wanting it since.
    pub(super) compared: Timestamp,
    pub(super) health: KeyHealth,
}

impl Document for Tending {
    const FOLDER: &'static str = "tending";
    const FORM: Form = Form::Clear;
}

/// Whether it is this replica's turn.
pub(super) enum Turn {
    /// It is: this was found before.
    Ours(Found),
    /// It is another's, who found this.
    Anothers(KeyHealth),
}

impl Admin {
    /// Takes the turn, if nobody else has it.
    pub(super) async fn take_turn(&self) -> Result<Turn, AdminError> {
        let now = self.clock.now();
        let before = self.control.get_now::<Tending>(&[KEYS]).await?;
        let found = before.as_ref().map_or_else(
            || Found {
                // Due, and not for long.
                compared: (now - COMPARED_EVERY).into(),
                health: KeyHealth::default(),
            },
            |kept| kept.value.found,
        );
        if let Some(kept) = &before
            && kept.value.holder != self.replica
            && lasts(kept.value.until, now)
        {
            return Ok(Turn::Anothers(found.health));
        }
        let mine = Tending {
            holder: self.replica.clone(),
            until: (now + TURN).into(),
            found,
        };
        let taken = match before {
            None => self.control.create(&[KEYS], &mine).await,
            Some(kept) => self.control.replace(&kept, &mine).await,
        };
        match taken {
            Ok(_) => Ok(Turn::Ours(found)),
            // Another replica was faster.
            Err(ControlError::Exists { .. } | ControlError::Outrun { .. }) => {
                Ok(Turn::Anothers(found.health))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Does `work`, and keeps the turn for as long as it takes.
    pub(super) async fn keeping_turn<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            never = self.renew_turn() => match never {},
        }
    }

    async fn renew_turn(&self) -> Infallible {
        loop {
            tokio::time::sleep(RENEWED_EVERY).await;
            let until = (self.clock.now() + TURN).into();
            let renewed = |tending: &Tending| {
                let mine = tending.holder == self.replica;
                Ok(mine.then(|| Tending {
                    until,
                    ..tending.clone()
                }))
            };
            let renewed: Result<_, ControlError> = self.control.change(&[KEYS], renewed).await;
            if let Err(error) = renewed {
                tracing::warn!(%error, "the turn to tend the keys could not be kept");
            }
        }
    }

    /// Writes what was found. It is true, whoever's turn it may be by now.
    pub(super) async fn record_found(&self, found: Found) -> Result<(), AdminError> {
        let record = |tending: &Tending| {
            Ok(Some(Tending {
                found,
                ..tending.clone()
            }))
        };
        let recorded: Result<_, ControlError> = self.control.change(&[KEYS], record).await;
        Ok(recorded.map(drop)?)
    }
}

/// Whether a turn until then is under way. One that ends later than any should is of a clock that was wrong.
fn lasts(until: Timestamp, now: SystemTime) -> bool {
    let left = SystemTime::from(until).duration_since(now);
    left.is_ok_and(|left| left > Duration::ZERO && left <= LONGEST)
}

const KEYS: &str = "keys";

/// More than twice as long as from one look to the next, so that a replica that lives keeps its turn.
const TURN: Duration = Duration::from_mins(12);

/// A turn, and how far two clocks may be apart.
const LONGEST: Duration = Duration::from_mins(24);

/// Thrice in a turn, so that one that fails is no loss.
const RENEWED_EVERY: Duration = Duration::from_mins(4);
