//! What is known of the connection that a request came over. Travels in the request's extensions.

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::ProtocolVersion;

/// A connection, as far as policies can ask about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// 12 or 13 for TLS 1.2 and 1.3, 0 without TLS.
    pub tls: u8,
    /// SHA-256 of the client's certificate, hexadecimal, if it showed one.
    pub client_cert_fp: Option<String>,
}

impl Connection {
    /// A connection of that version of TLS, with the client's certificate (DER) if it showed one, which was verified.
    pub fn secured(version: Option<ProtocolVersion>, certificate: Option<&[u8]>) -> Self {
        let tls = match version {
            Some(ProtocolVersion::TLSv1_3) => 13,
            Some(ProtocolVersion::TLSv1_2) => 12,
            _ => 0,
        };
        Self {
            tls,
            client_cert_fp: certificate.map(|der| hex::encode(Sha256::digest(der))),
        }
    }
}
