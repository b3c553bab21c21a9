//! The certificate shown to clients, exchanged for a new one while connections go on.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio_rustls::TlsAcceptor;

use crate::config::{TlsConfig, TlsError, authorities};

/// A certificate and its key, as they were when last read from their files.
pub(super) struct Certificates {
    files: TlsConfig,
    shown: ArcSwap<CertifiedKey>,
    seen: Mutex<Stamp>,
}

/// Whom to let connect where authorities of clients are set. A certificate that is shown must be a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clients {
    /// Whether a certificate is needed is for keys and policies to say.
    Anybody,
    /// Only whoever shows one.
    Identified,
}

/// What tells one state of the two files from another. A file that is put in another's place, or a link that
/// is turned to another, has another inode.
type Stamp = [Option<(u64, i64, i64, u64)>; 2];

impl Certificates {
    pub(super) fn load(files: TlsConfig) -> Result<Self, TlsError> {
        // Before the files, so that a change between the two is seen as one.
        let seen = stamp(&files);
        let shown = files.load()?;
        Ok(Self {
            files,
            shown: ArcSwap::from_pointee(shown),
            seen: Mutex::new(seen),
        })
    }

    /// Reads the files again if they have changed, or in any case. A pair that cannot be used changes
    /// nothing: the last good one is shown on.
    pub(super) fn refresh(&self, in_any_case: bool) {
        let stamp = stamp(&self.files);
        let before = std::mem::replace(
            &mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner),
            stamp,
        );
        if stamp == before && !in_any_case {
            return;
        }
        match self.files.load() {
            Ok(pair) => {
                self.shown.store(Arc::new(pair));
                tracing::info!(certificate = %self.files.certificate.display(), "the certificate was read again");
            }
            Err(error) => tracing::error!(
                error = crate::error::report(&error),
                "the new certificate cannot be used; the old one is shown on"
            ),
        }
    }

    /// TLS 1.2 and 1.3, for HTTP/2 and HTTP/1.1.
    pub(super) fn acceptor(self: &Arc<Self>, clients: Clients) -> Result<TlsAcceptor, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(TlsError::Pair)?;
        let builder = match &self.files.client_authorities {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let roots = Arc::new(authorities(file)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = match clients {
                    Clients::Anybody => verifier.allow_unauthenticated().build(),
                    Clients::Identified => verifier.build(),
                };
                builder.with_client_cert_verifier(verifier.map_err(TlsError::Clients)?)
            }
        };
        let mut config =
            builder.with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Certificates")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.load_full())
    }
}

fn stamp(files: &TlsConfig) -> Stamp {
    let of = |found: Metadata| (found.ino(), found.mtime(), found.mtime_nsec(), found.len());
    [&files.certificate, &files.key].map(|file| std::fs::metadata(file).ok().map(of))
}

/// HTTP/2's name in ALPN (RFC 9113 §3.1).
pub(super) const H2: &[u8] = b"h2";
