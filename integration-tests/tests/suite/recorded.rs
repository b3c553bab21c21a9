//! Every operation leaves its trace, whoever asks and whatever becomes of it: one that emits nothing fails here.

use std::collections::BTreeMap;
use std::path::Path;

use integration_tests::gateway::{Gateway, Principal, Upstream};
use serde_json::Value;

#[test]
fn no_route_goes_unrecorded() {
    let principals = [Principal::new("clinic", "clinic-admin", "tenant-admin")];
    let mut gateway = Gateway::serve(Upstream::Embedded, &principals);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/s3-compatibility.md");
    let page = page.display().to_string();
    let asked = gateway.account().run_script("every_route.py", &[&page]);
    let trail = gateway.trail();
    let mut recorded: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for line in &trail {
        let request = line["req"].as_str().unwrap_or_default();
        recorded.entry(request).or_default().push(line);
    }
    let mut missing = Vec::new();
    for told in asked.lines() {
        let (name, request) = told.split_once(' ').expect("a name and an id");
        let lines = recorded.get(request).map(Vec::as_slice).unwrap_or_default();
        let ended = |line: &&&Value| {
            let ends = ["outcome", "complete", "deny"]
                .iter()
                .any(|kind| line["kind"] == *kind);
            ends && line["status"].is_u64()
        };
        let named = |line: &&Value| name == "-" || line["op"] == name;
        match lines.iter().find(ended) {
            Some(line) if named(line) => {}
            found => missing.push(format!("{name}: {found:?}")),
        }
    }
    assert!(asked.lines().count() > 230, "{asked}");
    let tokens = asked.lines().filter(|told| told.starts_with("sts:"));
    assert_eq!(tokens.count(), 8);
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    // Whoever shows no credentials is on record as refused.
    let nobody = trail
        .iter()
        .filter(|line| line["kind"] == "deny" && line["tenant"].is_null());
    assert!(nobody.count() > 100);
}
