//! kill -9 in the middle of an upload: what was acknowledged stays, what was not is not there.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use integration_tests::gateway::{Gateway, Upstream};

use crate::on_both_upstreams;

on_both_upstreams! {
    kill_during_a_1_gib_upload_leaves_no_object => killed;
}

fn killed(upstream: Upstream) {
    let mut gateway = Gateway::start(upstream);
    gateway
        .account()
        .run_script("restart.py", &["before", "crash"]);
    let mut upload = begin_upload(&gateway);
    gateway.process_mut().kill();
    let ended = upload.wait().expect("a child can be waited for");
    assert!(
        !ended.success(),
        "the upload was acknowledged by a dead gateway"
    );

    gateway.restart();
    gateway
        .account()
        .run_script("restart.py", &["after", "crash"]);
}

/// Starts a PUT of 1 GiB and returns when 128 MiB of it are sent.
fn begin_upload(gateway: &Gateway) -> Child {
    let mut command = gateway
        .account()
        .script("stream_upload.py", &["crash", "cut", "1024", "128"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut upload = command.spawn().expect("the client starts");
    let output = upload.stdout.take().expect("its output is piped");
    let mut line = String::new();
    BufReader::new(output)
        .read_line(&mut line)
        .expect("the client's output can be read");
    assert_eq!(line, "sent\n", "the client could not send 128 MiB");
    upload
}
