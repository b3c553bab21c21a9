//! Syslog messages (RFC 5424) over TLS (RFC 5425), or TCP inside this machine (RFC 6587), counted octets before each.
//! The protocol has no answers but one: a receiver that has read a connection to its end closes it too. So each batch has a
//! connection of its own, and is told when the receiver closes that.

use std::io;
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
}

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
        })
    }

    pub(super) async fn deliver(&self, batch: &[Parcel]) -> Result<(), TargetError> {
        let text: Vec<u8> = batch
            .iter()
            .flat_map(|parcel| framed(&message(parcel, &self.host)))
            .collect();
        let unreachable = |error: io::Error| TargetError::Unreachable(error.to_string());
        let mut stream = TcpStream::connect(&self.address)
            .await
            .map_err(unreachable)?;
        let Some((connector, name)) = &self.tls else {
            send(&mut stream, &text).await?;
            stream.shutdown().await?;
            return closed(&mut stream).await;
        };
        let stream = connector.connect(name.clone(), stream).await;
        let mut stream = stream.map_err(unreachable)?;
        send(&mut stream, &text).await?;
        // RFC 5425, 4.4: the receiver answers this alert with its own, unless TCP has closed the connection before.
        // Nobody on the way can make that up.
        stream.get_mut().1.send_close_notify();
        stream.flush().await?;
        closed(&mut stream).await
    }
}

async fn send(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    text: &[u8],
) -> Result<(), TargetError> {
    stream.write_all(text).await?;
    stream.flush().await?;
    // Closed before it could know the end: it may have read nothing.
    match closed(stream).now_or_never() {
        None => Ok(()),
        Some(closed) => closed.and(Err(TargetError::Closed)),
    }
}

/// Waits until the receiver closes the connection; it says nothing else. Where it has not read all, TCP tells.
async fn closed(stream: &mut (impl AsyncRead + Unpin)) -> Result<(), TargetError> {
    let mut said = [0; 64];
    while stream.read(&mut said).await? > 0 {}
    Ok(())
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
    use std::cell::Cell;

    use audit::Line;
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::SinkFormat;

    const LINE: &str =
        r#"{"kind":"deny","decision":"deny","wall":"2026-11-27T01:02:03.004Z","id":"1"}"#;

    fn parcel() -> Parcel {
        let line = Line {
            log: "l".to_owned(),
            seq: 0,
            segment: 0,
            offset: 0,
            text: LINE.to_owned(),
        };
        Parcel::of(line, "sealgate/d", SinkFormat::Raw)
    }

    #[test]
    fn a_message_has_the_header_of_rfc_5424() {
        // 13 * 8 + 4 = 108
        let expected =
            format!("<108>1 2026-11-27T01:02:03.004Z replica-1 sealgate - deny - {LINE}");
        assert_eq!(message(&parcel(), "replica-1"), expected);
        assert_eq!(framed("käse"), "5 käse".as_bytes());
    }

    /// That the system took a batch, on this side or the other, says nothing of who reads it.
    #[tokio::test]
    async fn what_the_receiver_has_not_read_is_not_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = SyslogConfig {
            address: listener.local_addr().unwrap().to_string(),
            server_name: None,
            ca_file: None,
        };
        let syslog = Syslog::new(&config, "r").unwrap();
        let (batch, told) = ([parcel()], Cell::new(false));
        let expected = framed(&message(&parcel(), "r"));
        for reads in [false, true] {
            let telling = async {
                let telling = syslog.deliver(&batch).await;
                told.set(telling.is_ok());
            };
            let receiving = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                // All of it is in this side's buffers, with the end behind it.
                let mut there = vec![0; expected.len()];
                while stream.peek(&mut there).await.unwrap() < expected.len() {}
                if reads {
                    let mut read = Vec::new();
                    stream.read_to_end(&mut read).await.unwrap();
                    assert_eq!(read, expected);
                }
                assert!(!told.get(), "it waits for the end");
            };
            tokio::join!(telling, receiving);
            assert_eq!(told.get(), reads);
        }
        // It takes the connection and goes at once.
        let many: Vec<Parcel> = (0..20_000).map(|_| parcel()).collect();
        let receiving = async { drop(listener.accept().await.unwrap()) };
        let (told, ()) = tokio::join!(syslog.deliver(&many), receiving);
        told.unwrap_err();
    }
}
