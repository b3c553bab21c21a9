//! A sink over a real journal: what it was told, and what it is told again.

use std::collections::BTreeMap;
use std::path::Path;

use audit::{Event, Identity, Journal, Kind, Settings};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::config::{TargetConfig, WebhookConfig, WebhookMode};

/// A run of a replica, which has ended; its lines' ids.
async fn run(journal: &Path, events: usize) -> Vec<String> {
    let identity = Arc::new(Identity::new("d", &[5; 32]));
    let settings = Settings {
        headroom: 0,
        ..Settings::default()
    };
    let now = Clock::system().now();
    let open = Journal::open(journal, identity, settings, now).unwrap();
    let mut ids = Vec::new();
    for _ in 0..events {
        let event = Event::of_trail(Kind::Config, now);
        open.record(&event, None).await.unwrap();
        ids.push(event.id.to_string());
    }
    ids
}

fn sink(directory: &TempDir, target: &TargetConfig) -> Sink {
    let clock = Clock::system();
    let journal = directory.path().join("audit");
    Sink {
        name: "told".to_owned(),
        format: SinkFormat::Raw,
        selection: Arc::default(),
        noted: None,
        target: Target::new(target, "local", &clock).unwrap(),
        reading: Reading {
            cursor: journal.join("sinks/told.cursor"),
            journal,
            second: None,
            follower: None,
            deployment: "sealgate/d".into(),
        },
        pending: Vec::new(),
        told: false,
        meters: SinkMeters::default(),
        health: None,
        clock,
    }
}

/// Says the id of each request that it gets, and answers what `status` makes of that.
async fn receiver(
    listener: TcpListener,
    told: mpsc::UnboundedSender<String>,
    mut status: impl FnMut(&str) -> u16,
) -> Infallible {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        while let Some(id) = request(&mut stream).await {
            let answer = format!("HTTP/1.1 {} X\r\ncontent-length: 0\r\n\r\n", status(&id));
            told.send(id).unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("webhook-id", value)) => value.clone_into(&mut id),
            Some(("content-length", value)) => length = value.parse().unwrap(),
            _ if line == "\r\n" => break,
            _ => {}
        }
    }
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    Some(id)
}

/// Where each event is a request, the one that is refused repeats none of those that were taken.
#[tokio::test]
async fn what_a_receiver_took_does_not_come_again_with_what_it_refused() {
    for mode in [WebhookMode::Structured, WebhookMode::Binary] {
        let directory = tempfile::tempdir().unwrap();
        let ids = run(&directory.path().join("audit"), 6).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (say, mut told) = mpsc::unbounded_channel();
        let (refused, mut refusals) = (ids[3].clone(), 5);
        let serving = receiver(listener, say, move |id| {
            if id == refused && refusals > 0 {
                refusals -= 1;
                return 503;
            }
            204
        });
        let target = TargetConfig::Webhook(WebhookConfig {
            url: url.parse().unwrap(),
            secret: "a secret of the tests".into(),
            mode,
            ca_file: None,
        });
        let mut sink = sink(&directory, &target);
        let telling = async {
            let mut failures = 0;
            loop {
                match sink.step().await {
                    Ok(true) => {}
                    Ok(false) => return failures,
                    Err(_) => failures += 1,
                }
            }
        };
        tokio::select! {
            never = serving => match never {},
            failures = telling => assert_eq!(failures, 5),
        }
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        while let Ok(id) = told.try_recv() {
            *times.entry(id).or_default() += 1;
        }
        let times: Vec<usize> = ids.iter().map(|id| times[id]).collect();
        assert_eq!(times, [1, 1, 1, 6, 1, 1], "{mode:?}");
    }
}

#[tokio::test]
async fn what_a_sink_is_not_told_of_is_passed_over_and_noted_seldom() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, file) = (
        directory.path().join("audit"),
        directory.path().join("told"),
    );
    let target = TargetConfig::Lines {
        path: Some(file.clone()),
    };
    let mut sink = sink(&directory, &target);
    sink.clock = Clock::from_fn(|| SystemTime::UNIX_EPOCH);
    sink.selection = Arc::new(Selection {
        only: vec![audit_index::About::Emergencies],
        ..Selection::default()
    });
    let cursor = || std::fs::read(journal.join("sinks/told.cursor")).unwrap();
    let mut earlier = run(&journal, 3).await;
    while sink.step().await.unwrap() {}
    let noted = cursor();
    // No time passes.
    earlier.extend(run(&journal, 3).await);
    while sink.step().await.unwrap() {}
    assert_eq!(cursor(), noted);
    assert_eq!(sink.reading.behind().await.unwrap(), 0);
    assert!(!file.exists());
    // What it is told of is noted, with everything before it.
    sink.selection = Arc::default();
    let ids = run(&journal, 1).await;
    while sink.step().await.unwrap() {}
    assert_ne!(cursor(), noted);
    let told = std::fs::read_to_string(&file).unwrap();
    assert!(told.contains(&ids[0]), "{told}");
    assert!(
        !earlier.iter().any(|id| told.contains(id.as_str())),
        "{told}"
    );
}
