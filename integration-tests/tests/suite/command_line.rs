//! The command line: what a newcomer types and what an operator relies on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use integration_tests::gateway::{self, Gateway, Upstream};
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
