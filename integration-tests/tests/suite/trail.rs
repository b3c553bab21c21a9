//! Every access is on the trail: who, whose, what, where, and how it ended.

use integration_tests::gateway::{Gateway, Principal, Upstream};
use serde_json::Value;

use crate::on_both_upstreams;

on_both_upstreams! {
    a_put_and_a_get_are_on_the_trail => recorded;
    a_refused_request_is_on_the_trail => refused;
}

fn recorded(upstream: Upstream) {
    let gateway = serve(upstream);
    gateway.account().run_script("objects.py", &["trail"]);
    let journal = gateway.journal();
    for operation in ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"] {
        let told = about(&journal, operation, "described");
        for (field, value) in [
            ("tenant", "clinic"),
            ("principal", "clinic-admin"),
            ("bucket", "trail"),
        ] {
            let all = told.iter().filter_map(|line| line.get(field));
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
    let gateway = serve(upstream);
    let account = gateway.account();
    account.run_script("restart.py", &["before", "trail"]);
    let uploader = Principal::new("clinic", "clinic-uploader", "uploader");
    account
        .with(uploader.credentials)
        .run_script("roles.py", &["trail", "earlier", "may-write"]);
    let gets = about(&gateway.journal(), "s3:GetObject", "earlier");
    assert!(
        gets.iter()
            .any(|line| line["principal"] == uploader.name && line["status"] == 403),
        "{gets:?}"
    );
    assert!(gets.iter().all(|line| line["status"] != 200), "{gets:?}");
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
        .filter(|line| line["op"] == operation && line["key"] == key)
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
