//! What a decision is about: who, what, on whose resource, and under which circumstances. Plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// Whether a principal is somebody or something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// A person.
    #[default]
    Human,
    /// A program.
    Service,
}

/// Someone, or some program, that acts for one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Principal {
    /// The tenant it belongs to.
    pub tenant: String,
    /// Its name inside the tenant.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The names of the roles it holds: those of [`crate::Role`], or the tenant's own.
    pub roles: BTreeSet<String>,
    /// The groups it is in, as the identity provider names them.
    pub groups: BTreeSet<String>,
    /// The clinic it works for.
    pub clinic_id: Option<String>,
    /// Until when its HIPAA training is valid.
    pub hipaa_trained_until: Option<SystemTime>,
    /// Whatever else the identity provider says: `principal.getTag("department")`.
    pub tags: BTreeMap<String, String>,
}

impl Principal {
    /// A principal that holds these roles and of whom nothing else is known.
    pub fn with_roles<R: Into<String>>(
        tenant: impl Into<String>,
        name: impl Into<String>,
        roles: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            tenant: tenant.into(),
            name: name.into(),
            roles: roles.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

/// What is acted on: an object where a key is named, else a bucket, else the tenant itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resource {
    /// The tenant it belongs to.
    pub tenant: String,
    /// The logical bucket, if one is named.
    pub bucket: Option<String>,
    /// The object key, if one is named.
    pub key: Option<String>,
    /// What the bucket is for: `clinical`, `attestation`, `contract` …
    pub class: Option<String>,
    /// The regions that what is in the bucket may lie in; none: any.
    pub residency: BTreeSet<String>,
    /// The stored object's tags. Fill them in where [`crate::PolicySet::needs`] says so.
    pub tags: BTreeMap<String, String>,
    /// Whether a legal hold lies on it, if that is known.
    pub legal_hold: Option<bool>,
    /// Until when it is retained, if it is.
    pub retain_until: Option<SystemTime>,
}

/// Why the glass was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakGlass {
    /// The id of the declaration.
    pub id: String,
    /// The reason given.
    pub reason: String,
    /// When it ends.
    pub expires: SystemTime,
}

/// How a request proves who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AuthType {
    /// An `Authorization` header.
    #[default]
    Header,
    /// A presigned URL.
    Presigned,
    /// A form with a signed policy.
    Post,
}

/// The circumstances of a request. What is `None` is not known, and policies see it as absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// When, by the gateway's clock.
    pub now: SystemTime,
    /// From where.
    pub src_ip: Option<IpAddr>,
    /// 12 or 13 for TLS 1.2 and 1.3, 0 without TLS.
    pub tls: u8,
    /// How it is signed.
    pub auth_type: AuthType,
    /// How long ago a second factor was shown; `None`: none was.
    pub mfa_age: Option<Duration>,
    /// How long ago the principal signed in.
    pub auth_age: Option<Duration>,
    /// How long the session was idle.
    pub idle: Option<Duration>,
    /// How long ago the request was signed.
    pub sig_age: Option<Duration>,
    /// SHA-256 of the client's certificate, hexadecimal.
    pub client_cert_fp: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `Referer`.
    pub referer: Option<String>,
    /// `prefix` of a listing.
    pub list_prefix: Option<String>,
    /// `delimiter` of a listing.
    pub delimiter: Option<String>,
    /// `max-keys` of a listing.
    pub max_keys: Option<u64>,
    /// Bytes that are written.
    pub size: Option<u64>,
    /// `Content-Type` of what is written.
    pub content_type: Option<String>,
    /// The type that its first bytes show.
    pub sniffed_type: Option<String>,
    /// The algorithm of the checksum that comes along, as S3 names it.
    pub checksum_alg: Option<String>,
    /// The tags that the request sets.
    pub request_tags: BTreeMap<String, String>,
    /// `bucket/key` of a copy's source.
    pub copy_source: Option<String>,
    /// `x-amz-metadata-directive`.
    pub metadata_directive: Option<String>,
    /// `x-amz-acl`.
    pub acl: Option<String>,
    /// `x-amz-storage-class`.
    pub storage_class: Option<String>,
    /// The version that is named.
    pub version_id: Option<String>,
    /// `create`, `part` or `complete`: the step of an upload in parts.
    pub upload: Option<String>,
    /// The part that is uploaded, or the first of those that are completed.
    pub part_number: Option<u64>,
    /// Whether there is an object at the key already.
    pub overwrites: Option<bool>,
    /// `GOVERNANCE` or `COMPLIANCE`, where retention is set.
    pub lock_mode: Option<String>,
    /// Days of retention that are asked for.
    pub remaining_retention_days: Option<u64>,
    /// The region of the store behind the gateway.
    pub upstream_region: String,
    /// The declaration of an emergency that the request runs under.
    pub break_glass: Option<BreakGlass>,
    /// Distinct, fresh approvals of exactly this request.
    pub approvals: u32,
    /// The purpose that the client states: `TREAT`, `HPAYMT`, `HOPERAT` …
    pub purpose: Option<String>,
}

impl Context {
    /// The circumstances of a request of which nothing is known but the time and the store's region.
    pub fn at(now: SystemTime, upstream_region: impl Into<String>) -> Self {
        Self {
            now,
            upstream_region: upstream_region.into(),
            src_ip: None,
            tls: 0,
            auth_type: AuthType::default(),
            mfa_age: None,
            auth_age: None,
            idle: None,
            sig_age: None,
            client_cert_fp: None,
            user_agent: None,
            referer: None,
            list_prefix: None,
            delimiter: None,
            max_keys: None,
            size: None,
            content_type: None,
            sniffed_type: None,
            checksum_alg: None,
            request_tags: BTreeMap::new(),
            copy_source: None,
            metadata_directive: None,
            acl: None,
            storage_class: None,
            version_id: None,
            upload: None,
            part_number: None,
            overwrites: None,
            lock_mode: None,
            remaining_retention_days: None,
            break_glass: None,
            approvals: 0,
            purpose: None,
        }
    }
}

/// One question: who does what to what, and how.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// What.
    pub action: crate::Action,
    /// To what.
    pub resource: &'a Resource,
    /// How.
    pub context: &'a Context,
}
