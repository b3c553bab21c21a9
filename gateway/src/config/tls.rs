//! Certificates and keys in PEM files: the gateway's own, and the authorities that a store's certificate
//! is checked against.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::reader::{Problems, Section};

/// Where the gateway's certificate and its key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate and those it was issued by, PEM, the gateway's own first.
    pub certificate: PathBuf,
    /// Its private key, PEM (PKCS #8, PKCS #1 or SEC 1).
    pub key: PathBuf,
    /// Whose certificates clients may show, PEM; without, they are not asked for any.
    pub client_authorities: Option<PathBuf>,
}

/// Why a certificate, a key or an authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error("{} cannot be read", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What is in it.
    #[error("{} is not PEM with {wanted}", file.display())]
    NotPem {
        /// Which.
        file: PathBuf,
        /// What should be in it.
        wanted: &'static str,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// The certificate is none, or the key is not its own.
    #[error("the certificate and the key do not go together")]
    Pair(#[source] rustls::Error),
    /// The authorities of clients.
    #[error("clients' certificates cannot be verified")]
    Clients(#[source] rustls::server::VerifierBuilderError),
    /// A certificate that is none.
    #[error("{} holds something that is no certificate", file.display())]
    Authority {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

impl TlsConfig {
    /// Reads the pair and checks that the key is the certificate's.
    pub fn load(&self) -> Result<CertifiedKey, TlsError> {
        let chain = certificates(&self.certificate)?;
        let text = read(&self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&text).map_err(|source| TlsError::NotPem {
            file: self.key.clone(),
            wanted: "a private key",
            source,
        })?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(TlsError::Pair)
    }

    /// Reads `[listen.tls]`; a pair that cannot be used is a problem of the configuration.
    pub(super) fn read(tls: &mut Section, base: &Path, problems: &mut Problems) -> Self {
        let before = problems.count();
        let config = Self {
            certificate: tls.path("certificate", "tls/server.pem", base, problems),
            key: tls.path("key", "tls/server-key.pem", base, problems),
            client_authorities: tls
                .optional_text("client_authorities", problems)
                .map(|file| base.join(file)),
        };
        if let Some(file) = &config.client_authorities
            && let Err(error) = authorities(file)
        {
            problems.add(&tls.at("client_authorities"), crate::error::report(&error));
        }
        if problems.count() == before
            && let Err(error) = config.load()
        {
            let name = match &error {
                TlsError::Unreadable { file, .. } | TlsError::NotPem { file, .. }
                    if *file == config.key =>
                {
                    "key"
                }
                _ => "certificate",
            };
            problems.add(&tls.at(name), crate::error::report(&error));
        }
        config
    }
}

/// The authorities in a file, and no others.
pub fn authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots
            .add(certificate)
            .map_err(|source| TlsError::Authority {
                file: file.to_owned(),
                source,
            })?;
    }
    Ok(roots)
}

/// At least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let not_pem = |source| TlsError::NotPem {
        file: file.to_owned(),
        wanted: "certificates",
        source,
    };
    let found: Vec<_> = CertificateDer::pem_slice_iter(&read(file)?)
        .collect::<Result<_, _>>()
        .map_err(not_pem)?;
    if found.is_empty() {
        return Err(not_pem(pem::Error::NoItemsFound));
    }
    Ok(found)
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    std::fs::read(file)
        .map(Zeroizing::new)
        .map_err(|source| TlsError::Unreadable {
            file: file.to_owned(),
            source,
        })
}
