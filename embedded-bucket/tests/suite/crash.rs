//! Kills a writing process again and again: what it acknowledged is whole, nothing half is seen.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use embedded_bucket::EmbeddedBucket;
use futures_util::future::join_all;
use http::Request;
use http_body_util::Full;
use tower::ServiceExt;

use crate::client::{body_files, noise, read, standing};

/// Writers, each with keys of its own.
const WRITERS: u64 = 6;
const KEYS: u64 = 4;
const SIZES: [usize; 6] = [10, 4096, 4097, 70_000, 300_000, 1_500_000];

/// What generation `generation` of a key holds; generations that end a round of seven are deletions.
fn content(writer: u64, slot: u64, generation: u64) -> Option<bytes::Bytes> {
    if generation % 7 == 6 {
        return None;
    }
    let mix = writer * 1_000_003 + slot * 7919 + generation;
    let size = SIZES[usize::try_from(mix).unwrap() % SIZES.len()];
    Some(noise(mix, size))
}

/// The process that is killed: writes generation after generation, and says what was begun and done.
///
/// Run by itself, without a directory named among the test filters, it writes two generations and ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_process_acknowledges_what_it_wrote() {
    let named = std::env::args().find_map(|argument| {
        argument
            .strip_prefix("crash-directory=")
            .map(ToOwned::to_owned)
    });
    let from: u64 = std::env::args()
        .find_map(|argument| {
            argument
                .strip_prefix("crash-from=")
                .and_then(|from| from.parse().ok())
        })
        .unwrap_or(0);
    let own = tempfile::tempdir().unwrap();
    let (directory, until) = match &named {
        Some(directory) => (Path::new(directory), u64::MAX),
        None => (own.path(), 2),
    };
    let bucket = EmbeddedBucket::open(directory, standing).unwrap();
    let create = Request::put("/box")
        .header("content-length", 0)
        .body(Full::<bytes::Bytes>::default())
        .unwrap();
    bucket.service().oneshot(create).await.unwrap();
    join_all((0..WRITERS).map(|writer| write(&bucket, writer, from..until, named.is_some()))).await;
    for writer in 0..WRITERS {
        for slot in 0..KEYS {
            assert_eq!(
                visible(&bucket, writer, slot).await,
                content(writer, slot, 1)
            );
        }
    }
}

async fn write(
    bucket: &EmbeddedBucket,
    writer: u64,
    generations: std::ops::Range<u64>,
    watched: bool,
) {
    let say = |line: String| {
        if watched {
            say(&line);
        }
    };
    for generation in generations {
        for slot in 0..KEYS {
            say(format!("begun {writer} {slot} {generation}"));
            let target = format!("/box/{writer}/{slot}");
            let request = match content(writer, slot, generation) {
                Some(body) => Request::put(target)
                    .header("content-length", body.len())
                    .body(Full::new(body)),
                None => Request::delete(target).body(Full::default()),
            };
            let response = bucket.service().oneshot(request.unwrap()).await.unwrap();
            assert!(response.status().is_success(), "{}", response.status());
            say(format!("done {writer} {slot} {generation}"));
        }
    }
}

/// One line, written at once, so that a kill does not tear it.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n@{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

async fn visible(bucket: &EmbeddedBucket, writer: u64, slot: u64) -> Option<bytes::Bytes> {
    let request = Request::get(format!("/box/{writer}/{slot}"))
        .body(Full::<bytes::Bytes>::default())
        .unwrap();
    let response = bucket.service().oneshot(request).await.unwrap();
    match response.status().as_u16() {
        200 => Some(read(response.into_body()).await.unwrap()),
        404 => None,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_directory_is_opened_once_at_a_time_and_the_second_opener_does_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let bucket = EmbeddedBucket::open(directory.path(), standing).unwrap();
    let incoming = directory.path().join("incoming/1");
    std::fs::write(&incoming, "another process's upload").unwrap();
    assert!(EmbeddedBucket::open(directory.path(), standing).is_err());
    assert!(incoming.exists());
    drop(bucket);
    EmbeddedBucket::open(directory.path(), standing).unwrap();
    assert!(!incoming.exists());
}

/// The last generation begun and the last one acknowledged, per writer and slot.
#[derive(Default, Clone, Copy)]
struct Progress {
    begun: Option<u64>,
    done: Option<u64>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_writer_loses_nothing_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut progress: HashMap<(u64, u64), Progress> = HashMap::new();
    let mut acknowledged = 0;
    let mut from = 0;
    for round in 0..6_u64 {
        acknowledged += run_and_kill(
            directory.path(),
            from,
            Duration::from_millis(300 + 170 * round),
            &mut progress,
        );

        let bucket = EmbeddedBucket::open(directory.path(), standing).unwrap();
        let mut files = 0;
        for writer in 0..WRITERS {
            for slot in 0..KEYS {
                let Some(key) = progress.get_mut(&(writer, slot)) else {
                    continue;
                };
                from = from.max(key.begun.map_or(0, |begun| begun + 1));
                let seen = visible(&bucket, writer, slot).await;
                let possible: Vec<u64> = match (key.done, key.begun) {
                    (Some(done), Some(begun)) if begun > done => vec![done, begun],
                    (Some(done), _) => vec![done],
                    (None, Some(begun)) => vec![begun],
                    (None, None) => vec![],
                };
                let whole = possible
                    .iter()
                    .find(|generation| seen == content(writer, slot, **generation))
                    .copied();
                let nothing_yet = key.done.is_none() && seen.is_none();
                let length = seen.map(|body| body.len());
                assert!(
                    whole.is_some() || nothing_yet,
                    "{writer}/{slot} {possible:?} {length:?}"
                );
                // From here on this is what the key holds, whichever way the kill went.
                *key = Progress {
                    begun: whole,
                    done: whole,
                };
                files += usize::from(length.is_some_and(|length| length > 4096));
            }
        }
        assert_eq!(
            body_files(directory.path()).len(),
            files,
            "orphans are swept"
        );
    }
    assert!(acknowledged > 100, "only {acknowledged} writes were seen");
}

/// Runs the writer process for `time` on `directory` and kills it; answers how much it acknowledged.
fn run_and_kill(
    directory: &Path,
    from: u64,
    time: Duration,
    progress: &mut HashMap<(u64, u64), Progress>,
) -> usize {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "crash::a_writer_process_acknowledges_what_it_wrote",
        ])
        .arg(format!("crash-directory={}", directory.display()))
        .arg(format!("crash-from={from}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    let lines =
        std::thread::spawn(move || output.lines().map_while(Result::ok).collect::<Vec<_>>());
    std::thread::sleep(time);
    process.kill().unwrap();
    assert!(
        !process.wait().unwrap().success(),
        "it was to be killed at work"
    );
    let mut acknowledged = 0;
    for line in lines.join().unwrap() {
        let Some(said) = line.strip_prefix('@') else {
            continue;
        };
        let mut words = said.split(' ');
        let what = words.next().unwrap();
        let numbers: Vec<u64> = words.map(|word| word.parse().unwrap()).collect();
        let key = progress.entry((numbers[0], numbers[1])).or_default();
        if what == "done" {
            key.done = Some(numbers[2]);
            acknowledged += 1;
        } else {
            key.begun = Some(numbers[2]);
        }
    }
    acknowledged
}
