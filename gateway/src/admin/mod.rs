//! The admin API: what administrators and their tools ask of a gateway, over HTTP with JSON, on a listener of its
//! own. Read [`Admin::answer`]: who asks, whether they may, that it is on record, and only then the operation.
//! All operations stand in one table, [`routes::all`].
//!
//! It knows no S3, and no object byte passes through it.

mod access_keys;
mod approval;
mod approvals;
mod audit_search;
mod break_glass;
mod buckets;
mod certificate;
mod changes;
mod credential;
mod credentials;
mod erase_counts;
mod error;
mod evidence;
mod jobs;
mod key_copies;
mod keys;
mod policies;
mod record;
mod review;
mod roles;
pub mod routes;
mod sessions;
mod sign_in;
mod tenants;
mod tending;
mod turn;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use kms_keys::Keyrings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub use approval::{Approval, Leave, Voice};
pub use credential::{
    AdminCredential, AdminPrincipal, AdminRole, Declared, Token, check as check_credential,
    check_tenant, create as create_credential,
};
pub use error::AdminError;
pub use routes::{Effect, Route};
pub use sign_in::SignIn;
pub use tending::KeyHealth;

use crate::authorize::Policies;
use crate::buckets::Buckets;
use crate::clock::Clock;
use crate::config::{Endpoint, Shown};
use crate::control::Control;
use crate::directory::Directory;
use crate::sessions::Liveness;
use crate::trail::Trail;
use credential::Credentials;
use record::Record;

/// The admin API of a gateway, and what its operations work with.
#[derive(Debug)]
pub struct Admin {
    /// Control documents.
    pub control: Control,
    /// Where every call is recorded.
    pub trail: Trail,
    /// The time.
    pub clock: Clock,
    /// Tenants' keys.
    pub keyrings: Arc<Keyrings>,
    /// After this a KEK version is to be followed by another.
    pub cryptoperiod: Duration,
    /// Tenants, users and access keys.
    pub directory: Arc<Directory>,
    /// Sessions, and what ends them.
    pub liveness: Arc<Liveness>,
    /// Tenants' buckets.
    pub buckets: Buckets,
    /// What decides about their data.
    pub policies: Policies,
    credentials: Credentials,
    searching: audit_search::Searching,
    evidence: Option<evidence::Deployed>,
    /// This process, among its replicas.
    replica: String,
}

/// A request as it arrived, its body read.
#[derive(Debug)]
pub struct Asked {
    /// HTTP's method.
    pub method: Method,
    /// Percent-encoded path.
    pub path: String,
    /// Percent-encoded query; empty without one.
    pub query: String,
    /// The value of `Authorization`.
    pub authorization: Option<String>,
    /// The value of `User-Agent`.
    pub user_agent: Option<String>,
    /// Who connected.
    pub peer: Option<IpAddr>,
    /// SHA-256 of the certificate that they showed, in hexadecimal.
    pub certificate: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// An authorised call of an operation.
#[derive(Debug)]
pub struct Call {
    /// The operation's name.
    pub operation: &'static str,
    /// Who calls.
    pub principal: AdminPrincipal,
    /// What stands in the path for each `{name}`.
    path: BTreeMap<&'static str, String>,
    /// The query's parameters.
    query: BTreeMap<String, String>,
    /// The body's JSON; `{}` without a body.
    body: Value,
}

/// What an operation answers.
#[derive(Debug)]
pub struct Reply {
    /// HTTP's status.
    pub status: StatusCode,
    /// The body.
    pub body: Value,
    /// The approvals that the call used up, for the record: `id by name, name`.
    pub approvals: Vec<String>,
}

impl Reply {
    /// `200 OK` with this value.
    pub fn of(value: &impl Serialize) -> Result<Self, AdminError> {
        Ok(Self {
            status: StatusCode::OK,
            body: serde_json::to_value(value).map_err(|_| AdminError::internal())?,
            approvals: Vec::new(),
        })
    }

    /// With another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Done with the leave of others, where it needed any.
    #[must_use]
    pub fn by_leave<'l>(self, leave: impl Into<Option<&'l Leave>>) -> Self {
        Self {
            approvals: leave.into().map(Leave::to_string).into_iter().collect(),
            ..self
        }
    }
}

impl Call {
    /// What stands in the path for `{name}`; empty if the route has none.
    pub fn path(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// A parameter of the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The body as what it should be.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, AdminError> {
        serde_json::from_value(self.body.clone())
            .map_err(|error| AdminError::invalid(&format!("the body: {error}")))
    }

    /// The id of the approval that the call wants to use.
    pub fn approval(&self) -> Option<&str> {
        self.body.get("approval").and_then(Value::as_str)
    }

    /// SHA-256 over what is asked, in hexadecimal: operation, path, query and body without `approval`.
    pub fn parameters_hash(&self) -> String {
        let mut body = self.body.clone();
        if let Some(members) = body.as_object_mut() {
            members.remove("approval");
        }
        // Maps are ordered by their keys, so that one meaning has one text.
        let text = serde_json::json!([self.operation, self.path, self.query, body]).to_string();
        hex::encode(Sha256::digest(text.as_bytes()))
    }

    /// What is asked, without the id of an approval: what others approve.
    pub fn parameters(&self) -> Value {
        let mut body = self.body.clone();
        if let Some(members) = body.as_object_mut() {
            members.remove("approval");
        }
        serde_json::json!({ "path": self.path, "query": self.query, "body": body })
    }

    /// The tenant that the call is about, if its path names one.
    pub fn tenant(&self) -> Option<&str> {
        self.path.get("tenant").map(String::as_str)
    }
}

impl Admin {
    /// The admin API of a gateway; `declared`: the credentials of its configuration.
    pub fn new(
        control: Control,
        keyrings: Arc<Keyrings>,
        trail: Trail,
        clock: Clock,
        declared: Vec<Declared>,
        (directory, liveness): (Arc<Directory>, Arc<Liveness>),
        (buckets, policies): (Buckets, Policies),
    ) -> Self {
        let credentials = Credentials::new(control.clone(), declared);
        Self {
            control,
            trail,
            clock,
            keyrings,
            cryptoperiod: CRYPTOPERIOD,
            directory,
            liveness,
            buckets,
            policies,
            credentials,
            searching: audit_search::Searching::default(),
            evidence: None,
            replica: Uuid::new_v4().to_string(),
        }
    }

    /// With another cryptoperiod than a year.
    #[must_use]
    pub fn with_cryptoperiod(self, cryptoperiod: Duration) -> Self {
        Self {
            cryptoperiod,
            ..self
        }
    }

    /// Whose searches of the trail read this journal.
    #[must_use]
    pub fn with_journal(self, journal: PathBuf) -> Self {
        Self {
            searching: audit_search::Searching::of(journal),
            ..self
        }
    }

    /// Whose evidence packs tell of this configuration.
    #[must_use]
    pub fn with_evidence(self, configuration: Shown, endpoints: Vec<Endpoint>) -> Self {
        Self {
            evidence: Some(evidence::Deployed::new(configuration, endpoints)),
            ..self
        }
    }

    /// Records what the gateway does by itself, because it is time.
    async fn record_own(
        &self,
        operation: &'static str,
        tenant: &str,
        of: Vec<String>,
    ) -> Result<(), AdminError> {
        let event = record::own(&self.trail, operation, tenant, of);
        let recorded = self.trail.record(&event).await;
        recorded.map_err(|_| AdminError::unrecorded())
    }

    /// The administrators whom the configuration declares and who may act in a tenant.
    fn declared_administrators<'a>(&'a self, tenant: &'a str) -> impl Iterator<Item = Value> + 'a {
        self.credentials
            .declared()
            .filter(move |one| one.tenant.as_deref().is_none_or(|of| of == tenant))
            .map(|one| serde_json::json!({ "name": one.name, "role": one.role }))
    }

    /// The names of all administrators whom the configuration declares.
    fn declared_names(&self) -> impl Iterator<Item = &str> {
        self.credentials.declared().map(|one| one.name.as_str())
    }

    /// Answers one request, whatever becomes of it, and only once that is on record.
    pub async fn answer(&self, asked: Asked) -> (StatusCode, Value) {
        let mut record = Record::begin(Uuid::new_v4(), &asked, self.clock.now());
        let answered = self.handle(&asked, &mut record).await;
        if let Err(error) = record.settle(&self.trail, &answered).await {
            return error.into_answer();
        }
        match answered {
            Ok(reply) => (reply.status, reply.body),
            Err(error) => error.into_answer(),
        }
    }

    async fn handle(&self, asked: &Asked, record: &mut Record) -> Result<Reply, AdminError> {
        let found = routes::find(&asked.method, &asked.path);
        if let Ok((route, _)) = &found {
            record.route(route);
        }
        let principal = self
            .credentials
            .verify(asked.authorization.as_deref())
            .await?;
        record.principal(&principal);
        let (route, path) = found?;
        record.tenant(path.get("tenant"));
        route.permit(&principal, path.get("tenant"))?;
        record.permitted(&principal);
        let call = Call {
            operation: route.operation,
            principal,
            path,
            query: routes::query_of(&asked.query)?,
            body: body_of(&asked.body)?,
        };
        record.parameters(call.parameters_hash());
        if [audit_search::SEARCH, evidence::MAKE].contains(&route.operation) {
            record.search(&call.parameters());
        }
        if route.effect == Effect::Change {
            record.intent(&self.trail).await?;
        }
        (route.handler)(self, &call).await
    }
}

fn body_of(bytes: &[u8]) -> Result<Value, AdminError> {
    if bytes.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let body: Value = serde_json::from_slice(bytes)
        .map_err(|error| AdminError::invalid(&format!("the body is not JSON: {error}")))?;
    if body.is_object() {
        Ok(body)
    } else {
        Err(AdminError::invalid("the body must be a JSON object"))
    }
}

/// A year, as NIST SP 800-57 part 1 has it for keys that wrap keys.
const CRYPTOPERIOD: Duration = Duration::from_hours(365 * 24);

#[cfg(test)]
mod tests;
