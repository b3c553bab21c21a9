//! What the program needs to know to run, read from one TOML file. Nothing else reads files of settings
//! or the environment.

mod admin;
mod archive;
mod audit;
mod endpoints;
mod identity;
mod keys;
mod kms;
mod limits;
mod listen;
mod logging;
mod policies;
mod reader;
mod sealing;
mod settings;
mod shown;
mod sinks;
mod tenants;
mod tls;
mod upstream;

use std::net::SocketAddr;
use std::path::Path;

use zeroize::Zeroizing;

pub use self::audit::AuditConfig;
pub use admin::{AdminAccess, AdminConfig};
pub use archive::ArchiveConfig;
pub use endpoints::Endpoint;
pub use identity::{IdentityKind, IdentityProviderConfig, MfaConfig, RoleRule, SessionBounds};
pub use keys::{KeysConfig, MirrorConfig};
pub use kms::{KmsConfig, ProviderConfig};
pub use limits::TenantLimits;
pub use logging::start_logging;
pub use policies::{Guardrails, PoliciesConfig, read_policy_file};
pub use reader::Problem;
use reader::{Problems, Section};
pub use sealing::Suites;
pub use settings::TenantSettings;
pub use shown::{Shown, programs};
pub use sinks::{
    JetStreamConfig, Selection, SinkConfig, SinkFormat, SyslogConfig, TargetConfig, WebhookConfig,
    WebhookMode,
};
pub use tenants::{CredentialConfig, TenantConfig};
pub use tls::{TlsConfig, TlsError, authorities};
pub use upstream::UpstreamConfig;
pub(crate) use upstream::endpoint_is_safe;

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
    /// Where administrators connect, if anywhere.
    pub admin: Option<AdminConfig>,
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
    /// How much of the gateway a tenant may take that does not say so itself.
    pub limits: TenantLimits,
    /// Where root keys come from.
    pub kms: KmsConfig,
    /// How keys are kept.
    pub keys: KeysConfig,
    /// The audit trail.
    pub audit: AuditConfig,
    /// The cipher suites of tenants that ask for none of their own.
    pub suites: Suites,
    /// Policies that are among every tenant's.
    pub guardrails: Guardrails,
    /// Tenants declared in the file.
    pub tenants: Vec<TenantConfig>,
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

#[cfg(test)]
impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
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
        let listen = listen::read_listen(root, base, problems);
        let metrics = read_metrics(root, problems);
        let admin = AdminConfig::read(root, base, problems);
        let region = root
            .optional_text("region", problems)
            .unwrap_or_else(|| "us-east-1".to_owned());
        let accommodations = read_accommodations(root, problems);
        let signature_v2_headers = root.flag("signature_v2_headers", problems);
        let (upstream, bucket_prefix) = upstream::read_upstream(root, base, problems);
        let kms = kms::read_kms(root, base, problems);
        let system_bucket = format!("{bucket_prefix}system");
        let store = (upstream.as_ref(), system_bucket.as_str());
        let keys = KeysConfig::read(root, store, base, problems);
        let audit = read_required(root, "audit", problems, |audit, problems| {
            let store = (upstream.as_ref(), bucket_prefix.as_str());
            AuditConfig::read(audit, store, base, problems)
        });
        let suites = Suites::of_deployment(root, problems);
        let limits = TenantLimits::of_deployment(root, problems);
        let guardrails = Guardrails::read(root, base, problems);
        let inherited = (suites, limits, &guardrails);
        let tenants = tenants::read_tenants(root, inherited, kms.as_ref(), base, problems);
        let listen = listen?;
        Some(Self {
            listen: listen.address?,
            tls: listen.tls,
            requests_at_once: listen.requests_at_once,
            metrics,
            admin,
            base_domains: listen.base_domains,
            region,
            accommodations,
            signature_v2_headers,
            upstream: upstream?,
            bucket_prefix,
            kms: kms?,
            keys,
            audit: audit?,
            suites,
            guardrails,
            limits,
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

fn read_metrics(root: &mut Section, problems: &mut Problems) -> Option<SocketAddr> {
    let mut metrics = root.section("metrics", problems)?;
    let address = metrics.parsed("listen", "127.0.0.1:9001", problems);
    metrics.finish(problems);
    address
}

#[cfg(test)]
mod tests {
    use ::policies::Role;

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
        assert_eq!(config.audit.journal, Path::new("/etc/sealgate/audit"));
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
    fn an_empty_file_names_every_missing_table() {
        let found = problems("");
        assert_eq!(found.len(), 4, "{found:#?}");
    }
}
