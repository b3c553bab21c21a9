//! The evidence pack: what an auditor asks of one tenant and a time, in one zip that the deployment signs. Names in the trail
//! stay sealed. Making it is on the trail as a search is.

mod build;
mod trail;

use std::collections::BTreeMap;
use std::sync::Arc;

use audit::{Pack, Subject, ZipError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::audit_search::{millis, text_of, to_millis};
use super::credential::AdminRole;
use super::routes::{self, Route};
use super::tenants::known;
use super::{Admin, AdminError, Call, Effect, Reply};
use crate::config::{Endpoint, Shown, TenantLimits, TenantSettings};
use crate::directory::TenantDocument;
use trail::Trail;

pub(super) const ROUTES: &[Route] = &[Route {
    operation: MAKE,
    method: Method::POST,
    path: "/v1/tenants/{tenant}/evidence",
    roles: &[AdminRole::SecurityOfficer, AdminRole::Auditor],
    effect: Effect::Read,
    handler: |admin, call| Box::pin(make(admin, call)),
}];

/// The operation's name.
pub(super) const MAKE: &str = "MakeEvidence";

/// What the gateway was started with.
#[derive(Debug)]
pub(super) struct Deployed {
    configuration: Shown,
    endpoints: Vec<Endpoint>,
}

impl Deployed {
    pub(super) fn new(configuration: Shown, endpoints: Vec<Endpoint>) -> Self {
        Self {
            configuration,
            endpoints,
        }
    }

    /// Those that a tenant's data, keys, trail or people have to do with.
    fn endpoints_of(&self, tenant: &str, document: &TenantDocument) -> Vec<Endpoint> {
        let own = TenantSettings::parse(&document.settings, TenantLimits::default());
        let own = own.unwrap_or_default().identity_providers;
        let own = own.iter().map(|one| Endpoint::provider(one, Some(tenant)));
        let declared = self.endpoints.iter().cloned();
        declared
            .chain(own)
            .filter(|one| one.only.is_empty() || one.only.contains(tenant))
            .collect()
    }
}

/// The time that it is about: days, or RFC 3339.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    from: String,
    /// Now, if it is not said.
    to: Option<String>,
}

async fn make(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let tenant = call.path("tenant").to_owned();
    let document = known(admin, &tenant).await?;
    let asking: Asking = call.body()?;
    let now = to_millis(admin.clock.now().into());
    let from = millis("from", &asking.from, false)?;
    let to = match asking.to.as_deref() {
        Some(text) => millis("to", text, true)?.min(now),
        None => now,
    };
    if from > to {
        return Err(AdminError::invalid(
            "from: must not be after to, nor after now",
        ));
    }
    let journal = admin.searching.journal()?;
    let mut pack = Pack::default();
    for (name, operation) in ANSWERS {
        add(&mut pack, name, &answer(admin, call, operation).await?)?;
    }
    pack.add(POLICIES, &admin.policies.in_effect(&tenant).await?)?;
    if let Some(deployed) = &admin.evidence {
        let configuration = deployed.configuration.to(&tenant);
        add(&mut pack, "configuration.json", &configuration)?;
        let endpoints = json!(deployed.endpoints_of(&tenant, &document));
        add(&mut pack, "endpoints.json", &endpoints)?;
    }
    // Index, trail and programs are read off the tasks' threads.
    let turn = Arc::clone(&admin.searching.turn).lock_owned().await;
    let trail = Trail::new(&journal, &tenant, from, to);
    let reading = tokio::task::spawn_blocking(move || {
        add(&mut pack, "build.json", &build::of_programs())?;
        trail.add_to(&mut pack)?;
        drop(turn);
        Ok::<_, AdminError>(pack)
    });
    let mut pack = reading.await.map_err(|_| AdminError::internal())??;
    pack.add("README.md", INSTRUCTIONS)?;
    pack.add("controls.md", CONTROLS)?;
    let subject = Subject {
        tenant: tenant.clone(),
        from: text_of(from),
        to: text_of(to),
        made: text_of(now),
    };
    let key = admin.trail.identity().deployment_key();
    let key = key.map_err(|_| AdminError::internal())?;
    let zip = pack.seal(subject, &key)?;
    Reply::of(&json!({
        "tenant": tenant,
        "from": text_of(from),
        "to": text_of(to),
        "sha256": hex::encode(Sha256::digest(&zip)),
        "pack": STANDARD.encode(&zip),
    }))
}

/// What the same person would be answered.
async fn answer(admin: &Admin, call: &Call, operation: &str) -> Result<Value, AdminError> {
    let route = routes::of(operation).ok_or_else(AdminError::internal)?;
    let asked = Call {
        operation: route.operation,
        principal: call.principal.clone(),
        path: call.path.clone(),
        query: BTreeMap::new(),
        body: json!({}),
    };
    route.permit(&asked.principal, asked.path.get("tenant"))?;
    match (route.handler)(admin, &asked).await {
        Ok(reply) => Ok(reply.body),
        // A tenant that never did anything has no keys, say. The pack tells that too.
        Err(error) if error.status() == StatusCode::NOT_FOUND => Ok(error.into_answer().1),
        Err(error) => Err(error),
    }
}

fn add(pack: &mut Pack, name: &str, value: &Value) -> Result<(), AdminError> {
    let text = serde_json::to_string_pretty(value).map_err(|_| AdminError::internal())?;
    Ok(pack.add(name, &text)?)
}

impl From<ZipError> for AdminError {
    fn from(error: ZipError) -> Self {
        tracing::error!(%error, "a file could not be put into a pack");
        Self::internal()
    }
}

/// A file, and the operation whose answer it is: what is in it anybody of these roles could have asked for.
const ANSWERS: &[(&str, &str)] = &[
    ("tenant.json", "GetTenant"),
    ("users.json", "ListUsers"),
    ("buckets.json", "ListBucketDeclarations"),
    ("policies.json", "GetPolicies"),
    ("access-review.json", "GetAccessReview"),
    ("keys.json", "GetKeyring"),
    ("erase-certificates.json", "ListEraseCertificates"),
    ("jobs.json", "ListJobs"),
    ("emergencies.json", "ListEmergencies"),
];

/// The policies as they decide, all of them.
const POLICIES: &str = "policies-in-effect.cedar";
/// How to check and read it.
const INSTRUCTIONS: &str = include_str!("instructions.md");
/// Which file answers to which rule.
const CONTROLS: &str = include_str!("controls.md");

#[cfg(test)]
mod tests {
    use super::*;

    /// Files that are made, as the matrix may name them.
    fn files() -> Vec<String> {
        let answers = ANSWERS.iter().map(|(name, _)| (*name).to_owned());
        let own = [
            POLICIES,
            "configuration.json",
            "endpoints.json",
            "build.json",
            "README.md",
        ];
        answers
            .chain(own.map(str::to_owned))
            .chain(trail::files())
            .collect()
    }

    #[test]
    fn the_matrix_names_files_that_there_are_and_all_of_them() {
        let named: Vec<&str> = CONTROLS.split('`').skip(1).step_by(2).collect();
        let files = files();
        for name in &named {
            assert!(files.iter().any(|file| file == name), "{name}");
        }
        for file in files.iter().filter(|file| *file != "README.md") {
            assert!(named.contains(&file.as_str()), "{file} answers to nothing");
        }
        assert!(!CONTROLS.contains("HIPAA compliant") && !INSTRUCTIONS.contains("HIPAA compliant"));
    }

    #[test]
    fn answers_are_those_that_its_makers_could_ask_for() {
        for (file, operation) in ANSWERS {
            let route = routes::of(operation).unwrap();
            assert_eq!(route.effect, Effect::Read, "{file}");
            for role in ROUTES[0].roles {
                assert!(route.roles.contains(role), "{file}: {role}");
            }
        }
    }
}
