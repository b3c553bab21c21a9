//! Who may do what: tenants do not see each other, and a role is what its name says.

use integration_tests::client::Account;
use integration_tests::gateway::{Gateway, Principal, Upstream};

use crate::on_both_upstreams;

on_both_upstreams! {
    tenants_do_not_see_each_other => strangers;
    roles_are_what_they_say => roles;
}

/// A fault of routing, or a store that serves one tenant's object for another's, gives nobody anything: the object does
/// not open under another tenant's keys.
#[test]
fn isolation_is_cryptographic() {
    let ours = Principal::new("clinic", "clinic-admin", "tenant-admin");
    let theirs = Principal::new("lab", "lab-admin", "tenant-admin");
    let gateway = Gateway::serve(Upstream::SeaweedFs, &[ours, theirs.clone()]);
    let (clinic, lab) = (
        gateway.account(),
        gateway.account().with(theirs.credentials),
    );
    lab.run_script("isolation.py", &["put", "isolation", "the lab's"]);
    clinic.run_script("isolation.py", &["put", "isolation", "the clinic's"]);
    // Below the gateway: the lab's sealed object, whole, is put where the clinic's lies.
    let store = integration_tests::world::World::get().seaweedfs();
    let prefix = gateway.bucket_prefix();
    let store = Account {
        endpoint: store.endpoint().to_owned(),
        credentials: store.credentials().clone(),
        authority: None,
    };
    let (from, to) = (
        format!("{prefix}lab-isolation"),
        format!("{prefix}clinic-isolation"),
    );
    store.run_script("isolation.py", &["move", &from, &to]);
    clinic.run_script("isolation.py", &["refused", "isolation", "KeyNotFound"]);
    // Nor where it claims to be sealed under the clinic's key.
    store.run_script("isolation.py", &["move", &from, &to, "claimed"]);
    clinic.run_script("isolation.py", &["refused", "isolation", "IntegrityError"]);
    // It is the object that is refused, not the lab's own access to it.
    lab.run_script("isolation.py", &["read", "isolation", "the lab's"]);
    let journal = gateway.journal();
    let refused = journal.iter().filter(|line| {
        line["tenant"] == "clinic"
            && line["op"] == "s3:GetObject"
            && line["kind"] != "key.refused"
            && line["err"].is_string()
    });
    let errors: Vec<&str> = refused.filter_map(|line| line["err"].as_str()).collect();
    // F11 of the format: behind the key's id comes the header's MAC under the tenant's KEK, before anything is unwrapped.
    assert_eq!(
        errors,
        ["KeyNotFound", "KeyNotFound", "E_CONTEXT", "E_CONTEXT"]
    );
}

fn strangers(upstream: Upstream) {
    let ours = Principal::new("clinic", "clinic-admin", "tenant-admin");
    let theirs = Principal::new("lab", "lab-admin", "tenant-admin");
    let gateway = Gateway::serve(upstream, &[ours, theirs.clone()]);
    let account = gateway.account();
    account.run_script("restart.py", &["before", "findings"]);
    account
        .with(theirs.credentials)
        .run_script("strangers.py", &["findings", "earlier"]);
    // Nothing the strangers tried has changed anything.
    account.run_script("restart.py", &["after", "findings"]);
}

fn roles(upstream: Upstream) {
    let principals = [
        Principal::new("clinic", "clinic-admin", "tenant-admin"),
        Principal::new("clinic", "clinic-writer", "writer"),
        Principal::new("clinic", "clinic-reader", "reader"),
        Principal::new("clinic", "clinic-uploader", "uploader"),
    ];
    let gateway = Gateway::serve(upstream, &principals);
    let [_, writer, reader, uploader] = principals;
    let admin = gateway.account();
    let held = [
        "s3api",
        "put-object",
        "--bucket",
        "roles",
        "--key",
        "held",
        "--body",
    ];
    let scratch = integration_tests::world::World::get().scratch();
    std::fs::write(scratch.path().join("body"), "held").expect("a file can be written");
    admin.run_aws(scratch.path(), &["s3", "mb", "s3://roles"]);
    admin.run_aws(scratch.path(), &[&held[..], &["body"]].concat());

    for (principal, may) in [
        (writer, &["may-read", "may-write"][..]),
        (reader, &["may-read"]),
        (uploader, &["may-write"]),
    ] {
        admin
            .with(principal.credentials)
            .run_script("roles.py", &[&["roles", "held"], may].concat());
    }
}
