//! What a client says is sealed or forgotten: it is in no log, no metric and no clear field of the trail, whatever became of
//! the request.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use integration_tests::canary::Canary;
use integration_tests::gateway::{Gateway, Principal, find};
use integration_tests::hostile::{HostileStore, Message};
use integration_tests::world::World;

#[test]
fn no_word_of_a_client_is_written_in_clear() {
    let store = HostileStore::before(World::get().seaweedfs().endpoint());
    let principals = [Principal::new("clinic", "clinic-admin", "tenant-admin")];
    let gateway =
        Gateway::serve_through_with(store.endpoint(), &principals, "timeout_seconds = 2\n");
    let canary = Canary::new("leak");
    let mut points = BTreeSet::new();
    let mut statuses = BTreeSet::new();
    let mut send = |how: &str| {
        let printed = gateway.account().run_script("leaks.py", &[canary.text()]);
        let sent: Vec<(String, u64)> = serde_json::from_str(&printed).expect("it prints JSON");
        for (point, status) in sent {
            points.insert(point);
            statuses.insert((how.to_owned(), status / 100));
        }
    };
    send("honest");
    // The store quotes what it was asked for, as stores do, and more.
    let said = canary.text().to_owned();
    for (status, code) in [
        ("500 Oops", "InternalError"),
        ("403 No", "AccessDenied"),
        ("400 Bad", "InvalidArgument"),
    ] {
        let said = said.clone();
        store.obey(Arc::new(move |request, ask| {
            if request.path().contains("system") {
                return ask();
            }
            let mut answer = Message {
                start: format!("HTTP/1.1 {status}"),
                ..Message::default()
            };
            answer.set("content-type", "application/xml");
            answer.set(&format!("x-amz-{said}"), &said);
            let text = format!(
                "<Error><Code>{code}</Code><Message>{said}</Message><Resource>/{said}</Resource><RequestId>{said}</RequestId></Error>"
            );
            answer.set_body(text.into_bytes());
            answer
        }));
        send(code);
    }
    // It breaks off without a word.
    store.obey(Arc::new(|request, ask| {
        if request.path().contains("system") {
            ask()
        } else {
            Message::default()
        }
    }));
    send("broken");
    store.relent();
    assert!(points.len() >= 50, "{points:?}");
    for seen in [
        ("honest", 2),
        ("honest", 4),
        ("InternalError", 5),
        ("broken", 5),
    ] {
        let seen = (seen.0.to_owned(), seen.1);
        assert!(statuses.contains(&seen), "{seen:?} not in {statuses:?}");
    }

    let log = gateway.process().log();
    assert!(log.lines().count() > 10, "something was logged: {log}");
    let told = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .filter(|line| line.to_lowercase().contains(canary.text()));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(told(&log), [""; 0], "in the log");
    let metrics = gateway.watched("/metrics");
    let metrics = String::from_utf8(metrics.body).expect("metrics are text");
    assert!(metrics.contains("sealgate_requests_total"), "{metrics}");
    assert_eq!(told(&metrics), [""; 0], "in the metrics");
    let mut lines = 0;
    find(&gateway.directory().join("audit"), &mut |path| {
        let text = fs::read(path).expect("it can be read");
        let text = String::from_utf8_lossy(&text);
        lines += text.lines().count();
        assert_eq!(told(&text), [""; 0], "on the trail, in {}", path.display());
    });
    assert!(lines > 250, "{lines}");
}

/// Memory holds keys and plaintext: it is not written to a file when the process dies.
#[test]
fn a_crash_leaves_no_core() {
    let gateway = Gateway::dev();
    let limits = fs::read_to_string(format!("/proc/{}/limits", gateway.process().id()));
    let limits = limits.expect("a running process has limits");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<&str> = core.expect("one of cores").split_whitespace().collect();
    assert_eq!(words.get(4..6), Some(&["0", "0"][..]), "{words:?}");
}
