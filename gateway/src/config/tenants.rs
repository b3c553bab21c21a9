//! `[[tenants]]`: who is served, declared in the file.

use std::collections::HashSet;
use std::path::Path;

use policies::Role;
use zeroize::Zeroizing;

use super::policies::Guardrails;
use super::reader::{Problems, Section};
use super::{PoliciesConfig, Secret, Suites};

/// A tenant and its credentials.
#[derive(Debug)]
pub struct TenantConfig {
    /// 1 to 32 of `a-z 0-9 -`.
    pub id: String,
    /// Its cipher suites.
    pub suites: Suites,
    /// What decides about its requests, if that is declared.
    pub policies: Option<PoliciesConfig>,
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

pub(super) fn read_tenants(
    root: &mut Section,
    suites: Suites,
    guardrails: &Guardrails,
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
        section.finish(problems);
        tenants.push(TenantConfig {
            id,
            suites,
            policies,
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

/// What S3 stores ask for.
const SHORTEST_SECRET: usize = 16;
