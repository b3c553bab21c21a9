//! What one tenant may take, and that it takes nothing from another.

use integration_tests::client::Credentials;
use integration_tests::gateway::{Gateway, Principal, Upstream};

/// A gateway with the tenant `lab`, which has no limits, and `clinic`, which has these; the second tenant's
/// credentials with it.
fn limited(limits: &str) -> (Gateway, Credentials) {
    let clinic = Principal::new("clinic", "clinic-admin", "tenant-admin");
    let lab = Principal::new("lab", "lab-admin", "tenant-admin");
    let mut gateway = Gateway::serve(Upstream::Embedded, &[clinic, lab.clone()]);
    let table = format!("id = \"clinic\"\nlimits = {{ {limits} }}\n");
    gateway.reconfigure(|text| text.replace("id = \"clinic\"\n", &table));
    (gateway, lab.credentials)
}

#[test]
fn limits_of_requests_are_one_tenants_own() {
    let (gateway, lab) = limited("requests_per_second = 2");
    let clinic = gateway.account();
    let free = clinic.with(lab);
    free.run_script("limits.py", &["free", "limits-lab"]);
    let scratch = integration_tests::world::World::get().scratch();
    clinic.run_aws(scratch.path(), &["s3", "mb", "s3://limits"]);
    clinic.run_script("limits.py", &["limited", "limits"]);
    free.run_script("limits.py", &["free", "limits-lab"]);
    let counted = gateway.sample("sealgate_limited_total{limit=\"requests_per_second\"}");
    assert!(counted.is_some_and(|count| count > 0), "{counted:?}");
}

#[test]
fn limits_of_size_hold_for_objects_however_they_are_uploaded() {
    let (gateway, _) = limited("largest_object_bytes = 6291456");
    gateway
        .account()
        .run_script("limits.py", &["size", "limits"]);
}

#[test]
fn limits_of_bytes_are_kept_on_average() {
    let (gateway, _) = limited("bytes_per_second = 1048576");
    gateway
        .account()
        .run_script("limits.py", &["bytes", "limits"]);
}

#[test]
fn limits_of_requests_at_once_count_answers_until_they_have_left() {
    let (gateway, _) = limited("requests_at_once = 1");
    gateway
        .account()
        .run_script("limits.py", &["at-once", "limits"]);
}
