//! NATS JetStream: each event a message with its id in `Nats-Msg-Id`, told when the stream says that it stored it. When it
//! connects, it looks at how the stream stores and warns where a broker's crash could lose what it acknowledged.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use async_nats::{ConnectOptions, HeaderMap, header};
use futures_util::future::join_all;

use super::super::parcel::Parcel;
use super::TargetError;
use crate::config::{JetStreamConfig, authorities};
use crate::upstream::client_tls;

/// A stream of a NATS server.
pub(in crate::sinks) struct JetStream {
    config: JetStreamConfig,
    tls: Option<rustls::ClientConfig>,
    context: Option<Context>,
}

impl JetStream {
    pub(in crate::sinks) fn new(config: &JetStreamConfig) -> Result<Self, TargetError> {
        let tls = if config.tls {
            let roots = config.ca_file.as_deref().map(authorities).transpose()?;
            Some(client_tls(roots)?)
        } else {
            None
        };
        Ok(Self {
            config: config.clone(),
            tls,
            context: None,
        })
    }

    pub(super) async fn deliver(&mut self, batch: &[Parcel]) -> Result<(), TargetError> {
        // All are sent, in their order, before any answer is awaited.
        let mut sent = Vec::with_capacity(batch.len());
        for parcel in batch {
            sent.push(self.send(parcel).await?);
        }
        for stored in join_all(sent).await {
            stored?;
        }
        Ok(())
    }

    /// Sends one; what it gives is done when the stream has stored it.
    pub(in crate::sinks) async fn send(
        &mut self,
        parcel: &Parcel,
    ) -> Result<impl Future<Output = Result<(), TargetError>> + Send + use<>, TargetError> {
        let context = match &self.context {
            Some(context) => context.clone(),
            None => self.connect().await?,
        };
        let subject = subject(&self.config.subject, parcel);
        let body = parcel.body.clone().into_bytes();
        let sent = context.publish_with_headers(subject, headers(parcel), body.into());
        let answer = sent.await.map_err(refused)?.into_future();
        let stream = self.config.stream.clone();
        Ok(async move {
            let answer = answer.await.map_err(refused)?;
            if answer.stream == stream {
                return Ok(());
            }
            let other = format!("that it stored the event in {}", answer.stream);
            Err(TargetError::Refused(other))
        })
    }

    /// Connects once; the client finds its way back by itself.
    async fn connect(&mut self) -> Result<Context, TargetError> {
        let mut options = ConnectOptions::new().name("sealgate");
        if let Some(tls) = &self.tls {
            options = options.require_tls(true).tls_client_config(tls.clone());
        }
        if let Some((user, password)) = &self.config.user {
            options = options.user_and_password(user.clone(), password.reveal().to_owned());
        }
        if let Some(token) = &self.config.token {
            options = options.token(token.reveal().to_owned());
        }
        let connected = options.connect(self.config.url.as_str()).await;
        let client =
            connected.map_err(|error| TargetError::Unreachable(crate::error::report(&error)))?;
        let version = client.server_info().version;
        let context = jetstream::new(client);
        let stream = context.get_stream(&self.config.stream).await;
        let stream = stream.map_err(|error| {
            let name = &self.config.stream;
            let why = crate::error::report(&error);
            TargetError::Refused(format!("of stream {name}: {why}; the operator makes it"))
        })?;
        let weak = weaknesses(&version, &stream.cached_info().config, self.config.synced);
        for weakness in weak {
            tracing::warn!(stream = self.config.stream, "the audit stream {weakness}");
        }
        self.context = Some(context.clone());
        Ok(context)
    }
}

/// What may cost acknowledged events, in words after "the audit stream".
fn weaknesses(version: &str, config: &Config, synced: bool) -> Vec<&'static str> {
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    let mut numbers = version.split('.').map(number);
    let release = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let found = [
        (
            release < (2, 10),
            "is of a server before 2.10, which cannot sync each message",
        ),
        (config.storage != StorageType::File, "is kept in memory"),
        (config.no_ack, "acknowledges nothing"),
        (
            !synced && config.num_replicas < 3,
            "has fewer than three replicas, and nobody vouches for `sync_interval: always` (`synced = true`): \
             what it acknowledges may be lost with its machine for two minutes",
        ),
        (
            config.duplicate_window < Duration::from_mins(2),
            "removes duplicates for less than two minutes",
        ),
        (
            is_bounded(config) && config.discard == DiscardPolicy::Old,
            "discards its oldest events when it is full",
        ),
    ];
    let found = found.into_iter().filter(|(is_so, _)| *is_so);
    found.map(|(_, weakness)| weakness).collect()
}

fn is_bounded(config: &Config) -> bool {
    config.max_bytes > 0 || config.max_messages > 0 || config.max_messages_per_subject > 0
}

/// `<subject>.<tenant>.<kind>`, so that a consumer may be let see one tenant.
fn subject(base: &str, parcel: &Parcel) -> String {
    let tenant: String = parcel
        .tenant
        .as_deref()
        .unwrap_or("_")
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    format!("{base}.{tenant}.{}", parcel.kind)
}

/// The envelope as the NATS binding of CloudEvents writes it, and the id by which the stream removes duplicates.
fn headers(parcel: &Parcel) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::NATS_MESSAGE_ID, parcel.id.as_str());
    headers.insert("content-type", "application/json");
    for (name, value) in parcel.attributes() {
        headers.insert(format!("ce-{name}"), value);
    }
    headers
}

fn refused(error: impl std::error::Error) -> TargetError {
    TargetError::Refused(crate::error::report(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_may_lose_what_it_acknowledged_is_told_of() {
        let good = Config {
            storage: StorageType::File,
            num_replicas: 3,
            duplicate_window: Duration::from_mins(2),
            ..Config::default()
        };
        assert_eq!(weaknesses("2.15.1", &good, false), [""; 0]);
        let alone = Config {
            num_replicas: 1,
            ..good.clone()
        };
        assert_eq!(weaknesses("2.10.0", &alone, true), [""; 0]);
        assert_eq!(weaknesses("2.10.0", &alone, false).len(), 1);
        assert_eq!(weaknesses("2.9.25", &good, false).len(), 1);
        let bad = Config {
            storage: StorageType::Memory,
            duplicate_window: Duration::from_secs(1),
            max_bytes: 1 << 20,
            discard: DiscardPolicy::Old,
            ..alone
        };
        assert_eq!(weaknesses("2.15.1", &bad, false).len(), 4);
    }
}
