//! `[admin]`: where administrators connect and which credentials the file declares; and how this program's own
//! commands reach an admin API.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::identity::read_administrators;
use super::reader::{Problems, Section};
use super::tls::TlsConfig;
use super::{IdentityProviderConfig, Secret};
use crate::admin::{AdminRole, Declared};

/// The admin API's listener.
#[derive(Debug)]
pub struct AdminConfig {
    /// Where it listens; without TLS on this machine only.
    pub listen: SocketAddr,
    /// The certificate that administrators see.
    pub tls: Option<TlsConfig>,
    /// Credentials declared here: accepted beside those in the control documents.
    pub credentials: Vec<Declared>,
    /// Who vouches for administrators.
    pub identity_providers: Vec<IdentityProviderConfig>,
}

impl AdminConfig {
    /// Reads `[admin]`, which need not be there.
    pub(super) fn read(root: &mut Section, base: &Path, problems: &mut Problems) -> Option<Self> {
        let mut admin = root.section("admin", problems)?;
        let listen = admin.optional_parsed("listen", DEFAULT, problems);
        let listen: Option<SocketAddr> = listen.or_else(|| DEFAULT.parse().ok());
        let tls = admin.section("tls", problems).map(|mut tls| {
            let read = TlsConfig::read(&mut tls, base, problems);
            tls.finish(problems);
            read
        });
        if tls.is_none() && listen.is_some_and(|address| !address.ip().is_loopback()) {
            problems.add(
                &admin.at("listen"),
                "must be a loopback address, or [admin.tls] must name a certificate",
            );
        }
        let credentials = read_credentials(&mut admin, problems);
        let identity_providers = read_administrators(&mut admin, base, problems);
        admin.finish(problems);
        Some(Self {
            listen: listen?,
            tls,
            credentials,
            identity_providers,
        })
    }
}

fn read_credentials(admin: &mut Section, problems: &mut Problems) -> Vec<Declared> {
    let mut ids = HashSet::new();
    let mut declared = Vec::new();
    for mut section in admin.sections("credentials", problems) {
        let one = Declared {
            id: section.text("id", "0123456789abcdef", problems),
            name: section.text("name", "alice", problems),
            role: section
                .parsed("role", "security-officer", problems)
                .unwrap_or(AdminRole::Auditor),
            tenant: section.optional_text("tenant", problems),
            sha256: section.text("sha256", "64 hex digits", problems),
        };
        let is_hex = |text: &str| {
            text.bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        for (name, text, length) in [("id", &one.id, 16), ("sha256", &one.sha256, 64)] {
            if !text.is_empty() && (text.len() != length || !is_hex(text)) {
                problems.add(
                    &section.at(name),
                    format!("must be {length} lower-case hexadecimal digits, as `sealgate admin credential create --declare` prints them"),
                );
            }
        }
        if let Err(error) =
            crate::admin::check_credential(&one.name, one.role, one.tenant.as_deref())
        {
            problems.add(&section.at("name"), error.to_string());
        }
        if !ids.insert(one.id.clone()) {
            problems.add(&section.at("id"), "is used twice");
        }
        section.finish(problems);
        declared.push(one);
    }
    declared
}

/// How a command reaches an admin API.
#[derive(Debug)]
pub struct AdminAccess {
    /// `https://host[:port]`, or `http://` on loopback.
    pub url: String,
    /// The bearer token.
    pub token: Secret,
    /// Authorities that alone are trusted for its certificate.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show, and its key.
    pub client: Option<TlsConfig>,
}

impl AdminAccess {
    /// From what was given on the command line, else from `SEALGATE_ADMIN_URL` (or `http://127.0.0.1:9002`),
    /// `SEALGATE_ADMIN_TOKEN_FILE` or `SEALGATE_ADMIN_TOKEN`, `SEALGATE_ADMIN_CA_FILE`, and
    /// `SEALGATE_ADMIN_CERTIFICATE_FILE` with `SEALGATE_ADMIN_KEY_FILE`. An error says what is missing.
    pub fn find(
        url: Option<String>,
        token_file: Option<PathBuf>,
        ca_file: Option<PathBuf>,
    ) -> Result<Self, String> {
        let url = url
            .or_else(|| variable("SEALGATE_ADMIN_URL"))
            .unwrap_or_else(|| format!("http://{DEFAULT}"));
        super::upstream::endpoint_is_safe(url.trim_end_matches('/'))
            .map_err(|why| format!("the admin URL {url} {why}"))?;
        let file = token_file.or_else(|| variable("SEALGATE_ADMIN_TOKEN_FILE").map(PathBuf::from));
        let token = match file {
            Some(file) => std::fs::read_to_string(&file)
                .map_err(|error| format!("{} cannot be read: {error}", file.display()))?,
            None => variable("SEALGATE_ADMIN_TOKEN").ok_or(
                "no admin token: set SEALGATE_ADMIN_TOKEN_FILE or SEALGATE_ADMIN_TOKEN, or give --token-file",
            )?,
        };
        let token = Zeroizing::new(token.trim().to_owned());
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            token: Secret(token),
            ca_file: ca_file.or_else(|| variable("SEALGATE_ADMIN_CA_FILE").map(PathBuf::from)),
            client: client_certificate()?,
        })
    }
}

/// The certificate that a command shows, where one is set.
fn client_certificate() -> Result<Option<TlsConfig>, String> {
    let path = |name| variable(name).map(PathBuf::from);
    let found = (
        path("SEALGATE_ADMIN_CERTIFICATE_FILE"),
        path("SEALGATE_ADMIN_KEY_FILE"),
    );
    match found {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsConfig {
            certificate,
            key,
            client_authorities: None,
        })),
        _ => Err(
            "SEALGATE_ADMIN_CERTIFICATE_FILE and SEALGATE_ADMIN_KEY_FILE go together: set both or none"
                .to_owned(),
        ),
    }
}

fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this folder is the one place that reads the environment"
    )]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

const DEFAULT: &str = "127.0.0.1:9002";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<AdminConfig>, Vec<String>> {
        let mut problems = Problems::default();
        let mut root = Section::root(text.parse().unwrap());
        let config = AdminConfig::read(&mut root, Path::new("/etc"), &mut problems);
        let problems = problems.into_vec();
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(problems
                .iter()
                .map(|problem| problem.path.clone())
                .collect())
        }
    }

    #[test]
    fn it_listens_on_loopback_unless_there_is_a_certificate() {
        assert!(read("").unwrap().is_none());
        let config = read("[admin]").unwrap().unwrap();
        assert_eq!(config.listen, DEFAULT.parse().unwrap());
        assert!(read("[admin]\nlisten = \"[::1]:1\"").is_ok());
        let open = read("[admin]\nlisten = \"0.0.0.0:9002\"").unwrap_err();
        assert_eq!(open, ["admin.listen"]);
    }

    #[test]
    fn a_declared_credential_has_an_id_a_hash_and_a_role_that_fits() {
        let credential = |id: &str, more: &str| {
            let sha256 = "ab".repeat(32);
            let text = format!(
                "[[admin.credentials]]\nid = \"{id}\"\nname = \"a\"\nsha256 = \"{sha256}\"\n{more}"
            );
            read(&text).map(|config| config.unwrap().credentials.len())
        };
        let id = "0123456789abcdef";
        assert_eq!(credential(id, "role = \"auditor\""), Ok(1));
        assert_eq!(
            credential(id, "role = \"tenant-owner\"\ntenant = \"t\""),
            Ok(1)
        );
        for (id, more, path) in [
            (id, "role = \"king\"", "admin.credentials[0].role"),
            (id, "role = \"tenant-owner\"", "admin.credentials[0].name"),
            ("xyz", "role = \"auditor\"", "admin.credentials[0].id"),
        ] {
            assert_eq!(credential(id, more), Err(vec![path.to_owned()]));
        }
    }
}
