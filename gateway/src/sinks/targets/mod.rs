//! Where sinks tell the trail to, one file for each kind. Told means: the other side says that it has it, as far as
//! its protocol can say so.

mod jetstream;
mod lines;
mod syslog;
mod webhook;

use std::io;

pub(super) use jetstream::JetStream;

use super::parcel::Parcel;
use crate::clock::Clock;
use crate::config::{TargetConfig, TlsError};

/// One of the kinds.
pub(super) enum Target {
    Lines(lines::Lines),
    Webhook(Box<webhook::Webhook>),
    Syslog(syslog::Syslog),
    JetStream(Box<JetStream>),
}

/// Why the other side does not have a batch, or may not have all of it. It names no content.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A file, or a connection.
    #[error("it cannot be written to")]
    Io(#[from] io::Error),
    /// Certificates.
    #[error("the certificates to trust cannot be used")]
    Certificates(#[from] TlsError),
    /// It cannot be connected to.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It closed the connection before it had all.
    #[error("it closed the connection in the middle")]
    Closed,
    /// It answered, and did not take the batch.
    #[error("it answers {0}")]
    Refused(String),
}

impl Target {
    pub(super) fn new(
        config: &TargetConfig,
        replica: &str,
        clock: &Clock,
    ) -> Result<Self, TargetError> {
        Ok(match config {
            TargetConfig::Lines { path } => Self::Lines(lines::Lines::new(path.clone())),
            TargetConfig::Webhook(config) => {
                Self::Webhook(Box::new(webhook::Webhook::new(config, clock)?))
            }
            TargetConfig::Syslog(config) => Self::Syslog(syslog::Syslog::new(config, replica)?),
            TargetConfig::JetStream(config) => Self::JetStream(Box::new(JetStream::new(config)?)),
        })
    }

    /// How many lines are told at once.
    pub(super) fn most(&self) -> usize {
        match self {
            Self::Webhook(webhook) => webhook.most(),
            _ => BATCH,
        }
    }

    /// Tells a batch, all of it: after an error the whole batch is told again.
    pub(super) async fn deliver(&mut self, batch: &[Parcel]) -> Result<(), TargetError> {
        match self {
            Self::Lines(lines) => lines.deliver(batch).await,
            Self::Webhook(webhook) => webhook.deliver(batch).await,
            Self::Syslog(syslog) => syslog.deliver(batch).await,
            Self::JetStream(stream) => stream.deliver(batch).await,
        }
    }
}

const BATCH: usize = 256;
