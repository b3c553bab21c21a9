//! The trail, passed on: each sink reads the journal behind its writer and tells others what is on record, at least
//! once and in order. A sink that fails is tried again for ever and holds up nobody. It must not know requests.

mod acknowledging;
mod backoff;
mod formats;
mod parcel;
mod selection;
mod targets;

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use audit::{Cursor, Follower, Line};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::clock::Clock;
use crate::config::{AuditConfig, Selection, SinkFormat, TargetConfig};
use crate::telemetry::SinkMeters;
pub use acknowledging::Acknowledging;
pub(crate) use backoff::Backoff;
use parcel::Parcel;
use targets::Target;
pub use targets::TargetError;

/// All sinks of a replica.
#[derive(Debug)]
pub struct Sinks(Vec<Sink>);

/// One of them.
struct Sink {
    name: String,
    format: SinkFormat,
    selection: Arc<Selection>,
    target: Target,
    reading: Reading,
    /// When it was last noted how far it is.
    noted: Option<SystemTime>,
    /// Read and not told yet, or told and not noted yet.
    pending: Vec<Parcel>,
    /// Whether what is pending has been told.
    told: bool,
    meters: SinkMeters,
    /// Told when the stream takes events again that requests wait for; of the sink of that stream.
    health: Option<Arc<audit::Health>>,
    clock: Clock,
}

/// The journal as a sink reads it.
struct Reading {
    journal: PathBuf,
    second: Option<PathBuf>,
    cursor: PathBuf,
    /// None until the cursor could be read.
    follower: Option<Follower>,
    deployment: Arc<str>,
}

/// Why a sink has to try again.
#[derive(Debug, thiserror::Error)]
enum SinkError {
    #[error("the journal or the cursor cannot be read or written")]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("it did not answer within {} s", PATIENCE.as_secs())]
    TimedOut,
}

impl Sinks {
    /// Those of a configuration; `deployment` is the name that the trail is signed under.
    ///
    /// # Errors
    /// If certificates that a sink needs cannot be read.
    pub fn declared(
        config: &AuditConfig,
        deployment: &str,
        meters: &SinkMeters,
        health: &Arc<audit::Health>,
        clock: &Clock,
    ) -> Result<Self, TargetError> {
        let sinks = config.sinks.iter().map(|sink| {
            meters.begin(&sink.name);
            let cursor = format!("{}.cursor", sink.name);
            Ok(Sink {
                name: sink.name.clone(),
                format: sink.format,
                selection: Arc::new(sink.selection.clone()),
                noted: None,
                target: Target::new(&sink.target, &config.replica, clock)?,
                reading: Reading {
                    journal: config.journal.clone(),
                    second: config.second_journal.clone(),
                    cursor: config.journal.join(CURSORS).join(cursor),
                    follower: None,
                    deployment: deployment.into(),
                },
                pending: Vec::new(),
                told: false,
                meters: meters.clone(),
                health: (config.ack_of_stream && is_stream(&sink.target))
                    .then(|| Arc::clone(health)),
                clock: clock.clone(),
            })
        });
        sinks.collect::<Result<_, _>>().map(Self)
    }

    /// Passes the trail on for as long as it is asked.
    pub async fn run(self) -> Infallible {
        let mut running: FuturesUnordered<_> = self.0.into_iter().map(Sink::run).collect();
        match running.next().await {
            Some(never) => match never {},
            None => std::future::pending().await,
        }
    }
}

fn is_stream(target: &TargetConfig) -> bool {
    matches!(target, TargetConfig::JetStream(_))
}

impl Sink {
    async fn run(mut self) -> Infallible {
        let mut backoff = Backoff::default();
        loop {
            match self.step().await {
                Ok(true) => {
                    if backoff.reset() {
                        tracing::info!(sink = self.name, "the sink takes the trail again");
                    }
                }
                Ok(false) => tokio::time::sleep(IDLE).await,
                Err(error) => {
                    let wait = backoff.next();
                    self.meters.failed(&self.name);
                    tracing::warn!(
                        sink = self.name,
                        error = crate::error::report(&error),
                        again_in_ms = wait.as_millis(),
                        "the sink does not take the trail"
                    );
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Reads, tells, and notes how far it is; whether there was anything. What was read and not told is told first.
    async fn step(&mut self) -> Result<bool, SinkError> {
        let mut passed_over = false;
        if self.pending.is_empty() {
            let read = self
                .reading
                .read(self.format, &self.selection, self.target.most());
            let (lines, parcels) = read.await?;
            passed_over = lines > 0 && parcels.is_empty();
            self.pending = parcels;
            self.told = false;
        }
        let unread = self.reading.behind().await?;
        let pending = u64::try_from(self.pending.len()).unwrap_or(u64::MAX);
        self.meters
            .behind(&self.name, unread.saturating_add(pending));
        let oldest = self.pending.first().and_then(|parcel| parcel.wall);
        self.meters
            .oldest(&self.name, age(self.clock.now(), oldest));
        if self.pending.is_empty() {
            if passed_over {
                self.note_now_and_then().await?;
            }
            return Ok(passed_over);
        }
        if !self.told {
            let telling = self.target.deliver(&self.pending);
            tokio::time::timeout(PATIENCE, telling)
                .await
                .map_err(|_| SinkError::TimedOut)??;
            self.told = true;
        }
        self.note().await?;
        if let Some(health) = &self.health {
            health.told_elsewhere(true);
        }
        self.meters.delivered(&self.name, self.pending.len());
        self.pending.clear();
        Ok(true)
    }

    async fn note(&mut self) -> Result<(), SinkError> {
        self.reading.note().await?;
        self.noted = Some(self.clock.now());
        Ok(())
    }

    /// Lines that the sink is not told of need no note: whoever reads them again passes them over again. One now and then
    /// keeps that short after a restart.
    async fn note_now_and_then(&mut self) -> Result<(), SinkError> {
        let now = self.clock.now();
        let is_due = self
            .noted
            .is_none_or(|noted| age(now, Some(noted)) >= NOTED);
        if is_due { self.note().await } else { Ok(()) }
    }
}

impl Reading {
    /// How many lines were read, and those of them that the sink is told of.
    async fn read(
        &mut self,
        format: SinkFormat,
        selection: &Arc<Selection>,
        most: usize,
    ) -> io::Result<(usize, Vec<Parcel>)> {
        let (deployment, selection) = (Arc::clone(&self.deployment), Arc::clone(selection));
        self.with_follower(move |follower| {
            let lines = follower.read(most)?;
            let read = lines.len();
            let parcel = |line: Line| {
                let text = line.text.clone();
                let parcel = Parcel::of(line, &deployment, format);
                selection.takes(&text, &parcel).then_some(parcel)
            };
            Ok((read, lines.into_iter().filter_map(parcel).collect()))
        })
        .await
    }

    /// How many signed lines have not been read.
    async fn behind(&mut self) -> io::Result<u64> {
        self.with_follower(|follower| follower.behind()).await
    }

    /// Off the tasks' threads: it waits for the disk.
    async fn with_follower<T: Send + 'static>(
        &mut self,
        ask: impl FnOnce(&mut Follower) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let held = self.follower.take();
        let (journal, cursor) = (self.journal.clone(), self.cursor.clone());
        let second = self.second.clone();
        let asking = tokio::task::spawn_blocking(move || {
            let mut follower = match held {
                Some(follower) => follower,
                None => Follower::new(&journal, Cursor::load(&cursor)?).beside(second),
            };
            let answer = ask(&mut follower);
            Ok::<_, io::Error>((follower, answer))
        });
        let (follower, answer) = asking.await.map_err(io::Error::other)??;
        self.follower = Some(follower);
        answer
    }

    /// Stores the cursor: what was read is told.
    async fn note(&self) -> io::Result<()> {
        let Some(follower) = &self.follower else {
            return Ok(());
        };
        let (cursor, file) = (follower.cursor().clone(), self.cursor.clone());
        let storing = tokio::task::spawn_blocking(move || cursor.store(&file));
        storing.await.map_err(io::Error::other)?
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Sink")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn age(now: SystemTime, oldest: Option<SystemTime>) -> Duration {
    let age = oldest.and_then(|oldest| now.duration_since(oldest).ok());
    age.unwrap_or_default()
}

/// In the journal's directory.
const CURSORS: &str = "sinks";

/// How often a sink that is told of nothing notes how far it is.
const NOTED: Duration = Duration::from_mins(1);

/// How often it is looked for more when there was none. Lines are signed within ten seconds.
const IDLE: Duration = Duration::from_millis(500);

/// How long telling one batch may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
