//! Every form of signature that clients still use, and both ways to name a bucket.

use std::fs;

use integration_tests::gateway::{Gateway, Principal, Upstream};
use integration_tests::world::World;

use crate::{on_both_upstreams, shared};

on_both_upstreams! {
    version_2_urls_as_boto3_makes_them => |upstream| {
        shared(upstream).account().run_script("presigned_version2.py", &["python-version2"]);
    };
    version_4_urls_in_every_detail => |upstream| {
        shared(upstream).account().run_script("presigned_details.py", &["python-presigned-details"]);
    };
    post_forms_in_every_detail => |upstream| {
        shared(upstream).account().run_script("post_forms.py", &["python-post-forms"]);
    };
}

fn admin() -> Principal {
    Principal::new("demo", "demo-admin", "tenant-admin")
}

#[test]
fn version_2_headers_are_a_setting() {
    let scratch = World::get().scratch();
    let here = scratch.path();
    fs::write(here.join("file"), "version 2").expect("a file can be written");
    let gateway = Gateway::serve_set("signature_v2_headers = true", "", &[admin()]);
    let s3cmd = |arguments: &[&str]| {
        let arguments = [&["--signature-v2"], arguments].concat();
        gateway.account().run_s3cmd(here, &arguments)
    };
    s3cmd(&["mb", "s3://old-client"]);
    s3cmd(&["put", "file", "s3://old-client/a folder/file+name"]);
    s3cmd(&["get", "s3://old-client/a folder/file+name", "back"]);
    assert_eq!(
        fs::read(here.join("back")).expect("it was fetched"),
        b"version 2"
    );
    let listed = s3cmd(&["ls", "--recursive", "s3://old-client"]);
    assert!(listed.contains("a folder/file+name"), "{listed}");
    let account = gateway.account();
    account.run_script("headers_version2.py", &["old-client-boto3", "verified"]);
    let closed = shared(Upstream::Embedded).account();
    closed.run_script("headers_version2.py", &["old-client-boto3", "refused"]);
}

#[test]
fn a_form_may_do_what_its_signer_may() {
    let principals = [
        Principal::new("clinic", "clinic-admin", "tenant-admin"),
        Principal::new("clinic", "clinic-uploader", "uploader"),
        Principal::new("clinic", "clinic-reader", "reader"),
    ];
    let gateway = Gateway::serve(Upstream::Embedded, &principals);
    let [_, uploader, reader] = principals;
    let admin = gateway.account();
    admin.run_aws(".".as_ref(), &["s3", "mb", "s3://forms"]);
    for (principal, may) in [(uploader, "may-write"), (reader, "may-not-write")] {
        let account = admin.with(principal.credentials);
        account.run_script("form_role.py", &["forms", may]);
    }
}

/// `localhost` resolves to the loopback address, and so do names below it; a name of two words tells a base domain
/// from its last word.
#[test]
fn buckets_in_the_host_name() {
    let listen = "base_domains = [\"s3.localhost\", \"localhost\"]";
    let gateway = Gateway::serve_set("", listen, &[admin()]);
    gateway.account().run_script("virtual_hosts.py", &[]);
}
