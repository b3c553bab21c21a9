//! The command line: what a newcomer types and what an operator relies on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use integration_tests::administered::Administered;
use integration_tests::gateway::{self, Gateway, Principal, Upstream};
use integration_tests::tools;
use integration_tests::world::World;

use crate::on_both_upstreams;

on_both_upstreams! {
    ctrl_c_ends_the_gateway_in_good_order => interrupted;
}

fn interrupted(upstream: Upstream) {
    let mut gateway = Gateway::start(upstream);
    gateway
        .account()
        .run_script("restart.py", &["before", "interrupted"]);
    let status = gateway.process_mut().interrupt(Duration::from_secs(30));
    assert!(
        status.success(),
        "{status}: {}",
        gateway.process().log_end()
    );
    gateway.restart();
    gateway
        .account()
        .run_script("restart.py", &["after", "interrupted"]);
}

#[test]
fn dev_takes_another_port_when_the_first_is_taken() {
    let first = Gateway::dev();
    let taken = first.account().endpoint.trim_start_matches("http://");
    let second = Gateway::dev_on(taken);
    assert_ne!(first.account().endpoint, second.account().endpoint);
    second.account().run_script("objects.py", &["second"]);
}

#[test]
fn dev_keeps_its_root_keys_to_itself() {
    let gateway = Gateway::dev();
    let mut keys: Vec<PathBuf> = Vec::new();
    gateway::find(gateway.directory(), &mut |path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.contains("root") && name.contains("key") {
            keys.push(path.to_owned());
        }
    });
    assert_eq!(keys.len(), 1, "one root key file: {keys:?}");
    for path in keys {
        let mode = fs::metadata(&path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn config_check_reports_all_problems_at_once() {
    let scratch = World::get().scratch();
    let config = scratch.path().join("sealgate.toml");
    let good = "[listen]\ns3 = \"127.0.0.1:0\"\n[upstream.embedded]\npath = \"bucket\"\n\
                [kms.dangerous_local_file]\npath = \"root-keys.json\"\n\
                [audit]\njournal = \"audit\"\n[[tenants]]\nid = \"demo\"\n\
                [[tenants.credentials]]\naccess_key_id = \"DEMOKEY\"\n\
                secret_access_key = \"demo-secret-for-tests\"\nprincipal = \"one\"\nrole = \"reader\"\n";
    let check = |text: &str| {
        fs::write(&config, text).expect("a file can be written");
        let output = Command::new(tools::gateway())
            .args(["config", "check"])
            .arg(&config)
            .output()
            .expect("the gateway starts");
        let told = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&told).into_owned(),
        )
    };
    let (fine, told) = check(good);
    assert!(fine, "{told}");

    let bad = good
        .replace("127.0.0.1:0", "nowhere")
        .replace("\"reader\"", "\"emperor\"");
    let (fine, told) = check(&bad);
    assert!(!fine, "{told}");
    assert!(told.contains("listen.s3"), "{told}");
    assert!(told.contains("role") && told.contains("emperor"), "{told}");

    let (fine, told) = check(&good.replace("[audit]", "[audits]"));
    assert!(!fine && told.contains("audits"), "{told}");
}

#[test]
fn object_inspect_explains_a_stored_object() {
    let gateway = Gateway::dev();
    gateway
        .account()
        .run_script("restart.py", &["before", "inspected"]);
    // The body of the 700 000 byte object: one file, and no other is of its size.
    let mut bodies: Vec<PathBuf> = Vec::new();
    gateway::find(gateway.directory(), &mut |path| {
        let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
        if length == STORED_700_000 {
            bodies.push(path.to_owned());
        }
    });
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let output = Command::new(tools::gateway())
        .args(["object", "inspect"])
        .args(&bodies)
        .output()
        .expect("the gateway starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("700000"),
        "the plaintext length is told: {told}"
    );
}

// docs/format.md: P + 28 per frame of 65 536 (11 of them) + 144 per 5 MiB begun + 368.
const STORED_700_000: u64 = 700_000 + 28 * 11 + 144 + 368;

/// Programs read what is wrong with policies, and people the same in words.
#[test]
fn policies_are_checked_and_tested_in_json_too() {
    let scratch = World::get().scratch();
    let file = |name: &str, text: &str| {
        let path = scratch.path().join(name);
        fs::write(&path, text).expect("a file can be written");
        path.display().to_string()
    };
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(tools::gateway());
        let output = command.arg("policy").args(arguments).arg("--json").output();
        let output = output.expect("the gateway's binary runs");
        let told: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("it prints JSON");
        (output.status.success(), told)
    };
    let good = file("good.cedar", "permit (principal, action, resource);");
    let (is_good, told) = ask(&["check", &good]);
    assert!(
        is_good && told["problems"] == serde_json::json!([]),
        "{told}"
    );
    let bad = file(
        "bad.cedar",
        "permit (principal, action, resource)\nwhen { context.color == 1 };",
    );
    let (is_good, told) = ask(&["check", &bad]);
    assert!(!is_good && told["problems"][0]["line"] == 2, "{told}");
    let case = |expected: &str| {
        format!(
            "[[case]]\nname = \"reads\"\nprincipal = {{ name = \"ana\", roles = [] }}\naction = \"s3:GetObject\"\nresource = {{ bucket = \"b\", key = \"k\" }}\nexpect = \"{expected}\"\n"
        )
    };
    let (is_good, told) = ask(&[
        "test",
        &file("a.toml", &case("permit")),
        "--policies",
        &good,
    ]);
    assert!(is_good && told["cases"] == 1, "{told}");
    let (is_good, told) = ask(&["test", &file("b.toml", &case("deny")), "--policies", &good]);
    assert!(
        !is_good && told["surprises"][0]["name"] == "reads",
        "{told}"
    );
}

#[test]
fn whoever_runs_it_is_told_that_nobody_is_security_officer() {
    let principals = [Principal::new("demo", "demo-admin", "tenant-admin")];
    let gateway = Gateway::serve_more(Upstream::Embedded, &principals, |_| {
        "[admin]\nlisten = \"127.0.0.1:0\"\n".to_owned()
    });
    let log = gateway.process().log();
    assert!(log.contains("nobody is security officer"), "{log}");
    let served = Administered::serve(Upstream::Embedded, &principals);
    let log = served.gateway.process().log();
    assert!(!log.contains("nobody is security officer"), "{log}");
}
