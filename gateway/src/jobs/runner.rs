//! A replica's share of the jobs: looks which are open, takes the leases that are free, and works.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, MissedTickBehavior};

use super::ground::Objects;
use super::job::{Job, State};
use super::worker::{Held, Step, Worker};
use super::{JobError, board, record};
use crate::clock::Clock;
use crate::control::{Control, ControlError};
use crate::error::report;
use crate::operations::Operations;
use crate::telemetry::Telemetry;
use crate::trail::Trail;

/// The jobs of a deployment, as one replica works at them.
pub struct Jobs {
    control: Control,
    clock: Clock,
    trail: Trail,
    telemetry: Arc<Telemetry>,
    worker: Worker<Objects>,
}

type Name = (String, String);

impl std::fmt::Debug for Jobs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Jobs")
    }
}

impl Jobs {
    /// Of this replica.
    pub fn new(
        control: Control,
        operations: Operations,
        trail: Trail,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        let clock = operations.clock.clone();
        let holder = uuid::Uuid::new_v4().to_string();
        let ground = Objects::new(operations, trail.clone(), Arc::clone(&telemetry));
        Self {
            worker: Worker::new(control.clone(), clock.clone(), ground, holder),
            control,
            clock,
            trail,
            telemetry,
        }
    }

    /// Works at jobs for as long as it is polled.
    pub async fn run(self) -> Infallible {
        let mut running: FuturesUnordered<BoxFuture<'_, (Name, bool)>> = FuturesUnordered::new();
        let mut busy: HashSet<Name> = HashSet::new();
        let mut resting: HashMap<Name, Instant> = HashMap::new();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some((name, rests)) = running.next(), if !running.is_empty() => {
                    if rests {
                        resting.insert(name.clone(), Instant::now() + REST);
                    }
                    busy.remove(&name);
                }
                _ = look.tick() => {
                    let now = Instant::now();
                    resting.retain(|_, until| *until > now);
                    for name in self.open().boxed().await {
                        let is_free = !busy.contains(&name) && !resting.contains_key(&name);
                        if is_free && busy.len() < JOBS_AT_ONCE && let Some(held) = self.take(&name).boxed().await {
                            busy.insert(name.clone());
                            running.push(self.carry(name, held).boxed());
                        }
                    }
                }
            }
        }
    }

    /// What is open; tells the watchers how that is.
    async fn open(&self) -> Vec<Name> {
        let open = match board::open(&self.control).await {
            Ok(open) => open,
            Err(error) => {
                tracing::warn!(error = report(&error), "the jobs cannot be looked at");
                return Vec::new();
            }
        };
        let mut stillest = Duration::ZERO;
        for (tenant, id) in &open {
            if let Ok(Some(kept)) = self.control.get::<Job>(&[tenant, id]).await {
                stillest = stillest.max(stillness(&kept.value, self.clock.now()));
            }
        }
        self.telemetry.jobs(open.len(), stillest);
        open
    }

    async fn take(&self, name: &Name) -> Option<Held> {
        let (tenant, id) = name;
        let tried = async {
            let known = self.control.get::<Job>(&[tenant, id]).await?;
            let settled = self.clock.now() - FOLLOWED;
            if known.is_some_and(|kept| SystemTime::from(kept.value.created) > settled) {
                return Ok(None);
            }
            let Some(held) = self.worker.take(tenant, id).await? else {
                if self.control.get_now::<Job>(&[tenant, id]).await?.is_none() {
                    board::strike(&self.control, tenant, id).await?;
                }
                return Ok(None);
            };
            if held.job().state != State::Open {
                // Whoever worked at it is gone, or nobody did: what is over is on the board until its end is told.
                self.finish(name, held.job()).await?;
                return Ok(None);
            }
            if held.job().progress.last.is_none() {
                record::of_job(&self.trail, "admin:StartJob", id, held.job()).await?;
            }
            Ok::<_, JobError>(Some(held))
        };
        tried.await.unwrap_or_else(|error| {
            tracing::warn!(
                tenant,
                id,
                error = report(&error),
                "a job cannot be taken up"
            );
            None
        })
    }

    /// Works at one job; whether it must rest before it is tried again.
    async fn carry(&self, name: Name, mut held: Held) -> (Name, bool) {
        let (tenant, id) = &name;
        tracing::info!(tenant, id, "working at a job");
        let rests = match self.worker.work(&mut held).await {
            Ok(Step::Over) => match self.finish(&name, held.job()).await {
                Ok(()) => false,
                Err(error) => {
                    tracing::error!(
                        tenant,
                        id,
                        error = report(&error),
                        "the end of a job is not on record"
                    );
                    true
                }
            },
            Ok(Step::More | Step::Lost) => {
                tracing::info!(tenant, id, "somebody else works at the job");
                true
            }
            Err(error) => {
                tracing::warn!(
                    tenant,
                    id,
                    error = report(&error),
                    "a job does not get on; it will be tried again"
                );
                true
            }
        };
        (name, rests)
    }

    async fn finish(&self, (tenant, id): &Name, job: &Job) -> Result<(), JobError> {
        if let Some(operation) = record::end(job) {
            record::of_job(&self.trail, operation, id, job).await?;
        }
        tracing::info!(tenant, id, state = ?job.state, "a job is over");
        Ok(board::strike(&self.control, tenant, id)
            .await
            .or_else(|error| match error {
                ControlError::Missing { .. } => Ok(()),
                error => Err(error),
            })?)
    }
}

/// How long an open job has not got on.
fn stillness(job: &Job, now: SystemTime) -> Duration {
    if job.state != State::Open {
        return Duration::ZERO;
    }
    let since = job.progress.last.unwrap_or(job.created);
    now.duration_since(since.into()).unwrap_or_default()
}

/// By then every replica has followed what was done to keys before a job was asked for.
const FOLLOWED: Duration = Duration::from_secs(6);
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Before a job is tried again that did not get on.
const REST: Duration = Duration::from_secs(15);
/// Of one replica. Each has several objects at hand at once.
const JOBS_AT_ONCE: usize = 4;
