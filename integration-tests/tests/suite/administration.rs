//! What administrators do about who may come in: users, access keys, sessions, emergencies, reviews. By the command
//! line, and felt by real clients.

use std::time::{Duration, Instant};

use integration_tests::administered::Administered;
use integration_tests::client::{Account, Credentials};
use integration_tests::gateway::{Principal, Upstream};
use integration_tests::identity_provider::IdentityProvider;
use integration_tests::tools;
use integration_tests::world::World;
use serde_json::Value;

/// A gateway for the tenant `demo` with an object `held` in the bucket `held`.
fn served(upstream: Upstream) -> Administered {
    let served = Administered::serve(
        upstream,
        &[Principal::new("demo", "demo-admin", "tenant-admin")],
    );
    let scratch = World::get().scratch();
    std::fs::write(scratch.path().join("held"), "held").expect("a file can be written");
    let account = served.gateway.account();
    account.run_aws(scratch.path(), &["s3", "mb", "s3://held"]);
    account.run_aws(scratch.path(), &["s3", "cp", "held", "s3://held/held"]);
    served
}

/// A user of `demo` with this role, and an access key.
fn user(served: &Administered, name: &str, role: &str, more: &[&str]) -> (Account, String) {
    let set = [
        "user", "set", "demo", name, "--kind", "service", "--role", role,
    ];
    served.json("demo-owner", &set);
    key(served, name, more)
}

fn key(served: &Administered, name: &str, more: &[&str]) -> (Account, String) {
    let create = [&["credential", "create", "demo", name], more].concat();
    let made = served.json("demo-owner", &create);
    let text = |name: &str| {
        let text = made.get(name).and_then(Value::as_str);
        text.expect("it is text").to_owned()
    };
    let id = text("access_key_id");
    let credentials = Credentials::new(&id, &text("secret_access_key"));
    (served.gateway.account().with(credentials), id)
}

/// Whether the account reads `held`.
fn reads(account: &Account) -> bool {
    let mut command = account.program(&tools::tool("aws"));
    command.args(["s3", "cp", "s3://held/held", "-"]);
    command.output().is_ok_and(|output| output.status.success())
}

fn soon(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_mins(2), "{what}");
    }
}

#[test]
fn administration_of_users_and_their_keys() {
    let served = served(Upstream::Embedded);
    let set = [
        "user", "set", "demo", "mill", "--kind", "service", "--role", "reader",
    ];
    // What would change is shown, and changes nothing.
    let shown = served.json("demo-owner", &[&set[..], &["--dry-run"]].concat());
    let paths: Vec<&Value> = shown["changes"].as_array().into_iter().flatten().collect();
    assert!(
        paths.iter().any(|change| change["path"] == "roles"),
        "{shown}"
    );
    served.refused("demo-owner", &["user", "show", "demo", "mill"]);

    let (mill, id) = user(&served, "mill", "reader", &[]);
    assert!(reads(&mill));
    let scratch = World::get().scratch();
    let denied = mill
        .program(&tools::tool("aws"))
        .args(["s3", "rm", "s3://held/held"])
        .output();
    assert!(denied.is_ok_and(|output| !output.status.success()));
    drop(scratch);
    let (here, _) = key(&served, "mill", &["--network", "127.0.0.0/8"]);
    assert!(reads(&here));
    let (elsewhere, _) = key(&served, "mill", &["--network", "192.0.2.0/24"]);
    assert!(!reads(&elsewhere));

    // People have no keys unless the tenant says so.
    served.json(
        "demo-owner",
        &[
            "user", "set", "demo", "paul", "--kind", "human", "--role", "reader",
        ],
    );
    let refusal = served.refused("demo-owner", &["credential", "create", "demo", "paul"]);
    assert!(refusal.contains("keys_for_people"), "{refusal}");
    served.json(
        "ada",
        &["tenant", "set", "demo", "--keys-for-people", "true"],
    );
    soon("the tenant's setting is not followed", || {
        served
            .run("demo-owner", &["credential", "create", "demo", "paul"])
            .status
            .success()
    });
    let refusal = served.refused(
        "demo-owner",
        &["credential", "create", "demo", "paul", "--days", "91"],
    );
    assert!(refusal.contains("days"), "{refusal}");

    served.json("demo-owner", &["credential", "delete", "demo", "mill", &id]);
    soon("a deleted key is good", || !reads(&mill));
    assert!(reads(&here));
    let changed = served.json(
        "demo-owner",
        &["user", "set", "demo", "mill", "--disabled", "true"],
    );
    assert_eq!(
        changed["changes"].as_array().map(Vec::len),
        Some(1),
        "{changed}"
    );
    soon("a disabled user is let in", || !reads(&here));
    // What the configuration declares is changed there only, and nobody reaches into another tenant.
    let refusal = served.refused(
        "demo-owner",
        &["user", "set", "demo", "demo-admin", "--role", "reader"],
    );
    assert!(refusal.contains("configuration file"), "{refusal}");
    served.refused("demo-owner", &["user", "list", "another"]);
    let x = ["user", "set", "demo", "x", "--kind", "service"];
    served.refused("ann", &x);
    // No change of a user needs the leave of others, so none is taken.
    let refusal = served.refused("demo-owner", &[&x[..], &["--approval", "00"]].concat());
    assert!(refusal.contains("--approval"), "{refusal}");
}

#[test]
fn administration_ends_sessions() {
    let served = served(Upstream::Embedded);
    let binary = tools::gateway().display().to_string();
    let url = served.gateway.admin_endpoint();
    let token = served.token_file("demo-owner").display().to_string();
    let access = ["--admin-url", &url, "--token-file", &token];
    for (name, ending) in [
        (
            "one",
            &["user", "end-sessions", "demo", "--session", "{}"][..],
        ),
        (
            "all-of-one",
            &["user", "end-sessions", "demo", "all-of-one"],
        ),
        (
            "disabled",
            &["user", "set", "demo", "disabled", "--disabled", "true"],
        ),
    ] {
        let (account, _) = user(&served, name, "reader", &[]);
        let command = [&["held", binary.as_str()], ending, &access[..]].concat();
        account.run_script("session_ends.py", &command);
    }
    let (account, id) = user(&served, "keyless", "reader", &[]);
    let ending = ["credential", "delete", "demo", "keyless", &id];
    let command = [&["held", binary.as_str()], &ending[..], &access[..]].concat();
    account.run_script("session_ends.py", &command);
    // Last: whoever makes a session in the very second in which everybody's ended is out too.
    let (account, _) = user(&served, "everybody", "reader", &[]);
    let ending = ["user", "end-sessions", "demo"];
    let command = [&["held", binary.as_str()], &ending[..], &access[..]].concat();
    account.run_script("session_ends.py", &command);
}

#[test]
fn administration_of_emergencies_and_reviews() {
    let served = served(Upstream::Embedded);
    let declare = |reason: &'static str| {
        [
            "emergency",
            "declare",
            "demo",
            "sso/alice",
            "--reason",
            reason,
        ]
    };
    let refusal = served.refused("ada", &declare("too short"));
    assert!(refusal.contains("20 characters"), "{refusal}");
    let declared = served.json(
        "ada",
        &declare("patient unconscious, no record in the ward"),
    );
    let id = declared["emergency"]["id"].as_str().expect("it has an id");
    assert_eq!(declared["emergency"]["state"], "on");
    served.refused("ben", &["emergency", "review", "demo", id, "still on"]);
    served.json("ada", &["emergency", "end", "demo", id]);
    let waiting = served.json(
        "ann",
        &["emergency", "list", "demo", "--state", "awaits-review"],
    );
    assert_eq!(waiting["emergencies"].as_array().map(Vec::len), Some(1));
    let refusal = served.refused("ada", &["emergency", "review", "demo", id, "fine"]);
    assert!(refusal.contains("does not review"), "{refusal}");
    served.json(
        "ben",
        &[
            "emergency",
            "review",
            "demo",
            id,
            "the ward's record confirms it",
        ],
    );
    let mut noticed = served.gateway.process().log();
    noticed.retain(|character| character != '\n');
    assert!(noticed.contains("an emergency was declared"));

    user(&served, "mill", "reader", &[]);
    let review = served.json("ada", &["access-review", "show", "demo"]);
    let users = review["review"]["users"]
        .as_array()
        .expect("it lists users");
    let admin = users
        .iter()
        .find(|one| one["name"] == "demo-admin")
        .expect("it is there");
    assert!(
        admin["last_used"].is_string() && admin["declared"] == true,
        "{admin}"
    );
    assert!(
        users
            .iter()
            .any(|one| one["name"] == "mill" && one["last_used"].is_null())
    );
    let sha256 = review["sha256"].as_str().expect("it has a hash");
    served.refused("ann", &["access-review", "sign", "demo", sha256]);
    served.json(
        "ada",
        &[
            "access-review",
            "sign",
            "demo",
            sha256,
            "--note",
            "all needed",
        ],
    );
    user(&served, "late", "reader", &[]);
    let refusal = served.refused("ben", &["access-review", "sign", "demo", sha256]);
    assert!(refusal.contains("something has changed"), "{refusal}");
}

#[test]
fn administration_and_data_are_apart() {
    let served = served(Upstream::Embedded);
    let refusal = served.refused(
        "demo-owner",
        &["user", "set", "demo", "ada", "--kind", "human"],
    );
    assert!(refusal.contains("administrator"), "{refusal}");
    served.refused(
        "demo-owner",
        &["user", "set", "demo", "sso/ada", "--kind", "human"],
    );
    let create = [
        "admin",
        "credential",
        "create",
        "demo-admin",
        "--role",
        "auditor",
    ];
    let refusal = served.refused("ada", &create);
    assert!(refusal.contains("do not administer"), "{refusal}");
    // A helpdesk ends sessions, and makes nothing.
    let made = served.by_leave(&[
        "admin",
        "credential",
        "create",
        "hal",
        "--role",
        "tenant-helpdesk",
        "--tenant",
        "demo",
    ]);
    let token = made["token"].as_str().expect("a token is told once");
    std::fs::write(served.token_file("hal"), token).expect("a file can be written");
    served.json("hal", &["user", "end-sessions", "demo", "sso/alice"]);
    served.refused("hal", &["user", "set", "demo", "x", "--kind", "service"]);
    served.refused("hal", &["user", "end-sessions", "another", "sso/alice"]);
}

/// A tenant that the admin API made has limits and an identity provider of its own, in the configuration's words.
#[test]
fn administration_of_a_tenants_limits_and_identity_providers() {
    let provider = IdentityProvider::start();
    let mut served = served(Upstream::Embedded);
    let file = served.gateway.directory().join("lab.toml");
    let settings = format!(
        "limits = {{ largest_object_bytes = 1048576 }}\n\
         [[identity_providers]]\nname = \"sso\"\nissuer = \"{}\"\naudiences = [\"sealgate\"]\nkind = \"human\"\n\
         [[identity_providers.roles]]\nrole = \"tenant-admin\"\nclaim = \"groups\"\nvalues = [\"lab\"]\n",
        provider.issuer()
    );
    std::fs::write(&file, settings.replace("human", "robot")).expect("a file can be written");
    let path = file.display().to_string();
    let set = ["tenant", "set", "lab", "--settings", &path];
    let wrong = served.refused("ada", &set);
    assert!(wrong.contains("identity_providers[0].kind"), "{wrong}");
    std::fs::write(&file, settings).expect("a file can be written");
    // Who vouches for a tenant's people is not one officer's decision.
    let asked = served.json("ada", &set);
    assert_eq!(asked["state"], "pending", "{asked}");
    served.refused("ada", &["tenant", "show", "lab"]);
    served.by_leave(&set);
    let declared = served.refused("ada", &["tenant", "set", "demo", "--settings", &path]);
    assert!(declared.contains("configuration file"), "{declared}");
    let account = served.gateway.account();
    account.run_script("made_tenant.py", &[provider.issuer(), "made"]);

    // In the file by now, it keeps them until they are taken away, and all else is set as before.
    served
        .gateway
        .reconfigure(|text| text + "[[tenants]]\nid = \"lab\"\n");
    let disabled = served.json("ada", &["tenant", "set", "lab", "--disabled", "true"]);
    assert_eq!(disabled["value"]["disabled"], true, "{disabled}");
    std::fs::write(&file, "").expect("a file can be written");
    let emptied = served.json("ada", &set);
    assert!(emptied["value"]["settings"].is_null(), "{emptied}");
    std::fs::write(&file, "limits = {}").expect("a file can be written");
    let declared = served.refused("ada", &set);
    assert!(declared.contains("configuration file"), "{declared}");
}

/// Two gateways over one store: what is ended at one is over at the other within five seconds.
#[test]
fn administration_of_one_replica_is_followed_by_the_other() {
    let demo = [Principal::new("demo", "demo-admin", "tenant-admin")];
    let served = Administered::serve(Upstream::SeaweedFs, &demo);
    let other = served.gateway.replica(&demo);
    let scratch = World::get().scratch();
    std::fs::write(scratch.path().join("held"), "held").expect("a file can be written");
    let account = served.gateway.account();
    account.run_aws(scratch.path(), &["s3", "mb", "s3://held"]);
    account.run_aws(scratch.path(), &["s3", "cp", "held", "s3://held/held"]);
    let gateway = tools::gateway().display().to_string();
    let (url, token) = (
        served.gateway.admin_endpoint(),
        served.token_file("demo-owner"),
    );
    let token = token.display().to_string();
    let end = [
        &gateway,
        "user",
        "end-sessions",
        "demo",
        "--session",
        "{}",
        "--admin-url",
        &url,
        "--token-file",
        &token,
    ];
    let endpoint = other.account().endpoint.clone();
    account.run_script(
        "two_replicas.py",
        &[&["held", endpoint.as_str()], &end[..]].concat(),
    );
    // So is whatever else is declared at one.
    let writes = || {
        let mut command = other.account().program(&tools::tool("aws"));
        command
            .current_dir(scratch.path())
            .args(["s3", "cp", "held", "s3://held/x"]);
        command.output().is_ok_and(|output| output.status.success())
    };
    assert!(writes());
    served.json(
        "demo-owner",
        &[
            "bucket",
            "create",
            "demo",
            "held",
            "--residency",
            "eu-central-1",
        ],
    );
    soon("the other replica does not follow", || !writes());
}
