//! What recording costs: events a second and the time each takes, by how many requests record at once; and what an
//! access costs by how many events of it somebody waits for; on one disk, and on two (here directories of one disk, which
//! syncs both: what two disks cost at most). Run with `cargo bench -p audit`; the disk is that of the target directory.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use audit::{AuditKey, Class, Decision, Event, Identity, Journal, Kind, Settings, Uuid};
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    for disks in [1, 2] {
        let directory = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
        let identity = Arc::new(Identity::new("bench", &[1; 32]));
        let settings = Settings {
            second: (disks == 2).then(|| directory.path().join("second")),
            min_devices: disks,
            ..Settings::default()
        };
        let first = directory.path().join("first");
        let journal = Arc::new(Journal::open(&first, identity, settings, NOW)?);
        for access in [Access::BothWaited, Access::IntentWaited, Access::Single] {
            for at_once in [1, 16, 64, 256] {
                let measured = runtime.block_on(measure(&journal, access, at_once))?;
                tell(
                    &format!("{disks} disks, {access:?}, {at_once:4} at once"),
                    measured,
                )?;
            }
        }
    }
    Ok(())
}

fn tell(what: &str, (mut times, whole): (Vec<Duration>, Duration)) -> Outcome<()> {
    times.sort_unstable();
    let of = |share: usize| {
        let at = times.len() * share / 100;
        times.get(at).map_or(0, Duration::as_micros)
    };
    let rate = u128::try_from(times.len())? * 1_000_000 / whole.as_micros().max(1);
    let (p50, p99) = (of(50), of(99));
    writeln!(
        std::io::stdout(),
        "{what}: {rate:7} accesses/s, p50 {p50:6} µs, p99 {p99:6} µs"
    )?;
    Ok(())
}

/// What of an access is waited for.
#[derive(Debug, Clone, Copy)]
enum Access {
    /// Intent and outcome: of what changes something.
    BothWaited,
    /// The intent: of a read that streams.
    IntentWaited,
    /// One event for all of it.
    Single,
}

async fn measure(
    journal: &Arc<Journal>,
    access: Access,
    at_once: u32,
) -> Outcome<(Vec<Duration>, Duration)> {
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
                journal.record(&event(recorder, n), Some(&key)).await?;
                match access {
                    Access::BothWaited => {
                        journal.record(&event(recorder, n), Some(&key)).await?;
                    }
                    Access::IntentWaited => journal.submit(&event(recorder, n), Some(&key))?,
                    Access::Single => {}
                }
                times.push(began.elapsed());
            }
            Ok::<_, audit::JournalError>(times)
        });
    }
    let mut times = Vec::new();
    for recorded in recorders.join_all().await {
        times.extend(recorded?);
    }
    Ok((times, began.elapsed()))
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
