//! Certificates for servers on loopback, of an authority that only these tests trust.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// An authority, and its certificate as clients are given it.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

/// A certificate for `localhost` and 127.0.0.1 with its key, in PEM files.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Authority {
    /// A new authority whose certificate is written to `directory`.
    ///
    /// # Panics
    /// If no key can be made or the file not be written.
    pub fn new(directory: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        // A certificate whose issuer has its own name would pass for self-signed.
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "authority of the tests");
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.self_signed(&key).expect("a certificate can be made");
        let file = directory.join("ca.pem");
        fs::write(&file, certificate.pem()).expect("a file can be written");
        Self {
            issuer: Issuer::new(params, key),
            file,
        }
    }

    /// The authority's certificate, PEM.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A new pair in `directory`, in place of any that is there.
    ///
    /// # Panics
    /// If no key can be made or the files not be written.
    pub fn issue(&self, directory: &Path) -> Pair {
        let names = ["localhost", "*.localhost", "127.0.0.1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).expect("the names are good");
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("a certificate can be made");
        let pair = Pair {
            certificate: directory.join("server.pem"),
            key: directory.join("server-key.pem"),
        };
        fs::write(&pair.certificate, certificate.pem()).expect("a file can be written");
        fs::write(&pair.key, key.serialize_pem()).expect("a file can be written");
        pair
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Authority")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
