//! What the admin API promises whoever calls it: nothing unrecorded, nothing without a credential of a role that
//! may, and what needs leave only by the leave of two others.

mod not_alone;
mod roles;
mod turns;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use audit::{Identity, Journal};
use kms_keys::{DocumentKeys, KeyId, Keyrings, LocalFile, PlacedDocuments, Providers, WhenMissing};
use object_store::memory::InMemory;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::admin::credential::create;
use crate::assemble::audit_identity;
use crate::authorize::{Lookups, PolicySets};
use crate::control::ControlError;
use crate::directory::AccessKeyIds;
use crate::jobs::{Amount, Job, Reason, State, Use, open, strike};
use crate::tools::TrailReader;
use crate::trail::{Attested, Durabilities};
use crate::upstream::{TransportError, Upstream};

struct World {
    admin: Admin,
    now: Arc<Mutex<SystemTime>>,
    directory: TempDir,
    identity: Arc<Identity>,
}

/// What decides where nobody has put policies, over a store that does not answer.
fn policies(
    control: &Control,
    directory: &Arc<Directory>,
    buckets: &Buckets,
    clock: &Clock,
) -> Policies {
    let silent = tower::service_fn(|_| async {
        Err(TransportError("the store is asked nothing here".into()))
    });
    let transport = tower::util::BoxCloneSyncService::new(silent);
    let patience = Duration::from_secs(1);
    let upstream = Upstream::new(
        transport,
        "http://store.invalid",
        None,
        patience,
        clock.clone(),
    );
    Policies::new(
        std::collections::HashMap::new(),
        Arc::new(::policies::PolicySet::shipped(true)),
        PolicySets::new(control.clone(), Vec::new()),
        Lookups::new(buckets.clone(), Arc::clone(directory), upstream),
        "us-east-1",
        clock.clone(),
    )
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
        let key = PlacedDocuments::of(keyrings.deployment());
        let buckets = Buckets::new(store.clone(), key, "");
        let control = Control::new(store, keys, clock.clone());
        let ids = AccessKeyIds::new(zeroize::Zeroizing::new([7; 32]));
        let identities = (
            Arc::new(Directory::new(&[], control.clone(), ids, clock.clone())),
            Arc::new(Liveness::new(control.clone(), clock.clone())),
        );
        let policies = policies(&control, &identities.0, &buckets, &clock);
        let path = directory.path().join("audit");
        let journal = Journal::open(
            &path,
            Arc::clone(&identity),
            audit::Settings::default(),
            clock.now(),
        );
        let trail = Trail::new(
            Arc::new(journal.unwrap()),
            Arc::clone(&keyrings),
            Arc::new(sealed_object::OsRandom),
            Attested::default(),
            Durabilities::default(),
            None,
            clock.clone(),
        );
        Self {
            admin: Admin::new(
                control,
                keyrings,
                trail,
                clock,
                Vec::new(),
                identities,
                (buckets, policies),
            ),
            now,
            directory,
            identity,
        }
    }

    /// Another process over the same documents.
    fn replica(&self) -> Admin {
        let one = &self.admin;
        let identities = (Arc::clone(&one.directory), Arc::clone(&one.liveness));
        let (keyrings, trail) = (Arc::clone(&one.keyrings), one.trail.clone());
        let control = one.control.clone();
        Admin::new(
            control,
            keyrings,
            trail,
            one.clock.clone(),
            Vec::new(),
            identities,
            (one.buckets.clone(), one.policies.clone()),
        )
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
            certificate: None,
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
        let tenant = role.is_of_one_tenant().then_some("x");
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
        // What was carried out has a line of its own besides.
        let (acts, kinds): (Vec<&str>, Vec<&str>) =
            kinds.into_iter().partition(|kind| kind.contains('.'));
        if OF_THE_TRAIL.contains(&route.operation) {
            // A search is of a kind of its own, also where it finds nothing; and so is what shows as much.
            assert_eq!((kinds, acts), (vec!["deny"], vec!["audit.search"]));
            continue;
        }
        assert_eq!(kinds, expected, "{}", route.operation);
        let succeeded = lines.last().unwrap()["status"].as_u64().unwrap() < 300;
        let expected = usize::from(succeeded && route.effect == Effect::Change);
        assert_eq!(acts.len(), expected, "{}: {acts:?}", route.operation);
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

/// What is told of the trail itself.
const OF_THE_TRAIL: &[&str] = &["SearchAudit", "MakeEvidence"];

#[test]
fn the_table_is_sound() {
    let mut names = std::collections::HashSet::new();
    for route in routes::all() {
        let (name, path) = (route.operation, route.path);
        assert!(names.insert(name), "{name} is there twice");
        assert!(path.starts_with("/v1/"), "{name}");
        assert!(!route.roles.is_empty(), "{name}");
        // What is searched for must not stand in a URL.
        let reads = route.method == Method::GET || OF_THE_TRAIL.contains(&name);
        assert_eq!(route.effect == Effect::Read, reads, "{name}");
        let changing_auditor =
            route.effect == Effect::Change && route.roles.contains(&AdminRole::Auditor);
        assert!(!changing_auditor, "{name}: an auditor changes nothing");
        let scoped =
            path.contains("{tenant}") || path.starts_with("/v1/approvals") || path == "/v1/whoami";
        assert!(
            scoped || !route.roles.iter().any(|role| role.is_of_one_tenant()),
            "{name}: a tenant's administrator would see other tenants"
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
    // In the line of the act, and in that of the call.
    let kinds: Vec<&str> = recorded
        .iter()
        .filter(by)
        .filter_map(|line| line["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["admin.applied", "outcome"]);
    let asked = recorded
        .iter()
        .filter(|line| line["kind"] == "admin.proposed");
    assert_eq!(asked.count(), 1);
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

const DAY: Duration = Duration::from_hours(24);

impl World {
    /// Three security officers' tokens, and a tenant that has sealed something.
    async fn with_a_tenant(&self) -> Vec<String> {
        let keyrings = &self.admin.keyrings;
        let (home, allowed) = (kms_keys::Scope::tenant(), kms_keys::Provisioning::Allowed);
        let writing = keyrings.writing("acme", &home, allowed);
        writing.await.unwrap();
        let mut tokens = Vec::new();
        for name in ["a", "b", "c"] {
            tokens.push(self.token(name, AdminRole::SecurityOfficer, None).await);
        }
        tokens
    }

    /// Destroys by leave what `wish` says, in seven days.
    async fn destroy(&self, tokens: &[String], wish: Value) -> (u16, Value) {
        let path = "/v1/tenants/acme/keys/destroy";
        let asked = self
            .call(&tokens[0], Method::POST, path, wish.clone())
            .await;
        if asked.0 != 202 {
            return asked;
        }
        let approval = asked.1["approval"].clone();
        let id = approval["id"].as_str().unwrap();
        for token in &tokens[1..] {
            let path = format!("/v1/approvals/{id}/approve");
            let word = json!({ "parameters_hash": approval["parameters_hash"] });
            assert_eq!(self.call(token, Method::POST, &path, word).await.0, 200);
        }
        let mut wish = wish;
        wish["approval"] = json!(id);
        self.call(&tokens[0], Method::POST, path, wish).await
    }
}

impl World {
    /// Does as a replica does that works at the job: 3 objects of 30 bytes, 2 versions of 20, one of them locked.
    async fn counted(&self, id: &str, kek: &Value) {
        let amount = |objects, bytes| Amount { objects, bytes };
        let used = Use {
            current: amount(3, 30),
            noncurrent: amount(2, 20),
            locked: amount(1, 9),
        };
        let kek: KeyId = serde_json::from_value(kek.clone()).unwrap();
        let ended = self.admin.clock.now().into();
        let count = |job: &Job| {
            let mut next = job.clone();
            next.state = State::Done;
            next.progress.ended = Some(ended);
            next.progress.usage.insert(kek, used);
            next.progress.left.insert(Reason::Refused, 4);
            Ok::<_, ControlError>(Some(next))
        };
        let control = &self.admin.control;
        control.change(&["acme", id], count).await.unwrap();
    }
}

#[tokio::test]
async fn keys_are_destroyed_by_leave_after_their_time_with_a_certificate_that_verifies() {
    let world = World::new().await;
    let tokens = world.with_a_tenant().await;
    let ask = async |path: &str| {
        let path = format!("/v1/tenants/acme/keys{path}");
        world
            .call(&tokens[0], Method::GET, &path, json!({}))
            .await
            .1
    };
    for wish in [json!({ "days": 6 }), json!({ "days": 31 }), json!({})] {
        let (status, error) = world.destroy(&tokens, wish).await;
        assert_eq!(status, 400, "{error}");
    }
    let (status, waits) = world.destroy(&tokens, json!({ "days": 7 })).await;
    assert_eq!(
        (status, waits["keys"][0]["state"].as_str()),
        (202, Some("pending-destroy"))
    );
    world.pass(DAY * 6);
    let health = world.admin.tend_keys().await.unwrap();
    assert_eq!(health.pending_destruction, 1);
    assert_eq!(ask("/certificates").await["certificates"], json!([]));
    // As if the board could not be written when the count was kept.
    let count = waits["count"].as_str().unwrap();
    let control = &world.admin.control;
    strike(control, "acme", count).await.unwrap();
    world.pass(DAY);
    world.admin.tend_keys().await.unwrap();
    assert_eq!(
        ask("/certificates").await["certificates"],
        json!([]),
        "what was sealed is not counted yet"
    );
    world.pass(Duration::from_secs(6));
    let name = ("acme".to_owned(), count.to_owned());
    assert_eq!(open(control).await.unwrap(), [name], "it will be counted");
    let kek = waits["keys"][0]["id"].clone();
    world.counted(count, &kek).await;
    // Twice: on two replicas, or again after a crash.
    world.admin.tend_keys().await.unwrap();
    world.admin.tend_keys().await.unwrap();
    world.pass(Duration::from_secs(6));
    assert_eq!(ask("").await["keys"][0]["state"], "destroyed");
    assert_eq!(
        world
            .recorded("KeysDestroyed")
            .iter()
            .filter(|line| line["kind"] == "key.destroy")
            .count(),
        1
    );

    let told = ask("/certificates").await;
    let all = told["certificates"].as_array().unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["public_key"], told["public_key"]);
    let statement = all[0]["statement"].as_str().unwrap();
    let decoded = |value: &Value| {
        use base64::Engine as _;
        let text = value.as_str().unwrap();
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap()
    };
    let algorithm = &aws_lc_rs::signature::ED25519;
    let key = aws_lc_rs::signature::UnparsedPublicKey::new(algorithm, decoded(&told["public_key"]));
    let signature = decoded(&all[0]["signature"]);
    assert!(key.verify(statement.as_bytes(), &signature).is_ok());
    assert!(
        key.verify(statement.replace("acme", "acne").as_bytes(), &signature)
            .is_err()
    );
    let statement: Value = serde_json::from_str(statement).unwrap();
    assert_eq!(statement["destroyed_count"], 1);
    assert_eq!(statement["approved_by"], json!(["b", "c"]));
    let unreadable = &statement["unreadable"];
    assert_eq!(unreadable["objects"], 3);
    assert_eq!(unreadable["versions"], 2);
    assert_eq!(unreadable["bytes"], 50);
    assert_eq!(unreadable["locked"], json!({ "objects": 1, "bytes": 9 }));
    assert_eq!(unreadable["by_key"][0]["id"], kek);
    assert_eq!(unreadable["counted"], "2026-09-28T14:13:26Z");
    assert_eq!(unreadable["untold"], json!({ "refused": 4 }));
    assert_eq!(statement["remains"]["usable_kek_versions"], json!([]));
}

#[tokio::test]
async fn a_destruction_that_was_taken_back_destroys_and_certifies_nothing() {
    let world = World::new().await;
    let tokens = world.with_a_tenant().await;
    assert_eq!(world.destroy(&tokens, json!({ "days": 7 })).await.0, 202);
    let cancel = "/v1/tenants/acme/keys/cancel-destruction";
    let kept = world
        .call(&tokens[2], Method::POST, cancel, json!({}))
        .await;
    assert_eq!(
        (kept.0, kept.1["keys"][0]["state"].as_str()),
        (200, Some("active"))
    );
    world.pass(DAY * 8);
    world.admin.tend_keys().await.unwrap();
    let path = "/v1/tenants/acme/keys/certificates";
    let told = world.call(&tokens[0], Method::GET, path, json!({})).await.1;
    assert_eq!(told["certificates"], json!([]));
}

#[tokio::test]
async fn rotations_come_by_schedule_and_are_told_before_they_are_due() {
    let world = World::new().await;
    let tokens = world.with_a_tenant().await;
    let show = async || {
        let path = "/v1/tenants/acme/keys";
        world.call(&tokens[0], Method::GET, path, json!({})).await.1
    };
    let first = show().await;
    assert_eq!(first["rotation_overdue"], false);
    world.pass(DAY * 365);
    assert_eq!(show().await["rotation_overdue"], true);
    let health = world.admin.tend_keys().await.unwrap();
    assert_eq!((health.overdue, health.oldest_active), (0, Duration::ZERO));
    let keks = show().await["keys"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| key["purpose"] == "kek")
        .count();
    assert_eq!(keks, 2);
    assert_eq!(world.recorded("RotateKey").len(), 1);
    // While keys are frozen none is made, and that shows.
    let freeze = "/v1/tenants/acme/keys/freeze";
    world
        .call(&tokens[0], Method::POST, freeze, json!({}))
        .await;
    world.pass(DAY * 365);
    let health = world.admin.tend_keys().await.unwrap();
    assert_eq!((health.overdue, health.frozen), (1, 1));
}

#[tokio::test]
async fn a_tenant_owner_sees_and_changes_its_own_tenants_keys_only() {
    let world = World::new().await;
    world.with_a_tenant().await;
    let owner = world
        .token("owner", AdminRole::TenantOwner, Some("acme"))
        .await;
    let other = world
        .token("other", AdminRole::TenantOwner, Some("other"))
        .await;
    let auditor = world.token("auditor", AdminRole::Auditor, None).await;
    let show = async |token: &str| {
        world
            .call(token, Method::GET, "/v1/tenants/acme/keys", json!({}))
            .await
            .0
    };
    let rotate = async |token: &str| {
        world
            .call(
                token,
                Method::POST,
                "/v1/tenants/acme/keys/rotate",
                json!({}),
            )
            .await
            .0
    };
    assert_eq!((show(&owner).await, rotate(&owner).await), (200, 200));
    assert_eq!((show(&other).await, rotate(&other).await), (403, 403));
    assert_eq!((show(&auditor).await, rotate(&auditor).await), (200, 403));
    let all = world.call(&owner, Method::GET, "/v1/keys", json!({})).await;
    assert_eq!(all.0, 403);
}

#[tokio::test]
async fn what_is_declared_of_a_bucket_is_changed_as_it_was_seen_and_weakened_by_leave_only() {
    let world = World::new().await;
    let officer = world.token("ada", AdminRole::SecurityOfficer, None).await;
    let owner = world
        .token("owner", AdminRole::TenantOwner, Some("x"))
        .await;
    let tenant = json!({ "value": { "name": "X" }, "version": 0 });
    let made = world.call(&officer, Method::PUT, "/v1/tenants/x", tenant);
    assert_eq!(made.await.0, 200);
    let put = |class: &str, version: u64| {
        let body = json!({ "value": { "class": class }, "version": version });
        world.call(&owner, Method::PUT, "/v1/tenants/x/buckets/films", body)
    };
    assert_eq!(put("general", 0).await.0, 200);
    // Somebody who saw nothing, and somebody who saw what was there.
    let (status, told) = put("contract", 0).await;
    assert_eq!((status, told["code"].as_str()), (409, Some("Conflict")));
    let (status, told) = put("contract", 1).await;
    assert_eq!(
        (status, told["changes"][0]["after"].as_str()),
        (200, Some("contract"))
    );
    let (status, told) = put("general", 2).await;
    assert_eq!(status, 202, "{told}");
    assert!(told["approval"]["id"].is_string());
    let show = world.call(
        &owner,
        Method::GET,
        "/v1/tenants/x/buckets/films",
        json!({}),
    );
    assert_eq!(show.await.1["value"]["class"], "contract");
    for (path, value) in [
        ("/v1/tenants/x/buckets/Films", json!({})),
        ("/v1/tenants/x/buckets/films", json!({ "class": "a b" })),
        ("/v1/tenants/x/buckets/films", json!({ "key_scope": "a" })),
        ("/v1/tenants/x/buckets/films", json!({ "colour": "red" })),
    ] {
        let refused = world.call(&owner, Method::PUT, path, json!({ "value": value }));
        assert_eq!(refused.await.0, 400, "{path} {value}");
    }
}
