//! Memory does not grow with the object.

use integration_tests::gateway::{Gateway, Upstream};

use crate::on_both_upstreams;

on_both_upstreams! {
    a_1_gib_put_and_get_stay_under_128_mib => bounded;
    a_form_of_512_mib_stays_under_128_mib => bounded_form;
}

fn bounded(upstream: Upstream) {
    let gateway = Gateway::start(upstream);
    let account = gateway.account().clone();
    account.run_aws(".".as_ref(), &["s3", "mb", "s3://memory"]);
    let object = ["memory", "large", "1024"];
    account.run_script("stream_upload.py", &object);
    let after_put = gateway.process().peak_memory();
    account.run_script("stream_download.py", &object);
    let after_get = gateway.process().peak_memory();
    account.run_aws(".".as_ref(), &["s3", "rm", "s3://memory/large"]);
    assert!(after_put < LIMIT, "the PUT took {after_put} bytes");
    assert!(after_get < LIMIT, "the GET took {after_get} bytes");
}

fn bounded_form(upstream: Upstream) {
    let gateway = Gateway::start(upstream);
    let account = gateway.account();
    account.run_aws(".".as_ref(), &["s3", "mb", "s3://memory-form"]);
    account.run_script("stream_form.py", &["memory-form", "large", "512"]);
    let peak = gateway.process().peak_memory();
    account.run_aws(".".as_ref(), &["s3", "rm", "s3://memory-form/large"]);
    assert!(peak < LIMIT, "the form took {peak} bytes");
}

const LIMIT: u64 = 128 << 20;
