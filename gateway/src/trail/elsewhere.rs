//! Who must have an event besides the journal before its request is answered, where the configuration asks for that.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use audit::{AuditKey, Event, Journal, JournalError, Line, Recorded};
use futures_util::future::BoxFuture;

/// Somebody elsewhere who keeps lines.
pub trait Keeper: Send + Sync {
    /// Tells it of a line that is in the journal; done when it says that it has it. Otherwise why not, in words without
    /// content.
    fn keep(&self, line: Line) -> BoxFuture<'_, Result<(), String>>;
}

/// The journal alone, or somebody else as well.
#[derive(Clone, Default)]
pub(super) struct Elsewhere(Option<Arc<dyn Keeper>>);

impl std::fmt::Debug for Elsewhere {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let asked = self.0.is_some();
        formatter.debug_tuple("Elsewhere").field(&asked).finish()
    }
}

impl Elsewhere {
    pub(super) fn new(keeper: Option<Arc<dyn Keeper>>) -> Self {
        Self(keeper)
    }

    /// Records an event where it must be. After an error it may be in the journal all the same.
    pub(super) async fn record(
        &self,
        journal: &Journal,
        event: &Event,
        key: Option<&AuditKey>,
    ) -> Result<(), JournalError> {
        if self.0.is_none() {
            return journal.record(event, key).await.map(drop);
        }
        self.record_line(journal, event, key).await.map(drop)
    }

    /// The same, and gives the line.
    pub(super) async fn record_line(
        &self,
        journal: &Journal,
        event: &Event,
        key: Option<&AuditKey>,
    ) -> Result<Recorded, JournalError> {
        let recorded = journal.record_line(event, key).await?;
        let Some(keeper) = &self.0 else {
            return Ok(recorded);
        };
        let line = Line {
            log: journal.log().to_owned(),
            seq: recorded.seq,
            segment: 0,
            offset: 0,
            text: recorded.line.clone(),
        };
        let kept = match tokio::time::timeout(PATIENCE, keeper.keep(line)).await {
            Ok(Ok(())) => Ok(recorded),
            Ok(Err(why)) => Err(JournalError::Unavailable(Arc::new(io::Error::other(why)))),
            Err(_) => Err(JournalError::TimedOut { limit: PATIENCE }),
        };
        journal.health().told_elsewhere(kept.is_ok());
        if let Err(error) = &kept {
            let error = crate::error::report(error);
            tracing::warn!(
                error,
                "an audit event is in the journal and not in the stream"
            );
        }
        kept
    }
}

/// How long it may take, behind the journal's own time.
const PATIENCE: Duration = Duration::from_secs(2);
