//! Folders over a store that makes directories of them, by several clients at once: who is told that a folder is there
//! finds it, and it goes when its store says that it is gone.

use std::thread;

use integration_tests::gateway::{Gateway, Principal};
use integration_tests::hostile::{HostileStore, Message, When};
use integration_tests::world::World;

use crate::jobs::wait_for;

fn scene() -> (HostileStore, Gateway) {
    let store = HostileStore::before(World::get().seaweedfs().endpoint());
    let ours = Principal::new("demo", "demo-admin", "tenant-admin");
    let gateway = Gateway::serve_through(store.endpoint(), &[ours]);
    (store, gateway)
}

fn on_folder(method: &'static str) -> impl Fn(&Message) -> bool {
    move |request| request.method() == method && request.path().ends_with("/a/")
}

#[test]
fn a_folder_that_is_not_deleted_keeps_its_envelope() {
    let (_, gateway) = scene();
    let run = |arguments: &[&str]| gateway.run_script("folder_races.py", arguments);
    run(&["make", "folder-kept", "a/b"]);
    run(&["refused", "folder-kept"]);
    run(&["delete", "folder-kept"]);
    run(&["gone", "folder-kept", "a/b"]);
}

/// One client's deletion is done in the store when another makes the folder anew and is told so; then the first goes on.
#[test]
fn a_folder_made_anew_while_another_client_deletes_it_keeps_its_own_envelope() {
    let (store, gateway) = scene();
    let run = |arguments: &[&str]| gateway.run_script("folder_races.py", arguments);
    run(&["make", "folder-anew"]);
    let pause = store.pause(When::After, on_folder("DELETE"));
    thread::scope(|scope| {
        let deletes = scope.spawn(|| run(&["delete", "folder-anew"]));
        pause.meanwhile(|| run(&["anew", "folder-anew"]));
        deletes.join().expect("the deletion is answered");
    });
    run(&["seen", "folder-anew", "anew"]);
}

/// The upload is written; what somebody does to the folder before it is looked at is none of its client's.
#[test]
fn a_folder_that_is_deleted_before_it_is_looked_at_was_written() {
    let (store, gateway) = scene();
    let run = |arguments: &[&str]| gateway.run_script("folder_races.py", arguments);
    run(&["make", "folder-late"]);
    let pause = store.pause(When::Before, on_folder("HEAD"));
    thread::scope(|scope| {
        let makes = scope.spawn(|| run(&["anew", "folder-late"]));
        pause.meanwhile(|| run(&["delete", "folder-late"]));
        makes.join().expect("the upload is acknowledged");
    });
    run(&["gone", "folder-late"]);
}

/// The gateway dies when all is written and the outcome is not: what became of the upload is told by the envelope that is
/// kept apart.
#[test]
fn an_upload_without_an_outcome_is_found_where_its_envelope_lies() {
    let (store, mut gateway) = scene();
    gateway.run_script("folder_races.py", &["make", "folder-open"]);
    let keeps_apart =
        |request: &Message| request.method() == "PUT" && request.path().contains("/folders/");
    let pause = store.pause(When::After, keeps_apart);
    let account = gateway.account().clone();
    let makes =
        thread::spawn(move || account.run_script("folder_races.py", &["anew", "folder-open"]));
    pause.meanwhile(|| gateway.restart());
    assert!(makes.join().is_err(), "its client was not answered");
    let reconciled = || {
        let lines = gateway.journal();
        let is_reconciled = |line: &serde_json::Value| line["kind"] == "reconcile";
        lines.into_iter().find(is_reconciled)
    };
    wait_for("it is reconciled", || reconciled().is_some());
    let line = reconciled().expect("a line");
    assert_eq!(
        (&line["op"], &line["detail"]["found"]),
        (&"s3:PutObject".into(), &"written".into()),
        "{line}"
    );
}
