//! Working at a job under its lease. It knows neither stores nor keys: what there is and what is done to it is the
//! [`Ground`]'s.
//!
//! The lease is the job's document, written by compare-and-swap: whoever lost it cannot write any more, and learns
//! that with the next write. The cursor is written after the work and stands between two keys, with the counts as
//! they were there: what is repeated after a crash is counted once.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::JobError;
use super::job::{Cursor, Item, Job, Lease, Outcome, Stage, State};
use crate::clock::Clock;
use crate::control::{Control, ControlError, Kept};
use crate::tools::Pace;
use crate::upstream::Begin;

/// What a job walks over.
#[async_trait]
pub(super) trait Ground: Send + Sync {
    /// The items from here on, and where those behind them begin.
    async fn page(&self, job: &Job, from: &Start) -> Result<Page, JobError>;

    /// Does the work on one item. May be called again for one whose work was done; must do no harm then.
    async fn treat(&self, id: &str, job: &Job, item: &Item) -> Result<Outcome, JobError>;
}

/// Items in the order of their keys, those of one key together.
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    pub(super) next: Option<Start>,
}

/// Where a page begins.
#[derive(Debug, Clone)]
pub(super) struct Start {
    /// The bucket; empty: the first.
    pub(super) bucket: String,
    pub(super) begin: Begin,
}

/// Somebody who works at jobs.
pub(super) struct Worker<G> {
    control: Control,
    clock: Clock,
    ground: G,
    /// Names this run of this replica; never used by another.
    holder: String,
    /// How often the lease is renewed while work takes long.
    pub(super) renew_every: Duration,
}

/// A job whose lease is held.
pub(super) struct Held {
    kept: Kept<Job>,
    job: Job,
    from: Start,
    /// What was done of the key at hand; counted once that is done with.
    at_hand: Vec<(Item, Outcome)>,
    saved: SystemTime,
    objects: Arc<Mutex<Pace>>,
    bytes: Arc<Mutex<Pace>>,
}

/// What became of the work on an item; none: it was not begun.
type Treated = Option<Result<Outcome, JobError>>;

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to do.
    More,
    /// The job is over: all is done, or it was cancelled.
    Over,
    /// Somebody else works at it.
    Lost,
}

impl<G: Ground> Worker<G> {
    pub(super) fn new(control: Control, clock: Clock, ground: G, holder: String) -> Self {
        Self {
            control,
            clock,
            ground,
            holder,
            renew_every: RENEW_EVERY,
        }
    }

    /// Takes the lease of a job, if nobody has it: to work at it, or, where it is over, to tell that.
    pub(super) async fn take(&self, tenant: &str, id: &str) -> Result<Option<Held>, ControlError> {
        let Some(kept) = self.control.get_now::<Job>(&[tenant, id]).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        let is_taken = |lease: &Lease| SystemTime::from(lease.until) + SKEW > now;
        if kept.value.lease.as_ref().is_some_and(is_taken) {
            return Ok(None);
        }
        let mut job = kept.value.clone();
        job.lease = Some(self.lease(now));
        if job.state == State::Open {
            job.progress.started.get_or_insert(now.into());
        }
        let kept = match self.control.replace(&kept, &job).await {
            Err(ControlError::Outrun { .. }) => return Ok(None),
            kept => kept?,
        };
        let pace = |rate| Arc::new(Mutex::new(Pace::new(rate)));
        Ok(Some(Held {
            from: job.progress.cursor.clone().into(),
            at_hand: Vec::new(),
            saved: now,
            objects: pace(job.wish.objects_per_second),
            bytes: pace(job.wish.bytes_per_second),
            kept,
            job,
        }))
    }

    /// Works until the job is over or the lease is lost; an error leaves the lease to whoever tries next.
    pub(super) async fn work(&self, held: &mut Held) -> Result<Step, JobError> {
        loop {
            match self.step(held).await {
                Ok(Step::More) => {}
                Ok(end) => return Ok(end),
                Err(error) => {
                    held.job.trouble = Some(crate::error::report(&error));
                    held.job.lease = None;
                    self.save(held).await?;
                    return Err(error);
                }
            }
        }
    }

    /// A page: the work on each item, and the cursor behind them.
    pub(super) async fn step(&self, held: &mut Held) -> Result<Step, JobError> {
        let (job, from) = (held.job.clone(), held.from.clone());
        let stop = CancellationToken::new();
        let listing = self.ground.page(&job, &from);
        let (page, end) = self.keep(held, &stop, listing).await;
        let page = match end? {
            Step::More => page?,
            end => return Ok(end),
        };
        for chunk in page.items.chunks(CHUNK) {
            let work = self.treat(held.paces(), held.id(), (&job, chunk), &stop);
            let (done, end) = self.keep(held, &stop, work).await;
            let counted = held.take_all(chunk, done);
            match end? {
                Step::More => counted?,
                // Somebody ended the job: what was finished since is written too.
                Step::Over => return Ok(self.save(held).await?),
                Step::Lost => return Ok(Step::Lost),
            }
            let age = self.clock.now().duration_since(held.saved);
            if age.is_ok_and(|age| age >= SAVE_EVERY) {
                held.got_on(self.clock.now());
                match self.save(held).await? {
                    Step::More => {}
                    end => return Ok(end),
                }
            }
        }
        let end = held.turn(page.next, self.clock.now());
        held.got_on(self.clock.now());
        if end {
            held.job.state = State::Done;
            held.job.progress.ended = Some(self.clock.now().into());
        }
        match self.save(held).await? {
            Step::More if end => Ok(Step::Over),
            step => Ok(step),
        }
    }

    /// The work on each, several at once. Once `stop` says so, as it does when one fails, none is begun; those that were
    /// are finished all the same, as whatever breaks off in the middle of a write leaves something behind.
    async fn treat<'a>(
        &'a self,
        (objects, bytes): (Arc<Mutex<Pace>>, Arc<Mutex<Pace>>),
        id: String,
        (job, chunk): (&'a Job, &'a [Item]),
        stop: &'a CancellationToken,
    ) -> Vec<Treated> {
        let (id, objects, bytes) = (&id, &objects, &bytes);
        let one = |item: &'a Item| {
            async move {
                if job.progress.stage == Stage::Counting {
                    return Some(Ok(Outcome::Counted));
                }
                let waits = async {
                    objects.lock().await.pass(1).await;
                    bytes.lock().await.pass(item.size).await;
                };
                stop.run_until_cancelled(waits).await?;
                if stop.is_cancelled() {
                    return None;
                }
                let outcome = self.ground.treat(id, job, item).await;
                if outcome.is_err() {
                    stop.cancel();
                }
                Some(outcome)
            }
            .boxed()
        };
        let work: Vec<BoxFuture<'_, _>> = chunk.iter().map(one).collect();
        stream::iter(work).buffered(AT_ONCE).collect().await
    }

    /// Does the work, and renews the lease for as long as that takes. Where the lease is lost or cannot be renewed, or the
    /// job is over, `stop` says so, and the work is waited for all the same.
    async fn keep<T>(
        &self,
        held: &mut Held,
        stop: &CancellationToken,
        work: impl Future<Output = T>,
    ) -> (T, Result<Step, ControlError>) {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return (done, Ok(Step::More)),
                () = tokio::time::sleep(self.renew_every) => match self.save(held).await {
                    Ok(Step::More) => {}
                    end => {
                        stop.cancel();
                        return (work.await, end);
                    }
                },
            }
        }
    }

    /// Writes the job as it stands here, with the lease renewed if it is held on to.
    async fn save(&self, held: &mut Held) -> Result<Step, ControlError> {
        for _ in 0..SAVE_ATTEMPTS {
            let now = self.clock.now();
            if held.job.lease.is_some() {
                held.job.lease = Some(self.lease(now));
            }
            match self.control.replace(&held.kept, &held.job).await {
                Ok(kept) => {
                    held.kept = kept;
                    held.saved = now;
                    return Ok(if held.job.state == State::Open {
                        Step::More
                    } else {
                        Step::Over
                    });
                }
                Err(ControlError::Outrun { .. }) => {}
                Err(error) => return Err(error),
            }
            let Some(found) = self.control.get_now::<Job>(&held.name()).await? else {
                return Ok(Step::Lost);
            };
            let is_ours = |lease: &Lease| lease.holder == self.holder;
            if !found.value.lease.as_ref().is_some_and(is_ours) {
                return Ok(Step::Lost);
            }
            // A write of ours whose answer was lost, or somebody ended the job: what was done is written all the same.
            if found.value.state == State::Cancelled {
                held.job.state = State::Cancelled;
                held.job.progress.ended = found.value.progress.ended;
            }
            held.kept = found;
        }
        let name = held.name().join("/");
        Err(ControlError::Outrun { name })
    }

    fn lease(&self, now: SystemTime) -> Lease {
        Lease {
            holder: self.holder.clone(),
            until: (now + LEASE).into(),
        }
    }
}

impl Held {
    fn name(&self) -> Vec<&str> {
        self.kept.name.iter().map(String::as_str).collect()
    }

    fn id(&self) -> String {
        self.kept.name.last().cloned().unwrap_or_default()
    }

    fn paces(&self) -> (Arc<Mutex<Pace>>, Arc<Mutex<Pace>>) {
        (Arc::clone(&self.objects), Arc::clone(&self.bytes))
    }

    /// The job as far as it is known here.
    pub(super) fn job(&self) -> &Job {
        &self.job
    }

    /// Counts these items up to the first that was not begun, or that failed.
    fn take_all(&mut self, items: &[Item], treated: Vec<Treated>) -> Result<(), JobError> {
        let begun = treated.into_iter().map_while(|one| one);
        for (item, outcome) in items.iter().zip(begun) {
            self.take(item.clone(), outcome?);
        }
        Ok(())
    }

    /// Counts an item once its key is done with.
    fn take(&mut self, item: Item, outcome: Outcome) {
        let is_next =
            |(last, _): &(Item, Outcome)| (&last.bucket, &last.key) != (&item.bucket, &item.key);
        if self.at_hand.last().is_some_and(is_next) {
            self.key_done();
        }
        self.at_hand.push((item, outcome));
    }

    fn key_done(&mut self) {
        let progress = &mut self.job.progress;
        for (item, outcome) in self.at_hand.drain(..) {
            progress.take(&item, outcome);
            progress.cursor = Cursor {
                bucket: item.bucket,
                behind: Some(item.key),
            };
        }
    }

    fn got_on(&mut self, now: SystemTime) {
        self.job.progress.last = Some(now.into());
        self.job.trouble = None;
    }

    /// Goes on behind a page; whether that is the end of everything.
    fn turn(&mut self, next: Option<Start>, now: SystemTime) -> bool {
        let Some(next) = next else {
            self.key_done();
            self.job.progress.cursor = Cursor::default();
            self.from = Cursor::default().into();
            let progress = &mut self.job.progress;
            progress.working_since.get_or_insert(now.into());
            let was = std::mem::replace(&mut progress.stage, Stage::Working);
            return was == Stage::Working;
        };
        if matches!(next.begin, Begin::First) {
            self.key_done();
            self.job.progress.cursor = Cursor {
                bucket: next.bucket.clone(),
                behind: None,
            };
        }
        self.from = next;
        false
    }
}

impl From<Cursor> for Start {
    fn from(cursor: Cursor) -> Self {
        Self {
            bucket: cursor.bucket,
            begin: cursor.behind.map_or(Begin::First, Begin::Behind),
        }
    }
}

/// Long enough for a store that is slow to answer, short enough for people who wait after a crash.
const LEASE: Duration = Duration::from_secs(30);
const RENEW_EVERY: Duration = Duration::from_secs(8);
const SAVE_EVERY: Duration = Duration::from_secs(2);
/// How far apart replicas' clocks may be before two work at one job, which costs time and does no harm.
pub(super) const SKEW: Duration = Duration::from_secs(5);
const CHUNK: usize = 64;
const AT_ONCE: usize = 8;
const SAVE_ATTEMPTS: usize = 8;
