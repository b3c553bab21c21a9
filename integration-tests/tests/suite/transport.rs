//! The client's side of the connection: when it may send, how long it is waited for, what it may hold, and what
//! becomes of it when the gateway ends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use integration_tests::gateway::{Gateway, Principal, Upstream};

use crate::{on_both_upstreams, shared, shared_by_tls};

on_both_upstreams! {
    continue_early_errors_and_silence => patience;
    one_signed_chunk_of_1_gib_takes_no_memory => signed_chunk;
    readers_that_stop_hold_little => stopped_readers;
    a_download_is_finished_when_the_gateway_is_told_to_stop => drained;
}

fn patience(upstream: Upstream) {
    shared(upstream)
        .account()
        .run_script("patience.py", &["patience"]);
    shared_by_tls(upstream)
        .account()
        .run_script("patience.py", &["patience-by-tls"]);
}

fn signed_chunk(upstream: Upstream) {
    let gateway = Gateway::start(upstream);
    let account = gateway.account().clone();
    account.run_aws(".".as_ref(), &["s3", "mb", "s3://chunk"]);
    // What any upload takes is there already.
    account.run_script("signed_chunk.py", &["chunk", "one", "8"]);
    let before = gateway.process().peak_memory();
    account.run_script("signed_chunk.py", &["chunk", "one", "1024"]);
    let grown = gateway.process().peak_memory() - before;
    account.run_aws(".".as_ref(), &["s3", "rm", "s3://chunk/one"]);
    assert!(grown < MOST_FOR_A_CHUNK, "the upload took {grown} bytes");
}

/// Many clients that begin to read a large object and do not go on.
fn stopped_readers(upstream: Upstream) {
    let gateway = Gateway::start(upstream);
    let account = gateway.account().clone();
    account.run_aws(".".as_ref(), &["s3", "mb", "s3://stopped"]);
    account.run_script("stream_upload.py", &["stopped", "large", "64"]);
    account.run_script("stream_download.py", &["stopped", "large", "64"]);
    let before = gateway.process().peak_memory();
    let held = Held::begin(&gateway, &["stopped", "large", "32"]);
    let grown = gateway.process().peak_memory() - before;
    held.end();
    assert!(
        grown < 32 * MOST_FOR_A_READER,
        "32 readers take {grown} bytes"
    );
}

fn drained(upstream: Upstream) {
    let mut gateway = Gateway::start(upstream);
    let account = gateway.account().clone();
    account.run_aws(".".as_ref(), &["s3", "mb", "s3://drained"]);
    account.run_script("stream_upload.py", &["drained", "large", "64"]);
    let mut command = account.script("stream_download.py", &["drained", "large", "64", "8"]);
    let mut download = Held::start(&mut command);
    let status = gateway.process_mut().interrupt(Duration::from_mins(1));
    assert!(
        status.success(),
        "{status}: {}",
        gateway.process().log_end()
    );
    let downloaded = download.child.wait().expect("a child can be waited for");
    assert!(downloaded.success(), "the download was cut off");
}

#[test]
fn more_requests_than_there_are_places_for_are_told_to_come_again() {
    let ours = Principal::new("demo", "demo-admin", "tenant-admin");
    let gateway = Gateway::serve_with(Upstream::Embedded, &[ours], |_| {
        "requests_at_once = 3\n[upstream.embedded]\npath = \"bucket\"\n".to_owned()
    });
    let account = gateway.account().clone();
    account.run_aws(".".as_ref(), &["s3", "mb", "s3://places"]);
    account.run_script("stream_upload.py", &["places", "large", "32"]);
    // Their heads were answered long ago: a place is held until the body has gone.
    let held = Held::begin(&gateway, &["places", "large", "3"]);
    account.run_script("overload.py", &["places", "large", "full"]);
    held.end();
    account.run_script("overload.py", &["places", "large", "free"]);
}

/// A client in the middle of something.
struct Held {
    child: Child,
}

impl Held {
    /// Starts `hold_answers.py` and waits until it holds all.
    fn begin(gateway: &Gateway, arguments: &[&str]) -> Self {
        Self::start(&mut gateway.account().script("hold_answers.py", arguments))
    }

    /// Starts a script and waits for the line in which it says where it is.
    fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the client starts");
        let output = child.stdout.take().expect("its output is piped");
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .expect("the client's output can be read");
        assert!(!line.is_empty(), "the client has failed");
        Self { child }
    }

    fn end(mut self) {
        let mut input = self.child.stdin.take().expect("its input is piped");
        input.write_all(b"\n").expect("the client listens");
        let status = self.child.wait().expect("a child can be waited for");
        assert!(status.success(), "{status}");
    }
}

/// Consequence 9 of the design of the S3 surface.
const MOST_FOR_A_CHUNK: u64 = 32 << 20;
/// Buffers of two connections, and a few frames of 64 KiB.
const MOST_FOR_A_READER: u64 = 2 << 20;
