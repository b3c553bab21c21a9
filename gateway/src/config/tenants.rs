//! `[[tenants]]`: who is served, declared in the file.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use ipnet::IpNet;
use kms_keys::RootKeyName;
use policies::Role;
use zeroize::Zeroizing;

use super::identity::read_identity_providers;
use super::policies::Guardrails;
use super::reader::{Problems, Section};
use super::{
    IdentityKind, IdentityProviderConfig, KmsConfig, PoliciesConfig, Secret, Suites, TenantLimits,
};
use crate::directory::{BucketDocument, KeyMode};

/// A tenant and its credentials.
#[derive(Debug)]
pub struct TenantConfig {
    /// 1 to 32 of `a-z 0-9 -`.
    pub id: String,
    /// Its cipher suites.
    pub suites: Suites,
    /// How much of the gateway it may take.
    pub limits: TenantLimits,
    /// The root key that it holds itself.
    pub kms_key: Option<RootKeyName>,
    /// What is declared of buckets, by name.
    pub buckets: BTreeMap<String, Arc<BucketDocument>>,
    /// What decides about its requests, if that is declared.
    pub policies: Option<PoliciesConfig>,
    /// Its access keys.
    pub credentials: Vec<CredentialConfig>,
    /// Who vouches for its people and programs.
    pub identity_providers: Vec<IdentityProviderConfig>,
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
    /// Whether they are a person.
    pub kind: IdentityKind,
    /// Where it may be used from; none: from anywhere.
    pub networks: Vec<IpNet>,
    /// The client's certificate it may be used with only: its SHA-256, hexadecimal.
    pub certificate: Option<String>,
    /// When it ends, if it does.
    pub expires: Option<SystemTime>,
}

pub(super) fn read_tenants(
    root: &mut Section,
    (suites, limits, guardrails): (Suites, TenantLimits, &Guardrails),
    kms: Option<&KmsConfig>,
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
        let limits = TenantLimits::read(&mut section, limits, problems);
        let kms_key = KmsConfig::read_own_key(kms, &mut section, problems);
        let buckets = read_buckets(&mut section, problems);
        let policies = guardrails.of_tenant(&mut section, base, problems);
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
        let identity_providers = read_identity_providers(&mut section, base, problems);
        section.finish(problems);
        tenants.push(TenantConfig {
            id,
            suites,
            limits,
            kms_key,
            buckets,
            policies,
            credentials,
            identity_providers,
        });
    }
    tenants
}

/// `[[tenants.buckets]]`. A bucket need not be there yet.
fn read_buckets(
    tenant: &mut Section,
    problems: &mut Problems,
) -> BTreeMap<String, Arc<BucketDocument>> {
    let mut buckets = BTreeMap::new();
    for mut bucket in tenant.sections("buckets", problems) {
        let name = bucket.text("name", "findings", problems);
        let read = BucketDocument {
            class: bucket.optional_text("class", problems),
            key_scope: bucket.optional_text("key_scope", problems),
            key_mode: read_key_mode(&mut bucket, problems),
            residency: bucket.texts("residency", problems).into_iter().collect(),
        };
        if let Err((member, why)) = read.check() {
            problems.add(&bucket.at(member), why);
        }
        if buckets.insert(name.clone(), Arc::new(read)).is_some() {
            problems.add(
                &bucket.at("name"),
                format!("the bucket {name:?} is here twice"),
            );
        }
        bucket.finish(problems);
    }
    buckets
}

fn read_key_mode(bucket: &mut Section, problems: &mut Problems) -> KeyMode {
    let Some(text) = bucket.optional_text("key_mode", problems) else {
        return KeyMode::default();
    };
    serde_json::from_value(text.into()).unwrap_or_else(|_| {
        let why = "must be `keyring` or `kms-per-object`";
        problems.add(&bucket.at("key_mode"), why);
        KeyMode::default()
    })
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
    let kind = section.optional_parsed("kind", "service", problems);
    let networks = read_networks(section, problems);
    let certificate = section.optional_text("certificate", problems);
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if let Some(text) = &certificate
        && (text.len() != 64 || !text.bytes().all(is_hex))
    {
        problems.add(
            &section.at("certificate"),
            "must be the SHA-256 of the client's certificate, 64 lower-case hexadecimal digits",
        );
    }
    let expires = section.optional_parsed::<Moment>("expires", "2027-06-30T00:00:00Z", problems);
    Some(CredentialConfig {
        access_key_id,
        secret_access_key: Secret(Zeroizing::new(secret)),
        principal,
        role: role?,
        kind: kind.unwrap_or(IdentityKind::Service),
        networks,
        certificate,
        expires: expires.map(|moment| moment.0),
    })
}

fn read_networks(section: &mut Section, problems: &mut Problems) -> Vec<IpNet> {
    let texts = section.texts("networks", problems);
    let parsed = texts.iter().map(|text| (text, text.parse()));
    let mut networks = Vec::new();
    for (text, network) in parsed {
        match network {
            Ok(network) => networks.push(network),
            Err(_) => problems.add(
                &section.at("networks"),
                format!("{text:?} is no network; for example \"192.0.2.0/24\""),
            ),
        }
    }
    networks
}

/// A moment as RFC 3339 writes it.
struct Moment(SystemTime);

impl std::str::FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed =
            time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339);
        parsed
            .map(|at| Self(at.into()))
            .map_err(|_| "must be a time as RFC 3339 writes it")
    }
}

/// What S3 stores ask for.
const SHORTEST_SECRET: usize = 16;
