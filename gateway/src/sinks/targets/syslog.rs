//! Syslog messages (RFC 5424) over TLS (RFC 5425), or TCP inside this machine (RFC 6587), counted octets before each.
//! The protocol has no answers, so what was sent last is sent again over the next connection.

use std::sync::Arc;

use futures_util::FutureExt as _;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::super::parcel::Parcel;
use super::TargetError;
use crate::config::{SyslogConfig, authorities};
use crate::upstream::client_tls;

/// A receiver of syslog messages.
pub(in crate::sinks) struct Syslog {
    address: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    host: String,
    connection: Option<Box<dyn Connection>>,
    /// Sent over a connection that may have broken before it arrived.
    last: Vec<u8>,
}

trait Connection: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Connection for T {}

impl Syslog {
    pub(super) fn new(config: &SyslogConfig, replica: &str) -> Result<Self, TargetError> {
        let tls = match &config.server_name {
            Some(name) => {
                let roots = config.ca_file.as_deref().map(authorities).transpose()?;
                let connector = TlsConnector::from(Arc::new(client_tls(roots)?));
                let name = ServerName::try_from(name.clone())
                    .map_err(|error| TargetError::Unreachable(error.to_string()))?;
                Some((connector, name))
            }
            None => None,
        };
        Ok(Self {
            address: config.address.clone(),
            tls,
            host: replica.to_owned(),
            connection: None,
            last: Vec::new(),
        })
    }

    pub(super) async fn deliver(&mut self, batch: &[Parcel]) -> Result<(), TargetError> {
        let text: Vec<u8> = batch
            .iter()
            .flat_map(|parcel| framed(&message(parcel, &self.host)))
            .collect();
        // Whatever breaks leaves no connection behind.
        let mut held = self.connection.take();
        let alive = held.as_mut().is_some_and(|held| is_alive(held.as_mut()));
        let (mut connection, again) = match held.filter(|_| alive) {
            Some(held) => (held, false),
            None => (self.connect().await?, true),
        };
        if again {
            connection.write_all(&self.last).await?;
        }
        connection.write_all(&text).await?;
        connection.flush().await?;
        self.last = text;
        self.connection = Some(connection);
        Ok(())
    }

    async fn connect(&self) -> Result<Box<dyn Connection>, TargetError> {
        let unreachable = |error: std::io::Error| TargetError::Unreachable(error.to_string());
        let stream = TcpStream::connect(&self.address)
            .await
            .map_err(unreachable)?;
        Ok(match &self.tls {
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await;
                Box::new(stream.map_err(unreachable)?)
            }
            None => Box::new(stream),
        })
    }
}

/// Whether the other side has not closed it; receivers say nothing.
fn is_alive(connection: &mut dyn Connection) -> bool {
    let mut said = [0; 64];
    loop {
        match connection.read(&mut said).now_or_never() {
            None => return true,
            Some(Ok(length)) if length > 0 => {}
            Some(_) => return false,
        }
    }
}

/// RFC 6587, 3.4.1: the length in octets, a space, the message.
fn framed(message: &str) -> Vec<u8> {
    format!("{} {message}", message.len()).into_bytes()
}

/// RFC 5424, section 6: facility 13 (log audit), severity 4 (warning) for what was refused and 6 (informational) for
/// the rest; no structured data, as all is in the JSON.
fn message(parcel: &Parcel, host: &str) -> String {
    let severity = if parcel.denied { 4 } else { 6 };
    let priority = 13 * 8 + severity;
    let time = if parcel.time.is_empty() {
        "-"
    } else {
        &parcel.time
    };
    let kind = if parcel.kind.is_empty() {
        "-"
    } else {
        &parcel.kind
    };
    format!(
        "<{priority}>1 {time} {host} sealgate - {kind} - {}",
        parcel.body
    )
}

#[cfg(test)]
mod tests {
    use audit::Line;

    use super::*;
    use crate::config::SinkFormat;

    #[test]
    fn a_message_has_the_header_of_rfc_5424() {
        let text =
            r#"{"kind":"deny","decision":"deny","wall":"2026-11-27T01:02:03.004Z","id":"1"}"#;
        let line = Line {
            log: "l".to_owned(),
            seq: 0,
            segment: 0,
            offset: 0,
            text: text.to_owned(),
        };
        let parcel = Parcel::of(line, "sealgate/d", SinkFormat::Raw);
        // 13 * 8 + 4 = 108
        let expected =
            format!("<108>1 2026-11-27T01:02:03.004Z replica-1 sealgate - deny - {text}");
        assert_eq!(message(&parcel, "replica-1"), expected);
        assert_eq!(framed("käse"), "5 käse".as_bytes());
    }
}
