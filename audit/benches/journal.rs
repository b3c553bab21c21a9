//! What recording costs: events a second and the time each takes, by how many requests record at once. Run with
//! `cargo bench -p audit`; the disk is that of the target directory.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use audit::{AuditKey, Class, Decision, Event, Identity, Journal, Kind, Settings, Uuid};
use tokio::task::JoinSet;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let directory = tempfile::tempdir_in(target).expect("the target directory can be written");
    let identity = Arc::new(Identity::new("bench", &[1; 32]));
    let journal = Journal::open(directory.path(), identity, Settings::default(), NOW);
    let journal = Arc::new(journal.expect("the journal opens"));
    for at_once in [1, 16, 64, 256] {
        let (events, mut times, whole) = runtime.block_on(measure(&journal, at_once));
        times.sort_unstable();
        let of = |share: usize| {
            times
                .get(times.len() * share / 100)
                .copied()
                .unwrap_or_default()
        };
        let rate = f64::from(events) / whole.as_secs_f64();
        let line = format!(
            "{at_once:4} at once: {rate:8.0} events/s, p50 {:6} µs, p99 {:6} µs",
            of(50).as_micros(),
            of(99).as_micros()
        );
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}

async fn measure(journal: &Arc<Journal>, at_once: u32) -> (u32, Vec<Duration>, Duration) {
    let key = Arc::new(AuditKey::new("k1", &[2; 32]));
    let each = 20_000_u32.div_ceil(at_once).min(2_000);
    let mut recorders = JoinSet::new();
    let began = Instant::now();
    for recorder in 0..at_once {
        let (journal, key) = (Arc::clone(journal), Arc::clone(&key));
        recorders.spawn(async move {
            let mut times = Vec::new();
            for n in 0..each {
                let began = Instant::now();
                let event = event(recorder, n);
                journal
                    .record(&event, Some(&key))
                    .await
                    .expect("it is recorded");
                times.push(began.elapsed());
            }
            times
        });
    }
    let times = recorders.join_all().await.concat();
    (each * at_once, times, began.elapsed())
}

/// An outcome as the gateway writes it.
fn event(recorder: u32, n: u32) -> Event {
    let mut event = Event::new(
        Kind::Outcome,
        NOW,
        format!("{recorder:08x}{n:08x}"),
        "s3:PutObject",
        Class::Write,
        Decision::Allow,
    );
    event.intent_ref = Some(Uuid::from_u128(u128::from(n)));
    event.tenant = Some(format!("tenant-{}", recorder % 8));
    event.principal = Some("upload-service".to_owned());
    event.credential = Some("AKIAIOSFODNN7EXAMPLE".to_owned());
    event.bucket = Some("documents".to_owned());
    event.key = Some(format!("2026/11/26/contract-{recorder}-{n}.pdf"));
    event.object_id = Some("00112233445566778899aabbccddeeff".to_owned());
    event.policies = vec!["role:writer".to_owned()];
    event.bytes_in = Some(123_456);
    event.status = Some(200);
    event.src = Some([192, 0, 2, 7].into());
    event.ua = Some("aws-cli/2.31.0 md/awscrt#0.28 lang/python#3.13".to_owned());
    event.duration = Some(Duration::from_millis(12));
    event
}

const NOW: SystemTime = SystemTime::UNIX_EPOCH;
