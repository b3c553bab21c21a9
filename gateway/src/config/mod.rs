//! What the program needs to know to run, read from one TOML file. Nothing else reads files of settings
//! or the environment.

mod reader;
mod sealing;
mod tls;

use std::collections::HashSet;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use policies::Role;
use zeroize::Zeroizing;

pub use reader::Problem;
use reader::{Problems, Section};
pub use sealing::Suites;
pub use tls::{TlsConfig, TlsError, authorities};

use crate::accommodations::Accommodations;

/// A configuration that can be run.
#[derive(Debug)]
pub struct Config {
    /// Where S3 clients connect.
    pub listen: SocketAddr,
    /// The certificate they see; without one they connect without TLS.
    pub tls: Option<TlsConfig>,
    /// How many requests are worked on at once; more are told to come again.
    pub requests_at_once: usize,
    /// Where metrics and health are told, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// Base domains for virtual-hosted addressing.
    pub base_domains: Vec<String>,
    /// The region the gateway says it is in.
    pub region: String,
    /// What is done for single clients' sake.
    pub accommodations: Accommodations,
    /// Whether `Authorization` headers of Signature Version 2 are verified.
    pub signature_v2_headers: bool,
    /// The store.
    pub upstream: UpstreamConfig,
    /// Beginning of every upstream bucket's name.
    pub bucket_prefix: String,
    /// Where root keys come from.
    pub kms: KmsConfig,
    /// Directory of the audit journal.
    pub journal: PathBuf,
    /// The cipher suites of tenants that ask for none of their own.
    pub suites: Suites,
    /// Tenants declared in the file.
    pub tenants: Vec<TenantConfig>,
}

/// The store behind the gateway.
#[derive(Debug)]
pub enum UpstreamConfig {
    /// A bucket on this machine's disk.
    Embedded {
        /// Its directory.
        path: PathBuf,
    },
    /// Any S3 store.
    S3 {
        /// `https://host[:port]`; `http://` on loopback only.
        endpoint: String,
        /// Region to sign for.
        region: String,
        /// The gateway's own credentials at the store.
        access_key_id: String,
        /// Their secret.
        secret_access_key: Secret,
        /// Authorities that alone are trusted for the store's certificate, PEM; without, the machine's.
        ca_file: Option<PathBuf>,
        /// How long the store may be silent when it is its turn.
        timeout: Duration,
    },
}

/// The key management behind the keyrings.
#[derive(Debug)]
pub enum KmsConfig {
    /// Root keys in a file: for one machine and for trying things out.
    DangerousLocalFile {
        /// The file, mode 0600; made on first start.
        path: PathBuf,
    },
}

/// A tenant and its credentials.
#[derive(Debug)]
pub struct TenantConfig {
    /// 1 to 32 of `a-z 0-9 -`.
    pub id: String,
    /// Its cipher suites.
    pub suites: Suites,
    /// Its access keys.
    pub credentials: Vec<CredentialConfig>,
}

/// An access key.
#[derive(Debug)]
pub struct CredentialConfig {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: Secret,
    /// Who acts with it.
    pub principal: String,
    /// What they may do.
    pub role: Role,
}

/// A secret from the configuration; never shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret")
    }
}

impl Config {
    /// Reads a file; all problems at once.
    pub fn load(file: &Path) -> Result<Self, Vec<Problem>> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            vec![Problem {
                path: String::new(),
                message: format!("{} cannot be read: {error}", file.display()),
            }]
        })?;
        Self::parse(&text, file.parent().unwrap_or(Path::new(".")))
    }

    /// Reads a configuration; relative paths in it are relative to `base`.
    pub fn parse(text: &str, base: &Path) -> Result<Self, Vec<Problem>> {
        let table = text.parse().map_err(|error: toml::de::Error| {
            vec![Problem {
                path: String::new(),
                message: error.to_string(),
            }]
        })?;
        let mut problems = Problems::default();
        let mut root = Section::root(table);
        let config = Self::read(&mut root, base, &mut problems);
        root.finish(&mut problems);
        let problems = problems.into_vec();
        config.filter(|_| problems.is_empty()).ok_or(problems)
    }

    fn read(root: &mut Section, base: &Path, problems: &mut Problems) -> Option<Self> {
        let listen = read_listen(root, base, problems);
        let metrics = read_metrics(root, problems);
        let region = root
            .optional_text("region", problems)
            .unwrap_or_else(|| "us-east-1".to_owned());
        let accommodations = read_accommodations(root, problems);
        let signature_v2_headers = root.flag("signature_v2_headers", problems);
        let (upstream, bucket_prefix) = read_upstream(root, base, problems);
        let kms = read_kms(root, base, problems);
        let journal = read_required(root, "audit", problems, |audit, problems| {
            audit.path("journal", "audit", base, problems)
        });
        let suites = Suites::of_deployment(root, problems);
        let tenants = read_tenants(root, suites, base, problems);
        let listen = listen?;
        Some(Self {
            listen: listen.address?,
            tls: listen.tls,
            requests_at_once: listen.requests_at_once,
            metrics,
            base_domains: listen.base_domains,
            region,
            accommodations,
            signature_v2_headers,
            upstream: upstream?,
            bucket_prefix,
            kms: kms?,
            journal: journal?,
            suites,
            tenants,
        })
    }
}

fn read_required<T>(
    root: &mut Section,
    name: &str,
    problems: &mut Problems,
    read: impl FnOnce(&mut Section, &mut Problems) -> T,
) -> Option<T> {
    let Some(mut section) = root.section(name, problems) else {
        problems.add(name, format!("the table [{name}] is missing"));
        return None;
    };
    let value = read(&mut section, problems);
    section.finish(problems);
    Some(value)
}

/// `[accommodations]`, which need not be there.
fn read_accommodations(root: &mut Section, problems: &mut Problems) -> Accommodations {
    let section = root.section("accommodations", problems);
    section.map_or(Accommodations { rclone_etags: true }, |mut section| {
        let rclone_etags = section.switch("rclone_etags", problems);
        section.finish(problems);
        Accommodations { rclone_etags }
    })
}

struct Listen {
    address: Option<SocketAddr>,
    tls: Option<TlsConfig>,
    requests_at_once: usize,
    base_domains: Vec<String>,
}

fn read_listen(root: &mut Section, base: &Path, problems: &mut Problems) -> Option<Listen> {
    read_required(root, "listen", problems, |listen, problems| {
        let address = listen.parsed("s3", "127.0.0.1:9000", problems);
        let tls = listen.section("tls", problems).map(|mut tls| {
            let read = TlsConfig::read(&mut tls, base, problems);
            tls.finish(problems);
            read
        });
        let domains = listen.texts("base_domains", problems);
        Listen {
            address,
            tls,
            requests_at_once: listen
                .optional_number("requests_at_once", 1..=MOST_AT_ONCE, problems)
                .and_then(|number| usize::try_from(number).ok())
                .unwrap_or(AT_ONCE),
            base_domains: domains
                .iter()
                .map(|domain| domain.to_ascii_lowercase())
                .collect(),
        }
    })
}

fn read_metrics(root: &mut Section, problems: &mut Problems) -> Option<SocketAddr> {
    let mut metrics = root.section("metrics", problems)?;
    let address = metrics.parsed("listen", "127.0.0.1:9001", problems);
    metrics.finish(problems);
    address
}

fn read_upstream(
    root: &mut Section,
    base: &Path,
    problems: &mut Problems,
) -> (Option<UpstreamConfig>, String) {
    let read = read_required(root, "upstream", problems, |upstream, problems| {
        let embedded = upstream.section("embedded", problems);
        let s3 = upstream.section("s3", problems);
        match (embedded, s3) {
            (Some(mut embedded), None) => {
                let path = embedded.path("path", "bucket", base, problems);
                let prefix = read_prefix(&mut embedded, problems);
                embedded.finish(problems);
                (Some(UpstreamConfig::Embedded { path }), prefix)
            }
            (None, Some(mut s3)) => {
                let store = read_s3(&mut s3, base, problems);
                let prefix = read_prefix(&mut s3, problems);
                s3.finish(problems);
                (Some(store), prefix)
            }
            _ => {
                problems.add(
                    "upstream",
                    "needs exactly one of [upstream.embedded] and [upstream.s3]",
                );
                (None, String::new())
            }
        }
    });
    read.unwrap_or_default()
}

fn read_prefix(section: &mut Section, problems: &mut Problems) -> String {
    let prefix = section
        .optional_text("bucket_prefix", problems)
        .unwrap_or_else(|| "sealgate-".to_owned());
    let fits = prefix.len() <= 20
        && prefix.starts_with(|c: char| c.is_ascii_alphanumeric())
        && prefix
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !fits {
        problems.add(
            &section.at("bucket_prefix"),
            "must be 1 to 20 of a-z, 0-9 and -, beginning with a letter or digit",
        );
    }
    prefix
}

fn read_s3(s3: &mut Section, base: &Path, problems: &mut Problems) -> UpstreamConfig {
    let endpoint = s3.text(
        "endpoint",
        "https://s3.eu-central-1.amazonaws.com",
        problems,
    );
    if !endpoint.is_empty()
        && let Err(why) = endpoint_is_safe(&endpoint)
    {
        problems.add(&s3.at("endpoint"), why);
    }
    UpstreamConfig::S3 {
        endpoint,
        region: s3.text("region", "us-east-1", problems),
        access_key_id: s3.text("access_key_id", "…", problems),
        secret_access_key: Secret(Zeroizing::new(s3.secret(
            "secret_access_key",
            base,
            problems,
        ))),
        ca_file: read_authorities(s3, base, problems),
        timeout: Duration::from_secs(
            s3.optional_number("timeout_seconds", 1..=LONGEST_SILENCE, problems)
                .unwrap_or(SILENCE),
        ),
    }
}

fn read_authorities(s3: &mut Section, base: &Path, problems: &mut Problems) -> Option<PathBuf> {
    let file = base.join(s3.optional_text("ca_file", problems)?);
    if let Err(error) = authorities(&file) {
        problems.add(&s3.at("ca_file"), crate::error::report(&error));
    }
    Some(file)
}

/// Sealed bytes and store credentials travel over TLS; without it only inside this machine.
fn endpoint_is_safe(endpoint: &str) -> Result<(), String> {
    let uri: http::Uri = endpoint
        .parse()
        .map_err(|error| format!("is no URL: {error}"))?;
    let host = uri
        .host()
        .ok_or("needs a host, as in https://s3.example.org")?;
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err("must not have a path".to_owned());
    }
    let loopback = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if loopback => Ok(()),
        Some("http") => Err(
            "must be https:// unless the store is on this machine's loopback address".to_owned(),
        ),
        _ => Err("must begin with https://".to_owned()),
    }
}

fn read_kms(root: &mut Section, base: &Path, problems: &mut Problems) -> Option<KmsConfig> {
    read_required(root, "kms", problems, |kms, problems| {
        let Some(mut local) = kms.section("dangerous_local_file", problems) else {
            problems.add("kms", "needs [kms.dangerous_local_file] with a path");
            return None;
        };
        let path = local.path("path", "root-keys", base, problems);
        local.finish(problems);
        Some(KmsConfig::DangerousLocalFile { path })
    })
    .flatten()
}

fn read_tenants(
    root: &mut Section,
    suites: Suites,
    base: &Path,
    problems: &mut Problems,
) -> Vec<TenantConfig> {
    let mut ids = HashSet::new();
    let mut access_keys = HashSet::new();
    let mut tenants = Vec::new();
    for mut section in root.sections("tenants", problems) {
        let id = section.text("id", "demo", problems);
        if !id.is_empty()
            && (id.len() > 32
                || !id
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')))
        {
            problems.add(&section.at("id"), "must be 1 to 32 of a-z, 0-9 and -");
        }
        if !ids.insert(id.clone()) {
            problems.add(
                &section.at("id"),
                format!("the tenant {id:?} is declared twice"),
            );
        }
        let suites = Suites::read(&mut section, suites, problems);
        let mut credentials = Vec::new();
        for mut credential in section.sections("credentials", problems) {
            let read = read_credential(&mut credential, base, problems);
            if let Some(read) = read {
                if !access_keys.insert(read.access_key_id.clone()) {
                    problems.add(
                        &credential.at("access_key_id"),
                        "is used twice; access keys are unique over all tenants",
                    );
                }
                credentials.push(read);
            }
            credential.finish(problems);
        }
        section.finish(problems);
        tenants.push(TenantConfig {
            id,
            suites,
            credentials,
        });
    }
    tenants
}

fn read_credential(
    section: &mut Section,
    base: &Path,
    problems: &mut Problems,
) -> Option<CredentialConfig> {
    let access_key_id = section.text("access_key_id", "AK…", problems);
    if access_key_id.len() > 128
        || !access_key_id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.=@".contains(&byte))
    {
        problems.add(
            &section.at("access_key_id"),
            "must be 1 to 128 letters, digits or _ - . = @",
        );
    }
    let secret = section.secret("secret_access_key", base, problems);
    if !secret.is_empty() && secret.len() < SHORTEST_SECRET {
        problems.add(
            &section.at("secret_access_key"),
            format!("must have at least {SHORTEST_SECRET} characters"),
        );
    }
    let principal = section.text("principal", "upload-service", problems);
    let role = section.parsed("role", "writer", problems);
    Some(CredentialConfig {
        access_key_id,
        secret_access_key: Secret(Zeroizing::new(secret)),
        principal,
        role: role?,
    })
}

/// Starts logging to standard error: the level from `SEALGATE_LOG` (for example `debug`), else `info`.
pub fn start_logging() {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    let wanted = std::env::var("SEALGATE_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(&wanted)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}

/// Each takes about 256 KiB while it streams.
const AT_ONCE: usize = 1024;
const MOST_AT_ONCE: u64 = 1_000_000;

/// Seconds. Completing an upload of many parts takes some stores long.
const SILENCE: u64 = 60;
const LONGEST_SILENCE: u64 = 3600;

/// What S3 stores ask for.
const SHORTEST_SECRET: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [listen]
        s3 = "127.0.0.1:9000"
        [upstream.s3]
        endpoint = "http://127.0.0.1:8333"
        region = "us-east-1"
        access_key_id = "store"
        secret_access_key = "store-secret"
        [kms.dangerous_local_file]
        path = "root-keys"
        [audit]
        journal = "audit"
        [[tenants]]
        id = "demo"
        [[tenants.credentials]]
        access_key_id = "DEMO"
        secret_access_key = "0123456789abcdef"
        principal = "demo-admin"
        role = "tenant-admin"
    "#;

    fn problems(text: &str) -> Vec<String> {
        Config::parse(text, Path::new("/etc/sealgate"))
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_good_file_is_read_and_paths_are_relative_to_it() {
        let config = Config::parse(GOOD, Path::new("/etc/sealgate")).unwrap();
        assert_eq!(config.journal, Path::new("/etc/sealgate/audit"));
        assert_eq!(config.bucket_prefix, "sealgate-");
        assert_eq!(config.tenants[0].credentials[0].role, Role::TenantAdmin);
        let shown = format!("{config:?}");
        assert!(!shown.contains("0123456789abcdef") && !shown.contains("store-secret"));
        let _: &Zeroizing<String> = &config.tenants[0].credentials[0].secret_access_key.0;
    }

    #[test]
    fn all_problems_are_told_at_once_with_their_paths() {
        let text = GOOD
            .replace("127.0.0.1:9000", "nowhere")
            .replace("http://127.0.0.1:8333", "http://store.example.org")
            .replace("tenant-admin", "king")
            .replace("0123456789abcdef", "short")
            .replace("journal", "jurnal");
        let found = problems(&text);
        for path in [
            "listen.s3: ",
            "upstream.s3.endpoint: must be https",
            "tenants[0].credentials[0].role: ",
            "tenants[0].credentials[0].secret_access_key: ",
            "audit.journal: is missing",
            "audit.jurnal: is not a setting",
        ] {
            assert!(
                found.iter().any(|problem| problem.starts_with(path)),
                "{path} not in {found:#?}"
            );
        }
        assert_eq!(found.len(), 6, "{found:#?}");
    }

    #[test]
    fn plaintext_transport_is_for_loopback_only() {
        for good in [
            "https://s3.example.org",
            "http://localhost:1",
            "http://[::1]:9",
            "http://127.0.0.2",
        ] {
            assert_eq!(endpoint_is_safe(good), Ok(()), "{good}");
        }
        for bad in [
            "http://10.0.0.1",
            "ftp://localhost",
            "https://h/path",
            "nothing",
            "http://localhost.example.org",
        ] {
            assert!(endpoint_is_safe(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_empty_file_names_every_missing_table() {
        let found = problems("");
        assert_eq!(found.len(), 4, "{found:#?}");
    }
}
