//! A certificate for this machine, of an authority made for it alone: enough to try clients over TLS.

use std::fs;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::config::TlsConfig;

/// Where the three files lie, below the data of `sealgate dev`.
pub(super) struct SelfSigned {
    /// What clients are told to trust.
    pub(super) authority: PathBuf,
    /// What they are shown.
    pub(super) server: TlsConfig,
}

impl SelfSigned {
    pub(super) fn below(data: &Path) -> Self {
        let folder = data.join(FOLDER);
        Self {
            authority: folder.join("ca.pem"),
            server: TlsConfig {
                certificate: folder.join("server.pem"),
                key: folder.join("server-key.pem"),
                client_authorities: None,
            },
        }
    }

    /// Makes the files, unless they are there. The authority's key is kept nowhere: it signs nothing else.
    pub(super) fn make(&self, listen: IpAddr, now: SystemTime) -> io::Result<()> {
        if [&self.authority, &self.server.certificate, &self.server.key]
            .iter()
            .all(|file| file.exists())
        {
            return Ok(());
        }
        let (authority, certificate, key) = issue(listen, now).map_err(io::Error::other)?;
        if let Some(folder) = self.authority.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        fs::write(&self.authority, authority)?;
        fs::write(&self.server.certificate, certificate)?;
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.server.key)?
            .write_all(key.as_bytes())
    }
}

/// The authority, a certificate of it, and that one's key; all PEM.
fn issue(listen: IpAddr, now: SystemTime) -> Result<(String, String, String), rcgen::Error> {
    let (begin, end) = (now - Duration::from_hours(24), now + VALID);

    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (authority.not_before, authority.not_after) = (begin.into(), end.into());
    authority
        .distinguished_name
        .push(DnType::CommonName, "sealgate dev");
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;

    let names = ["localhost", "*.localhost", "127.0.0.1", "::1"];
    let mut names: Vec<String> = names.map(str::to_owned).into();
    if !listen.is_loopback() && !listen.is_unspecified() {
        names.push(listen.to_string());
    }
    let mut server = CertificateParams::new(names)?;
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.use_authority_key_identifier_extension = true;
    (server.not_before, server.not_after) = (begin.into(), end.into());
    server
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
    Ok((
        authority_certificate.pem(),
        certificate.pem(),
        key.serialize_pem(),
    ))
}

/// Beside the configuration.
pub(super) const FOLDER: &str = "tls";

/// Some clients take no certificate that is valid for more than 825 days.
const VALID: Duration = Duration::from_hours(24 * 800);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pair_it_makes_goes_together_and_stays() {
        let data = tempfile::tempdir().unwrap();
        let made = SelfSigned::below(data.path());
        let make = || made.make(IpAddr::from([127, 0, 0, 1]), SystemTime::UNIX_EPOCH + VALID);
        make().unwrap();
        assert_eq!(made.server.load().unwrap().cert.len(), 1);
        let first = fs::read(&made.server.key).unwrap();
        make().unwrap();
        assert_eq!(fs::read(&made.server.key).unwrap(), first);
    }
}
