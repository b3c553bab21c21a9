//! Every access is on the trail: who, whose, what, where, and how it ended.

use std::collections::BTreeSet;

use integration_tests::gateway::{Gateway, Principal, Upstream, find};
use serde_json::Value;

use crate::on_both_upstreams;

on_both_upstreams! {
    no_name_is_in_clear_on_the_trail => sealed;
    a_put_and_a_get_are_on_the_trail => recorded;
    a_refused_request_is_on_the_trail => refused;
}

fn recorded(upstream: Upstream) {
    let mut gateway = serve(upstream);
    gateway.account().run_script("objects.py", &["trail"]);
    let journal = gateway.trail();
    assert_eq!(journal[0]["kind"], "replica.start", "{}", journal[0]);
    for operation in ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"] {
        let told = about(&journal, operation, "described");
        for (field, value) in [
            ("/tenant", "clinic"),
            ("/sealed/actor.name", "clinic-admin"),
            ("/sealed/src.ip", "127.0.0.1"),
            ("/bucket", "trail"),
        ] {
            let all = told.iter().filter_map(|line| line.pointer(field));
            assert!(
                all.clone().count() > 0,
                "{operation} without {field}: {told:?}"
            );
            assert!(
                all.clone().all(|seen| seen == value),
                "{operation}: {told:?}"
            );
        }
        let ended_well = |line: &Value| line["status"].as_u64().is_some_and(|s| s / 100 == 2);
        assert!(told.iter().any(ended_well), "{operation}: {told:?}");
    }
    // The GET after the delete ended otherwise, and that is there too.
    let gets = about(&journal, "s3:GetObject", "described");
    assert!(gets.iter().any(|line| line["status"] == 404), "{gets:?}");
}

fn refused(upstream: Upstream) {
    let mut gateway = serve(upstream);
    let account = gateway.account().clone();
    account.run_script("restart.py", &["before", "trail"]);
    let uploader = Principal::new("clinic", "clinic-uploader", "uploader");
    account
        .with(uploader.credentials)
        .run_script("roles.py", &["trail", "earlier", "may-write"]);
    let gets = about(&gateway.trail(), "s3:GetObject", "earlier");
    assert!(
        gets.iter()
            .any(|line| line["sealed"]["actor.name"] == uploader.name && line["status"] == 403),
        "{gets:?}"
    );
    assert!(gets.iter().all(|line| line["status"] != 200), "{gets:?}");
}

/// Who reads the journal without a key learns no object's name, no person's and no address.
fn sealed(upstream: Upstream) {
    let mut gateway = serve(upstream);
    gateway.account().run_script("objects.py", &["trail"]);
    let opened = gateway.trail();
    let names: BTreeSet<&str> = opened
        .iter()
        .filter_map(|line| line["sealed"].as_object())
        .flat_map(|sealed| sealed.values().filter_map(Value::as_str))
        .filter(|name| name.len() > 5)
        .collect();
    assert!(
        names.contains("described") && names.contains("clinic-admin"),
        "{names:?}"
    );
    let mut read = 0;
    find(&gateway.directory().join("audit"), &mut |path| {
        let bytes = std::fs::read(path).expect("it can be read");
        read += bytes.len();
        let text = String::from_utf8_lossy(&bytes);
        for name in &names {
            assert!(!text.contains(*name), "{name} in {}", path.display());
        }
    });
    assert!(read > 10_000, "{read}");
}

fn serve(upstream: Upstream) -> Gateway {
    let principals = [
        Principal::new("clinic", "clinic-admin", "tenant-admin"),
        Principal::new("clinic", "clinic-uploader", "uploader"),
    ];
    Gateway::serve(upstream, &principals)
}

/// All lines of the requests that did `operation` on `key`: a request's lines share `req`.
fn about(journal: &[Value], operation: &str, key: &str) -> Vec<Value> {
    let requests: Vec<&Value> = journal
        .iter()
        .filter(|line| line["op"] == operation && line["sealed"]["obj.key"] == key)
        .map(|line| &line["req"])
        .collect();
    assert!(
        !requests.is_empty() && requests.iter().all(|request| request.is_string()),
        "no {operation} of {key} with a request id among {} lines",
        journal.len()
    );
    let told = journal
        .iter()
        .filter(|line| requests.contains(&&line["req"]));
    told.cloned().collect()
}
