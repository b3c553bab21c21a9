//! Who may do what: tenants do not see each other, and a role is what its name says.

use integration_tests::gateway::{Gateway, Principal, Upstream};

use crate::on_both_upstreams;

on_both_upstreams! {
    tenants_do_not_see_each_other => strangers;
    roles_are_what_they_say => roles;
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
