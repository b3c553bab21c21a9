//! What the admin API promises whoever calls it: nothing unrecorded, nothing without a credential of a role that
//! may, and what needs leave only by the leave of two others.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use audit::{Identity, Journal};
use kms_keys::{DocumentKeys, Keyrings, LocalFile, Providers, WhenMissing};
use object_store::memory::InMemory;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::admin::credential::create;
use crate::assemble::audit_identity;
use crate::tools::TrailReader;
use crate::trail::Attested;

struct World {
    admin: Admin,
    now: Arc<Mutex<SystemTime>>,
    directory: TempDir,
    identity: Arc<Identity>,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let now = Arc::new(Mutex::new(UNIX_EPOCH + Duration::from_secs(1_790_000_000)));
        let clock = {
            let now = Arc::clone(&now);
            Clock::from_fn(move || *now.lock().unwrap())
        };
        let store = Arc::new(InMemory::new());
        let file = directory.path().join("root-keys");
        let provider = LocalFile::open(&file, WhenMissing::Create(clock.now())).unwrap();
        let asked = clock.clone();
        let settings = kms_keys::Settings::default();
        let told: kms_keys::Clock = Arc::new(move || asked.now());
        let providers = Providers::one(Arc::new(provider), told.clone());
        let keyrings = Keyrings::open(store.clone(), providers, settings, told);
        let keyrings = Arc::new(keyrings.await.unwrap());
        let keys = DocumentKeys::of(keyrings.deployment());
        let identity = Arc::new(audit_identity(&keyrings));
        let control = Control::new(store, keys, clock.clone());
        let path = directory.path().join("audit");
        let journal = Journal::open(
            &path,
            Arc::clone(&identity),
            audit::Settings::default(),
            clock.now(),
        );
        let trail = Trail::new(
            Arc::new(journal.unwrap()),
            keyrings,
            Arc::new(sealed_object::OsRandom),
            Attested::default(),
            clock.clone(),
        );
        Self {
            admin: Admin::new(control, trail, clock, Vec::new()),
            now,
            directory,
            identity,
        }
    }

    async fn token(&self, name: &str, role: AdminRole, tenant: Option<&str>) -> String {
        let (control, clock) = (&self.admin.control, &self.admin.clock);
        let token = create(control, clock, name, role, tenant, "a test").await;
        token.unwrap().reveal().to_owned()
    }

    async fn call(&self, token: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let asked = Asked {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            authorization: (!token.is_empty()).then(|| format!("Bearer {token}")),
            user_agent: None,
            peer: None,
            body: body.to_string().into(),
        };
        let (status, body) = self.admin.answer(asked).await;
        (status.as_u16(), body)
    }

    fn pass(&self, time: Duration) {
        *self.now.lock().unwrap() += time;
    }

    /// The lines of the trail with this operation.
    fn recorded(&self, operation: &str) -> Vec<Value> {
        let mut lines = Vec::new();
        let reader = TrailReader::of_no_tenant(&self.identity);
        let mut see = |line| {
            lines.push(line);
            Ok(())
        };
        reader
            .read(&self.directory.path().join("audit"), &mut see)
            .unwrap();
        lines.retain(|line| line["op"] == format!("admin:{operation}"));
        lines
    }
}

fn filled(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|one| if one.starts_with('{') { "x" } else { one });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_operation_is_recorded_whoever_calls_and_however_it_ends() {
    let world = World::new().await;
    for route in routes::all() {
        let path = filled(route.path);
        let role = route.roles[0];
        let tenant = (role == AdminRole::TenantOwner).then_some("x");
        let token = world.token(route.operation, role, tenant).await;
        let (status, _) = world.call("", route.method.clone(), &path, json!({})).await;
        assert_eq!(status, 401, "{}", route.operation);
        world
            .call(&token, route.method.clone(), &path, json!({}))
            .await;
        let lines = world.recorded(route.operation);
        let kinds: Vec<&str> = lines
            .iter()
            .map(|line| line["kind"].as_str().unwrap())
            .collect();
        let expected: &[&str] = match route.effect {
            Effect::Read => &["deny", "complete"],
            Effect::Change => &["deny", "intent", "outcome"],
        };
        assert_eq!(kinds, expected, "{}", route.operation);
        let last = lines.last().unwrap();
        assert_eq!(last["sealed"]["actor.name"], route.operation);
        assert_eq!(last["params"].as_str().unwrap().len(), 64);
    }
    let (status, error) = world.call("", Method::GET, "/nowhere", json!({})).await;
    assert_eq!(
        (status, error["code"].as_str()),
        (401, Some("InvalidCredential"))
    );
    assert_eq!(world.recorded("Unknown").len(), 1);
}

#[test]
fn the_table_is_sound() {
    let mut names = std::collections::HashSet::new();
    for route in routes::all() {
        let (name, path) = (route.operation, route.path);
        assert!(names.insert(name), "{name} is there twice");
        assert!(path.starts_with("/v1/"), "{name}");
        assert!(!route.roles.is_empty(), "{name}");
        assert_eq!(
            route.effect == Effect::Read,
            route.method == Method::GET,
            "{name}"
        );
        let changing_auditor =
            route.effect == Effect::Change && route.roles.contains(&AdminRole::Auditor);
        assert!(!changing_auditor, "{name}: an auditor changes nothing");
        let scoped =
            path.contains("{tenant}") || path.starts_with("/v1/approvals") || path == "/v1/whoami";
        assert!(
            scoped || !route.roles.contains(&AdminRole::TenantOwner),
            "{name}: a tenant owner would see other tenants"
        );
    }
}

#[tokio::test]
async fn a_call_needs_a_credential_that_is_whole_and_not_revoked() {
    let world = World::new().await;
    let officer = world
        .token("officer", AdminRole::SecurityOfficer, None)
        .await;
    let other = world.token("other", AdminRole::Operator, None).await;
    let who = async |token: &str| {
        world
            .call(token, Method::GET, "/v1/whoami", json!({}))
            .await
    };
    assert_eq!(who(&officer).await.1["name"], "officer");
    let id = other.split('_').nth(1).unwrap();
    let mixed = format!("sga_{id}_{}", officer.splitn(3, '_').nth(2).unwrap());
    let long = format!("{other}x");
    let short = other.chars().take(other.len() - 1).collect::<String>();
    for bad in [
        "",
        "x",
        "sga__",
        mixed.as_str(),
        long.as_str(),
        short.as_str(),
    ] {
        assert_eq!(who(bad).await.0, 401, "{bad}");
    }
    let revoke = format!("/v1/admin/credentials/{id}/revoke");
    assert_eq!(
        world.call(&other, Method::POST, &revoke, json!({})).await.0,
        403
    );
    assert_eq!(
        world
            .call(&officer, Method::POST, &revoke, json!({}))
            .await
            .0,
        200
    );
    assert_eq!(who(&other).await.0, 401);
    let listed = world
        .call(&officer, Method::GET, "/v1/admin/credentials", json!({}))
        .await
        .1;
    let text = listed.to_string();
    assert!(text.contains("other") && !text.contains("sha256"), "{text}");
}

#[tokio::test]
async fn a_credential_is_made_by_the_leave_of_two_others_for_exactly_what_was_asked_and_once() {
    let world = World::new().await;
    let mut tokens = Vec::new();
    for name in ["a", "b", "c"] {
        tokens.push(world.token(name, AdminRole::SecurityOfficer, None).await);
    }
    // The same person with a second credential is not another person.
    let again = world.token("b", AdminRole::SecurityOfficer, None).await;
    let auditor = world.token("d", AdminRole::Auditor, None).await;
    let create = async |body: Value| {
        world
            .call(&tokens[0], Method::POST, "/v1/admin/credentials", body)
            .await
    };
    let wish = json!({ "name": "new", "role": "operator" });
    let (status, asked) = create(wish.clone()).await;
    assert_eq!(status, 202, "{asked}");
    let id = asked["approval"]["id"].as_str().unwrap();
    let hash = asked["approval"]["parameters_hash"].clone();
    let with = |role: &str| json!({ "name": "new", "role": role, "approval": id });
    assert_eq!(create(with("operator")).await.0, 409, "nobody approved yet");

    let path = format!("/v1/approvals/{id}/approve");
    let give = async |token: &str, hash: &Value| {
        let body = json!({ "parameters_hash": hash });
        world.call(token, Method::POST, &path, body).await.0
    };
    assert_eq!(
        give(&tokens[0], &hash).await,
        403,
        "who asked cannot approve"
    );
    assert_eq!(give(&tokens[1], &json!("00")).await, 409, "another hash");
    assert_eq!(give(&auditor, &hash).await, 403);
    assert_eq!(give(&tokens[1], &hash).await, 200);
    assert_eq!(give(&tokens[1], &hash).await, 403, "twice the same");
    assert_eq!(give(&again, &hash).await, 403, "twice the same person");
    assert_eq!(create(with("operator")).await.0, 409, "one is not enough");
    assert_eq!(give(&tokens[2], &hash).await, 200);

    assert_eq!(
        create(with("security-officer")).await.0,
        409,
        "something else"
    );
    let (status, made) = create(with("operator")).await;
    assert_eq!(status, 201, "{made}");
    let token = made["token"].as_str().unwrap();
    let who = world
        .call(token, Method::GET, "/v1/whoami", json!({}))
        .await
        .1;
    assert_eq!(who["role"], "operator");
    assert_eq!(
        create(with("operator")).await.0,
        409,
        "an approval is used once"
    );
    let recorded = world.recorded("CreateAdminCredential");
    let by = |line: &&Value| line["approvals"][0] == format!("{id} by b, c");
    assert_eq!(recorded.iter().filter(by).count(), 1);
}

#[tokio::test]
async fn an_approval_expires_and_can_be_refused() {
    let world = World::new().await;
    let asker = world.token("a", AdminRole::SecurityOfficer, None).await;
    let other = world.token("b", AdminRole::SecurityOfficer, None).await;
    let mut asked = Vec::new();
    for name in ["one", "two"] {
        let wish = json!({ "name": name, "role": "operator" });
        let reply = world
            .call(&asker, Method::POST, "/v1/admin/credentials", wish)
            .await
            .1;
        asked.push(reply["approval"].clone());
    }
    let say = async |approval: &Value, word: &str| {
        let path = format!("/v1/approvals/{}/{word}", approval["id"].as_str().unwrap());
        let body = match word {
            "approve" => json!({ "parameters_hash": approval["parameters_hash"] }),
            _ => json!({}),
        };
        world.call(&other, Method::POST, &path, body).await.0
    };
    assert_eq!(say(&asked[0], "refuse").await, 200);
    assert_eq!(say(&asked[0], "approve").await, 409);
    world.pass(Duration::from_hours(24));
    assert_eq!(say(&asked[1], "approve").await, 409, "a day later");
    let states = world
        .call(
            &asker,
            Method::GET,
            "/v1/approvals?state=expired",
            json!({}),
        )
        .await
        .1;
    assert_eq!(states["approvals"].as_array().unwrap().len(), 1);
}
