//! The tools for administrators, as they type them, on what really lies in a store, whole and spoiled in every way.

mod objects;
mod scrub;
mod withheld;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use integration_tests::client::{Account, Credentials};
use integration_tests::gateway::Gateway;
use integration_tests::tools;
use integration_tests::world::World;
use serde_json::Value;

/// What a run of `sealgate` came to.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn sealgate(arguments: &[&str]) -> Run {
    let output = Command::new(tools::gateway())
        .args(arguments)
        .output()
        .expect("the gateway starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

impl Run {
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).expect("it prints JSON")
    }
}

#[test]
fn completions_and_man_pages_come_from_the_program() {
    let bash = sealgate(&["docs", "completions", "bash"]).expect(0).out;
    assert!(bash.contains("--against-trail"), "{bash}");
    let page = sealgate(&["docs", "man", "object", "verify"]).expect(0).out;
    assert!(page.starts_with(".ie") && page.contains("audit"), "{page}");
    sealgate(&["docs", "man", "no-such-command"]).expect(1);
}

/// Kinds and keys of what a scrub reports.
fn pairs(report: &Value) -> BTreeSet<(String, String)> {
    let findings = report["findings"]
        .as_array()
        .expect("a report has findings");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    findings
        .iter()
        .map(|finding| (text(&finding["kind"]), text(&finding["key"])))
        .collect()
}

fn config_of(gateway: &Gateway) -> String {
    gateway
        .directory()
        .join("sealgate.toml")
        .display()
        .to_string()
}

fn prefix_of(gateway: &Gateway) -> String {
    let text = fs::read_to_string(gateway.directory().join("sealgate.toml")).expect("it is there");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("bucket_prefix = "));
    line.expect("it names a prefix")
        .trim_matches('"')
        .to_owned()
}

fn store_credentials() -> (String, String) {
    let credentials = World::get().seaweedfs().credentials();
    (
        credentials.access_key_id().to_owned(),
        credentials.secret_access_key().to_owned(),
    )
}

/// The store's own account, for clients that go past the gateway.
fn store_account(gateway: &Gateway) -> Account {
    let (access_key, secret_key) = store_credentials();
    Account {
        endpoint: World::get().seaweedfs().endpoint().to_owned(),
        ..gateway
            .account()
            .with(Credentials::new(&access_key, &secret_key))
    }
}

/// Endpoint and credentials of the store, as scripts take them.
fn store_arguments() -> [String; 3] {
    let (access_key, secret_key) = store_credentials();
    [
        World::get().seaweedfs().endpoint().to_owned(),
        access_key,
        secret_key,
    ]
}
