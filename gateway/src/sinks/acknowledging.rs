//! A stream that must have an event before its request is answered: it is sent when it is in the journal, ahead of the
//! checkpoint that the sinks wait for. The sink sends it again, and the stream keeps it once.

use std::sync::Arc;

use audit::Line;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::TargetError;
use super::parcel::Parcel;
use super::targets::JetStream;
use crate::config::{AuditConfig, SinkFormat, TargetConfig};
use crate::trail::Keeper;

/// The stream of the configuration's only JetStream sink.
pub struct Acknowledging {
    stream: Mutex<JetStream>,
    format: SinkFormat,
    deployment: Arc<str>,
}

impl std::fmt::Debug for Acknowledging {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Acknowledging")
            .finish_non_exhaustive()
    }
}

impl Acknowledging {
    /// The one that a configuration asks for, if it does; `deployment` is the name that the trail is signed under.
    ///
    /// # Errors
    /// If certificates that it needs cannot be read.
    pub fn declared(config: &AuditConfig, deployment: &str) -> Result<Option<Self>, TargetError> {
        if !config.ack_of_stream {
            return Ok(None);
        }
        let declared = config.sinks.iter().find_map(|sink| match &sink.target {
            TargetConfig::JetStream(stream) => Some((stream, sink.format)),
            _ => None,
        });
        let Some((stream, format)) = declared else {
            return Ok(None);
        };
        Ok(Some(Self {
            stream: Mutex::new(JetStream::new(stream)?),
            format,
            deployment: deployment.into(),
        }))
    }
}

impl Keeper for Acknowledging {
    fn keep(&self, line: Line) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let parcel = Parcel::of(line, &self.deployment, self.format);
            // One after the other they are sent, and wait for their answers together.
            let sent = self.stream.lock().await.send(&parcel).await;
            let stored = async { sent?.await };
            stored.await.map_err(|error| crate::error::report(&error))
        })
    }
}
