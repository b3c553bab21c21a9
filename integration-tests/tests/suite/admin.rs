//! The admin API as administrators meet it: by the command line of the real binary, over both stores.
#![expect(
    clippy::indexing_slicing,
    reason = "a member of JSON that is not there is null, and fails the assertion"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use integration_tests::administered::{Administered, run_at, token_in};
use integration_tests::gateway::{Gateway, Principal, Upstream};
use integration_tests::tools;
use serde_json::Value;

use crate::on_both_upstreams;

on_both_upstreams! {
    a_credential_is_made_with_two_others_leave_and_revoked => made_and_revoked;
}

fn made_and_revoked(upstream: Upstream) {
    let demo = [Principal::new("demo", "demo-admin", "tenant-admin")];
    let mut world = Administered::serve(upstream, &demo);
    assert_eq!(world.json("ann", &["admin", "whoami"])["role"], "auditor");
    let create = [
        "admin",
        "credential",
        "create",
        "dora",
        "--role",
        "operator",
    ];
    let refused = world.refused("ovid", &create);
    assert!(
        refused.contains("AccessDenied") && refused.contains("security-officer"),
        "{refused}"
    );
    let made = world.by_leave(&create);
    let file = world.gateway.directory().join("dora.token");
    std::fs::write(&file, made["token"].as_str().expect("a token")).expect("a file can be written");
    assert_eq!(world.json("dora", &["admin", "whoami"])["name"], "dora");

    // What is kept lasts over a power cut, and does not hold the token.
    world.gateway.restart();
    assert_eq!(world.json("dora", &["admin", "whoami"])["name"], "dora");
    let id = made["id"].as_str().expect("an id");
    world.json("ada", &["admin", "credential", "revoke", id]);
    assert!(
        world
            .refused("dora", &["admin", "whoami"])
            .contains("InvalidCredential")
    );

    let journal = world.gateway.journal();
    let of = |op: &str, kind: &str| {
        let found = |line: &&Value| line["op"] == op && line["kind"] == kind;
        journal.iter().filter(found).count()
    };
    assert_eq!(of("admin:CreateAdminCredential", "deny"), 1);
    assert_eq!(of("admin:CreateAdminCredential", "outcome"), 2);
    assert_eq!(of("admin:Approve", "outcome"), 2);
    assert_eq!(of("admin:RevokeAdminCredential", "intent"), 1);
    let used = journal
        .iter()
        .find_map(|line| line["approvals"][0].as_str());
    assert!(
        used.is_some_and(|used| used.ends_with(" by ben, cleo")),
        "{used:?}"
    );
}

#[test]
fn dev_makes_a_credential_for_its_user_alone() {
    let gateway = Gateway::dev();
    let log = gateway.process().log();
    let told = |name: &str| {
        let start = format!("export {name}=");
        let line = log
            .lines()
            .find_map(|line| line.trim().strip_prefix(&start));
        line.expect("dev tells how to reach its admin API")
            .to_owned()
    };
    let (url, file) = (
        told("SEALGATE_ADMIN_URL"),
        told("SEALGATE_ADMIN_TOKEN_FILE"),
    );
    let file = std::path::Path::new(&file);
    let who = run_at(&url, file, &["admin", "whoami"]);
    assert!(who.status.success(), "{who:?}");
    assert_eq!(
        String::from_utf8_lossy(&who.stdout),
        "dev (security-officer)\n"
    );
    let mode = std::fs::metadata(file)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let configuration = std::fs::read_to_string(gateway.directory().join("data/sealgate.toml"));
    assert!(
        !configuration
            .expect("it is there")
            .contains(&token_in(file))
    );
}

#[test]
fn whoever_holds_the_configuration_makes_the_first_credential() {
    let demo = [Principal::new("demo", "demo-admin", "tenant-admin")];
    let world = Administered::serve(Upstream::SeaweedFs, &demo);
    let config = world.gateway.directory().join("sealgate.toml");
    let file = world.gateway.directory().join("first.token");
    let made = Command::new(tools::gateway())
        .args([
            "admin",
            "credential",
            "create",
            "first",
            "--role",
            "auditor",
        ])
        .arg("--config")
        .arg(&config)
        .arg("--out")
        .arg(&file)
        .output()
        .expect("the gateway's binary runs");
    assert!(made.status.success(), "{made:?}");
    assert_eq!(world.json("first", &["admin", "whoami"])["name"], "first");
    let listed = world.json("first", &["admin", "credential", "list"]);
    let listed = listed["credentials"].as_array().expect("a list");
    assert_eq!(listed.len(), 7);
}
