//! Questions with expected answers, as people write them down beside their policies: what `sealgate policy test`
//! runs, and how the shipped templates and the tutorial are held to what they say.
//!
//! ```toml
//! [[case]]
//! name = "a clinician reads in her clinic"
//! principal = { name = "ana", roles = ["clinician"], clinicId = "north" }
//! action = "s3:GetObject"
//! resource = { bucket = "records", key = "north/7.pdf", class = "clinical" }
//! context = { srcIp = "10.1.2.3", mfaAge = "10m" }
//! expect = "permit"
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{
    Action, AuthType, BreakGlass, Context, Decision, Kind, Layers, PolicySet, Principal, Request,
    Resource, decide,
};

/// A file of cases.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// The tenant that principals and resources belong to where a case names none.
    #[serde(default = "some_tenant")]
    pub tenant: String,
    /// The cases.
    #[serde(default, rename = "case")]
    pub cases: Vec<Case>,
}

/// A question, and the answer that is expected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Who asks.
    pub principal: Who,
    /// What for: an action as IAM names it.
    pub action: String,
    /// On what.
    #[serde(default)]
    pub resource: What,
    /// How.
    #[serde(default)]
    pub context: How,
    /// What the answer is to be.
    pub expect: Expected,
    /// The id of a policy that must be among those that decide.
    pub by: Option<String>,
}

/// An expected answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// Permitted.
    Permit,
    /// Denied.
    Deny,
}

/// A principal, in a case's words.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the names are those of the schema, which documents them"
)]
pub struct Who {
    pub tenant: Option<String>,
    pub name: String,
    pub kind: Option<String>,
    pub roles: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    pub clinic_id: Option<String>,
    pub hipaa_trained_until: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// A resource, in a case's words.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the names are those of the schema, which documents them"
)]
pub struct What {
    pub tenant: Option<String>,
    pub bucket: Option<String>,
    pub key: Option<String>,
    pub class: Option<String>,
    pub residency: BTreeSet<String>,
    pub tags: BTreeMap<String, String>,
    pub legal_hold: Option<bool>,
    pub retain_until: Option<String>,
}

/// Circumstances, in a case's words. Times are RFC 3339, durations as `250ms`, `90s`, `15m`, `12h` or `7d`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the names are those of the schema, which documents them"
)]
pub struct How {
    pub now: Option<String>,
    pub src_ip: Option<IpAddr>,
    pub tls: Option<u8>,
    pub auth_type: Option<String>,
    pub mfa_age: Option<String>,
    pub auth_age: Option<String>,
    pub idle: Option<String>,
    pub sig_age: Option<String>,
    pub client_cert_fp: Option<String>,
    pub user_agent: Option<String>,
    pub referer: Option<String>,
    pub list_prefix: Option<String>,
    pub delimiter: Option<String>,
    pub max_keys: Option<u64>,
    pub size: Option<u64>,
    pub content_type: Option<String>,
    pub sniffed_type: Option<String>,
    pub checksum_alg: Option<String>,
    pub req_tags: BTreeMap<String, String>,
    pub copy_source: Option<String>,
    pub metadata_directive: Option<String>,
    pub acl: Option<String>,
    pub storage_class: Option<String>,
    pub version_id: Option<String>,
    pub upload: Option<String>,
    pub part_number: Option<u64>,
    pub overwrites: Option<bool>,
    pub lock_mode: Option<String>,
    pub remaining_retention_days: Option<u64>,
    pub upstream_region: Option<String>,
    pub break_glass: Option<Glass>,
    pub approvals: u32,
    pub purpose: Option<String>,
}

/// A declared emergency, in a case's words.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    missing_docs,
    reason = "the names are those of the schema, which documents them"
)]
pub struct Glass {
    pub id: String,
    pub reason: String,
    pub expires: String,
}

/// Why a case cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CaseError(String);

/// A case that did not come out as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surprise {
    /// The case's name.
    pub name: String,
    /// What came instead, or why it could not be asked.
    pub came: String,
}

impl Cases {
    /// Reads a file of cases.
    pub fn parse(text: &str) -> Result<Self, CaseError> {
        toml::from_str(text).map_err(|error| CaseError(error.to_string()))
    }

    /// Asks all of them, and tells which come out otherwise.
    pub fn surprises(&self, set: &PolicySet) -> Vec<Surprise> {
        let wrong = |case: &Case| {
            let came = case.surprise(set, &self.tenant)?;
            let name = case.name.clone();
            Some(Surprise { name, came })
        };
        self.cases.iter().filter_map(wrong).collect()
    }
}

impl Case {
    /// The decision about it.
    pub fn decide(&self, set: &PolicySet, tenant: &str) -> Result<Decision, CaseError> {
        let action: Action = self
            .action
            .parse()
            .map_err(|error: crate::UnknownAction| CaseError(error.to_string()))?;
        let (principal, resource, context) = (
            self.principal.read(tenant)?,
            self.resource.read(tenant)?,
            self.context.read()?,
        );
        let request = Request {
            principal: &principal,
            action,
            resource: &resource,
            context: &context,
        };
        Ok(decide(Layers::of(set), &request))
    }

    fn surprise(&self, set: &PolicySet, tenant: &str) -> Option<String> {
        let decision = match self.decide(set, tenant) {
            Ok(decision) => decision,
            Err(error) => return Some(error.to_string()),
        };
        let as_expected = decision.is_permit() == (self.expect == Expected::Permit);
        let by = self.by.as_ref();
        let by_it = by.is_none_or(|by| decision.rules().contains(by));
        (!as_expected || !by_it).then(|| told(&decision))
    }
}

/// A decision in words: `permitted by …`, `denied: …`.
pub fn told(decision: &Decision) -> String {
    match decision {
        Decision::Permit { policies } => format!("permitted by {}", policies.join(", ")),
        Decision::Deny(denial) => format!("denied: {denial}"),
    }
}

impl Who {
    /// The principal.
    pub fn read(&self, tenant: &str) -> Result<Principal, CaseError> {
        Ok(Principal {
            tenant: self.tenant.clone().unwrap_or_else(|| tenant.to_owned()),
            name: self.name.clone(),
            kind: match self.kind.as_deref() {
                None | Some("human") => Kind::Human,
                Some("service") => Kind::Service,
                Some(other) => {
                    return Err(CaseError(format!("{other:?} is no kind: human or service")));
                }
            },
            roles: self.roles.clone(),
            groups: self.groups.clone(),
            clinic_id: self.clinic_id.clone(),
            hipaa_trained_until: self.hipaa_trained_until.as_deref().map(time).transpose()?,
            tags: self.tags.clone(),
        })
    }
}

impl What {
    /// The resource.
    pub fn read(&self, tenant: &str) -> Result<Resource, CaseError> {
        Ok(Resource {
            tenant: self.tenant.clone().unwrap_or_else(|| tenant.to_owned()),
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            class: self.class.clone(),
            residency: self.residency.clone(),
            tags: self.tags.clone(),
            legal_hold: self.legal_hold,
            retain_until: self.retain_until.as_deref().map(time).transpose()?,
        })
    }
}

impl How {
    /// The context.
    pub fn read(&self) -> Result<Context, CaseError> {
        let some = self.clone();
        let age = |text: &Option<String>| text.as_deref().map(duration).transpose();
        let now = self.now.as_deref().map_or_else(|| Ok(some_time()), time)?;
        let region = some.upstream_region.as_deref().unwrap_or("us-east-1");
        Ok(Context {
            src_ip: some.src_ip,
            tls: some.tls.unwrap_or(13),
            auth_type: match some.auth_type.as_deref() {
                None | Some("header") => AuthType::Header,
                Some("presigned") => AuthType::Presigned,
                Some("post") => AuthType::Post,
                Some(other) => {
                    return Err(CaseError(format!(
                        "{other:?} is no authType: header, presigned or post"
                    )));
                }
            },
            mfa_age: age(&some.mfa_age)?,
            auth_age: age(&some.auth_age)?,
            idle: age(&some.idle)?,
            sig_age: age(&some.sig_age)?,
            client_cert_fp: some.client_cert_fp,
            user_agent: some.user_agent,
            referer: some.referer,
            list_prefix: some.list_prefix,
            delimiter: some.delimiter,
            max_keys: some.max_keys,
            size: some.size,
            content_type: some.content_type,
            sniffed_type: some.sniffed_type,
            checksum_alg: some.checksum_alg,
            request_tags: some.req_tags,
            copy_source: some.copy_source,
            metadata_directive: some.metadata_directive,
            acl: some.acl,
            storage_class: some.storage_class,
            version_id: some.version_id,
            upload: some.upload,
            part_number: some.part_number,
            overwrites: some.overwrites,
            lock_mode: some.lock_mode,
            remaining_retention_days: some.remaining_retention_days,
            break_glass: some.break_glass.map(Glass::read).transpose()?,
            approvals: some.approvals,
            purpose: some.purpose,
            ..Context::at(now, region)
        })
    }
}

impl Glass {
    fn read(self) -> Result<BreakGlass, CaseError> {
        Ok(BreakGlass {
            expires: time(&self.expires)?,
            id: self.id,
            reason: self.reason,
        })
    }
}

fn time(text: &str) -> Result<SystemTime, CaseError> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339);
    let parsed =
        parsed.map_err(|_| CaseError(format!("{text:?} is no time as 2027-01-31T12:00:00Z")))?;
    Ok(parsed.into())
}

fn duration(text: &str) -> Result<Duration, CaseError> {
    let refused = || CaseError(format!("{text:?} is no duration as 90s, 15m, 12h or 7d"));
    if let Some(millis) = text.strip_suffix("ms") {
        return millis
            .parse()
            .map(Duration::from_millis)
            .map_err(|_| refused());
    }
    let unit = text.chars().last().ok_or_else(refused)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(refused()),
    };
    let number: u64 = text.trim_end_matches(unit).parse().map_err(|_| refused())?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

fn some_tenant() -> String {
    "clinic".to_owned()
}

/// A Wednesday, 2027-01-20T10:00:00Z: when it is in a case that does not say.
fn some_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(500_122)
}
