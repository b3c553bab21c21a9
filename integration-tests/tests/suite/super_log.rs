//! The super-log over a store that fails, refuses or forgets: a gateway registers its log, or does not start and says why.

use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use integration_tests::gateway::{Gateway, Principal};
use integration_tests::hostile::{HostileStore, Message};
use integration_tests::tools;
use integration_tests::world::World;
use serde_json::{Value, json};

/// A gateway that has run once and ended in good order, and its store.
struct Scene {
    store: HostileStore,
    gateway: Gateway,
}

impl Scene {
    fn begin() -> Self {
        let store = HostileStore::before(World::get().seaweedfs().endpoint());
        let clinic = Principal::new("clinic", "clinic-admin", "tenant-admin");
        let gateway = Gateway::serve_through(store.endpoint(), &[clinic]);
        let mut scene = Self { store, gateway };
        scene.end();
        scene
    }

    fn end(&mut self) {
        let ended = self.gateway.process_mut().interrupt(LIMIT);
        assert!(ended.success(), "{ended}");
    }

    /// Answers so where `chosen` says so.
    fn obey(&self, chosen: impl Fn(&Message) -> bool + Send + Sync + 'static, answer: &Message) {
        let answer = answer.clone();
        self.store.obey(Arc::new(move |request, ask| {
            if chosen(request) {
                answer.clone()
            } else {
                ask()
            }
        }));
    }

    fn config(&self) -> String {
        self.gateway.config().display().to_string()
    }

    /// The numbers of all entries, and whether the logs and they are whole; once the gateway has ended.
    fn verified(&self) -> (usize, bool) {
        let journal = self.gateway.directory().join("audit");
        let (entries, config) = (journal.join("super"), self.config());
        let out = entries.display().to_string();
        let copied = sealgate(&["audit", "super-log", "--config", &config, "--out", &out]);
        assert!(copied.status.success(), "{copied:?}");
        let key = sealgate(&["audit", "key", "--config", &config]).stdout;
        let key = String::from_utf8(key).expect("a key is text");
        let verified = Command::new(tools::gateway().with_file_name("sealgate-verify"))
            .args(["trail", &journal.display().to_string(), "--key", key.trim()])
            .output()
            .expect("it starts");
        let told = String::from_utf8_lossy(&verified.stdout);
        let code = verified.status.code();
        assert!(!told.is_empty() && code != Some(1), "{verified:?}");
        let count = fs::read_dir(&entries).expect("it is there").count();
        (count, matches!(code, Some(0 | 2)))
    }
}

#[test]
fn a_gateway_that_cannot_register_its_log_does_not_start_and_says_why() {
    let mut scene = Scene::begin();
    let silent = Message {
        stall: LIMIT,
        ..Message::default()
    };
    for (answer, why) in [
        (failure("500 Internal Server Error"), "500"),
        (silent, "has not answered for 20 s"),
    ] {
        scene.obey(is_entry, &answer);
        let told = refused(&scene.config());
        let what = "the audit log cannot be registered in the super-log";
        assert!(told.contains(what) && told.contains(why), "{told}");
    }
    let lines = scene.gateway.journal();
    let of_kind = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).count();
    assert_eq!(of_kind("replica.start"), 3);
    assert_eq!(of_kind("replica.stop"), 3, "none of them ended uncleanly");
    scene.store.relent();
    scene.gateway.restart();
    scene.end();
    let (entries, whole) = scene.verified();
    assert!(entries >= 4 && whole, "{entries}");
}

#[test]
fn a_store_that_refuses_conditions_gets_its_entries_without() {
    let mut scene = Scene::begin();
    let conditional = |request: &Message| request.header("if-none-match").is_some();
    let mut refusal = failure("501 Not Implemented");
    refusal.set_body(b"<Error><Code>NotImplemented</Code><Message/></Error>".to_vec());
    scene.obey(conditional, &refusal);
    scene.gateway.restart();
    scene.end();
    let (entries, whole) = scene.verified();
    assert!(entries >= 4 && whole, "{entries}");

    // Keys are made by such writes only, so that no deployment begins there.
    let directory = World::get().scratch();
    let config = directory.path().join("sealgate.toml");
    let begun = fs::read_to_string(scene.config()).expect("it is there");
    let other = begun.replace("bucket_prefix = \"", "bucket_prefix = \"other-");
    fs::write(&config, other).expect("a file can be written");
    let told = refused(&config.display().to_string());
    let what = "the keyrings cannot be opened";
    assert!(
        told.contains(what) && told.contains("NotImplemented"),
        "{told}"
    );
}

#[test]
fn an_entry_that_the_store_lost_is_told_of_and_not_written_again() {
    let mut scene = Scene::begin();
    let seen = scene.gateway.directory().join("audit/super-log-seen");
    let number = || {
        let seen = fs::read_to_string(&seen).expect("it is there");
        let seen: Value = serde_json::from_str(&seen).expect("it is JSON");
        seen["number"].as_u64().expect("a number")
    };
    let lost = number();
    let name = format!("audit/super/{lost:020}");
    let of_it = move |request: &Message| request.path().ends_with(&name);
    scene.obey(of_it, &failure("404 Not Found"));
    scene.gateway.restart();
    scene.gateway.process_mut().kill();
    assert!(number() > lost, "what is lost is not written again");
    scene.store.relent();
    // The store had only hidden it: the chain goes on behind it.
    let (entries, whole) = scene.verified();
    assert!(entries >= 3 && whole, "{entries}");
    let told = scene.gateway.trail();
    let told: Vec<&Value> = told
        .iter()
        .filter(|line| line["kind"] == "audit.config")
        .map(|line| &line["detail"])
        .collect();
    assert_eq!(told, [&json!({ "super_log_lost": lost })]);
}

/// Starts a gateway, which ends by itself. What it says.
fn refused(config: &str) -> String {
    let output = sealgate(&["serve", "--config", config]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(output.stdout.is_empty(), "it was ready: {told}");
    told
}

fn is_entry(request: &Message) -> bool {
    request.path().contains("-system/audit/super/")
}

fn failure(status: &str) -> Message {
    let mut answer = Message {
        start: format!("HTTP/1.1 {status}"),
        ..Message::default()
    };
    answer.set_body(Vec::new());
    answer
}

/// The program, which ends by itself.
fn sealgate(arguments: &[&str]) -> Output {
    Command::new("timeout")
        .arg(LIMIT.as_secs().to_string())
        .arg(tools::gateway())
        .args(arguments)
        .output()
        .expect("it starts")
}

const LIMIT: Duration = Duration::from_mins(1);
