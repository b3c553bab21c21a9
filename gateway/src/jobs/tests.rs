//! What jobs promise whatever crashes: every object is dealt with, the counts are exact, and the job ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use kms_keys::{DocumentKeys, KeyId, Keyrings, LocalFile, Providers, WhenMissing};
use object_store::memory::InMemory;
use proptest::prelude::*;

use super::job::{Item, Outcome};
use super::worker::{Ground, Held, Page, Start, Step, Worker};
use super::*;
use crate::clock::Clock;
use crate::control::Control;
use crate::upstream::Begin;

/// Objects in memory, in pages that may end amid the versions of a key.
struct Field {
    items: Vec<Item>,
    page: usize,
    /// How often each was dealt with.
    treated: Mutex<BTreeMap<usize, u32>>,
    /// After so many more the work on one fails.
    fuse: Mutex<Option<usize>>,
    /// How long the work on each takes.
    takes: Duration,
    /// How often the work on one was begun.
    begun: AtomicUsize,
}

impl Field {
    /// So many versions of each key of two buckets.
    fn new(versions: &[usize], page: usize) -> Self {
        let mut items = Vec::new();
        for bucket in ["a", "b"] {
            for (number, versions) in versions.iter().enumerate() {
                for version in 0..*versions {
                    items.push(Item {
                        bucket: bucket.to_owned(),
                        key: format!("key-{number:03}"),
                        version: (version > 0).then(|| version.to_string()),
                        id: Some(version.to_string()),
                        size: 10,
                    });
                }
            }
        }
        Self {
            items,
            page,
            treated: Mutex::default(),
            fuse: Mutex::default(),
            takes: Duration::ZERO,
            begun: AtomicUsize::new(0),
        }
    }

    fn fails(&self) -> bool {
        let mut fuse = self.fuse.lock().unwrap();
        let left = fuse.take();
        *fuse = left.and_then(|left| left.checked_sub(1));
        left == Some(0)
    }

    fn index_of(&self, item: &Item) -> usize {
        let same =
            |one: &Item| (&one.bucket, &one.key, &one.id) == (&item.bucket, &item.key, &item.id);
        self.items.iter().position(same).unwrap()
    }
}

#[async_trait]
impl Ground for Arc<Field> {
    async fn page(&self, _: &Job, from: &Start) -> Result<Page, JobError> {
        let bucket = if from.bucket.is_empty() {
            "a"
        } else {
            from.bucket.as_str()
        };
        let here: Vec<&Item> = self
            .items
            .iter()
            .filter(|one| one.bucket == bucket)
            .collect();
        let begin = match &from.begin {
            Begin::First => 0,
            Begin::Behind(key) => here.iter().filter(|one| one.key <= *key).count(),
            Begin::Next(marks) => marks[0].1.parse().unwrap(),
        };
        let end = (begin + self.page).min(here.len());
        let next = if end < here.len() {
            let begin = Begin::Next(vec![("mark", end.to_string())]);
            Some(Start {
                bucket: bucket.to_owned(),
                begin,
            })
        } else {
            (bucket == "a").then(|| Start {
                bucket: "b".to_owned(),
                begin: Begin::First,
            })
        };
        let items = here[begin..end].iter().map(|&item| item.clone()).collect();
        Ok(Page { items, next })
    }

    async fn treat(&self, _: &str, job: &Job, item: &Item) -> Result<Outcome, JobError> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        if self.fails() {
            tokio::time::sleep(self.takes / 2).await;
            return Err(crate::error::GatewayError::Unexpected("a crash").into());
        }
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        let mut treated = self.treated.lock().unwrap();
        let times = treated.entry(self.index_of(item)).or_default();
        *times += 1;
        Ok(match job.wish.kind {
            Kind::Usage => Outcome::Uses {
                kek: KeyId::from([1; 8]),
                plain: 1,
                locked: false,
            },
            Kind::RewrapObjects | Kind::Reencrypt if *times > 1 => Outcome::Already,
            Kind::RewrapObjects | Kind::Reencrypt => Outcome::Moved {
                etag_kept: true,
                behind: None,
            },
        })
    }
}

struct World {
    store: Arc<InMemory>,
    now: Arc<Mutex<SystemTime>>,
    directory: tempfile::TempDir,
    field: Arc<Field>,
}

impl World {
    fn new(field: Field) -> Self {
        Self {
            store: Arc::default(),
            now: Arc::new(Mutex::new(UNIX_EPOCH + Duration::from_secs(1_790_000_000))),
            directory: tempfile::tempdir().unwrap(),
            field: Arc::new(field),
        }
    }

    fn clock(&self) -> Clock {
        let now = Arc::clone(&self.now);
        Clock::from_fn(move || *now.lock().unwrap())
    }

    fn pass(&self, time: Duration) {
        *self.now.lock().unwrap() += time;
    }

    async fn control(&self) -> Control {
        let clock = self.clock();
        let file = self.directory.path().join("root-keys");
        let provider = LocalFile::open(&file, WhenMissing::Create(clock.now())).unwrap();
        let asked = clock.clone();
        let told: kms_keys::Clock = Arc::new(move || asked.now());
        let providers = Providers::one(Arc::new(provider), told.clone());
        let settings = kms_keys::Settings::default();
        let keyrings = Keyrings::open(self.store.clone(), providers, settings, told);
        let keys = DocumentKeys::of(keyrings.await.unwrap().deployment());
        Control::new(self.store.clone(), keys, clock)
    }

    /// A replica that has just been started.
    async fn replica(&self) -> Worker<Arc<Field>> {
        let holder = uuid::Uuid::new_v4().to_string();
        let field = Arc::clone(&self.field);
        Worker::new(self.control().await, self.clock(), field, holder)
    }

    async fn posted(&self, kind: Kind) -> Control {
        let control = self.control().await;
        let wish = Wish {
            kind,
            bucket: None,
            scope: None,
            objects_per_second: None,
            bytes_per_second: None,
        };
        let job = Job::new("demo", wish, "ada", self.clock().now());
        post(&control, &job, "1").await.unwrap();
        control
    }
}

/// Works until the job is over, in steps.
async fn finish(worker: &Worker<Arc<Field>>, mut held: Held) -> Job {
    for _ in 0..10_000 {
        match worker.step(&mut held).await.unwrap() {
            Step::More => {}
            Step::Over => return held.job().clone(),
            Step::Lost => panic!("nobody else works"),
        }
    }
    panic!("the job does not end");
}

#[derive(Debug, Clone)]
enum Act {
    /// One of two replicas takes the lease if it is free, or works for a step.
    Work(usize),
    /// It is killed, and started again.
    Kill(usize),
    /// The work fails after so many objects; the replica that meets that is killed in it.
    Fail(usize),
    /// Time passes, in seconds.
    Pass(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0..2_usize).prop_map(Act::Work),
        1 => (0..2_usize).prop_map(Act::Kill),
        1 => (0..6_usize).prop_map(Act::Fail),
        2 => (1..60_u64).prop_map(Act::Pass),
    ];
    proptest::collection::vec(act, 0..60)
}

async fn played(kind: Kind, versions: Vec<usize>, page: usize, acts: Vec<Act>) {
    let world = World::new(Field::new(&versions, page));
    world.posted(kind).await;
    let mut replicas = [world.replica().await, world.replica().await];
    let mut held: [Option<Held>; 2] = [None, None];
    for act in acts {
        match act {
            Act::Pass(seconds) => world.pass(Duration::from_secs(seconds)),
            Act::Fail(after) => *world.field.fuse.lock().unwrap() = Some(after),
            Act::Kill(who) => {
                held[who] = None;
                replicas[who] = world.replica().await;
            }
            Act::Work(who) => {
                let Some(mine) = held[who].as_mut() else {
                    let taken = replicas[who].take("demo", "1").await.unwrap();
                    held[who] = taken.filter(|held| held.job().state == State::Open);
                    continue;
                };
                match replicas[who].step(mine).await {
                    Ok(Step::More) => {}
                    Ok(Step::Over | Step::Lost) => held[who] = None,
                    Err(_) => {
                        *world.field.fuse.lock().unwrap() = None;
                        held[who] = None;
                        replicas[who] = world.replica().await;
                    }
                }
            }
        }
    }
    *world.field.fuse.lock().unwrap() = None;
    world.pass(Duration::from_mins(1));
    let last = world.replica().await;
    let job = match last.take("demo", "1").await.unwrap() {
        Some(held) if held.job().state == State::Open => finish(&last, held).await,
        over => over.unwrap().job().clone(),
    };
    let all = world.field.items.len();
    assert_eq!(job.state, State::Done);
    assert_eq!(world.field.treated.lock().unwrap().len(), all);
    let count = u64::try_from(all).unwrap();
    let amount = |objects, each| Amount {
        objects,
        bytes: objects * each,
    };
    assert_eq!(job.progress.total, amount(count, 10));
    assert_eq!(job.progress.seen, amount(count, 10));
    if kind == Kind::RewrapObjects {
        let (moved, already) = (job.progress.moved, job.progress.already);
        assert_eq!(moved.objects + already.objects, count);
        return;
    }
    let keys = u64::try_from(versions.len()).unwrap() * 2;
    let used = job.progress.usage.get(&KeyId::from([1; 8])).copied();
    let used = used.unwrap_or_default();
    assert_eq!(used.current, amount(keys, 1));
    assert_eq!(used.noncurrent, amount(count - keys, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_two_replicas_do_and_wherever_they_die_every_object_counts_once(
        versions in proptest::collection::vec(1..4_usize, 0..8),
        page in 1..9_usize,
        acts in acts(),
        counts in any::<bool>(),
    ) {
        let kind = if counts { Kind::Usage } else { Kind::RewrapObjects };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(played(kind, versions, page, acts));
    }
}

#[tokio::test]
async fn a_lease_keeps_others_away_until_it_is_over() {
    let world = World::new(Field::new(&[1, 1, 1], 1));
    world.posted(Kind::Usage).await;
    let (one, other) = (world.replica().await, world.replica().await);
    let mut held = one.take("demo", "1").await.unwrap().unwrap();
    assert!(other.take("demo", "1").await.unwrap().is_none());
    assert_eq!(one.step(&mut held).await.unwrap(), Step::More);
    world.pass(Duration::from_secs(34));
    assert!(
        other.take("demo", "1").await.unwrap().is_none(),
        "clocks differ"
    );
    world.pass(Duration::from_secs(2));
    let taken = other.take("demo", "1").await.unwrap().unwrap();
    assert_eq!(one.step(&mut held).await.unwrap(), Step::Lost);
    assert_eq!(finish(&other, taken).await.progress.seen.objects, 6);
}

#[tokio::test]
async fn a_cancelled_job_stops_with_what_was_done_on_record() {
    let world = World::new(Field::new(&[1, 1, 1], 1));
    let control = world.posted(Kind::Usage).await;
    let worker = world.replica().await;
    let mut held = worker.take("demo", "1").await.unwrap().unwrap();
    for _ in 0..8 {
        assert_eq!(worker.step(&mut held).await.unwrap(), Step::More);
    }
    let now = world.clock().now();
    cancel(&control, "demo", "1", now).await.unwrap();
    assert_eq!(worker.step(&mut held).await.unwrap(), Step::Over);
    let kept = control.get_now::<Job>(&["demo", "1"]).await.unwrap();
    let job = kept.unwrap().value;
    assert_eq!(job.state, State::Cancelled);
    // Six are counted first. Of the work two were done before; the third ends its bucket, so that its key is over.
    assert_eq!(job.progress.seen.objects, 3);
    assert_eq!(
        open(&control).await.unwrap().len(),
        1,
        "until its end is told"
    );
}

/// A job that has counted, of so many objects that each take their time, and a replica that looks after its lease often.
async fn at_work() -> (World, Control, Worker<Arc<Field>>, Held) {
    let mut field = Field::new(&[1; 64], 100);
    field.takes = Duration::from_millis(100);
    let world = World::new(field);
    let control = world.posted(Kind::RewrapObjects).await;
    let mut worker = world.replica().await;
    worker.renew_every = Duration::from_millis(5);
    let mut held = worker.take("demo", "1").await.unwrap().unwrap();
    for _ in 0..2 {
        assert_eq!(worker.step(&mut held).await.unwrap(), Step::More);
    }
    (world, control, worker, held)
}

impl World {
    async fn begins(&self) {
        while self.field.begun.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// How many were begun; none was dropped in the middle but those that failed.
    fn finished_all_but(&self, failed: usize) -> usize {
        let begun = self.field.begun.load(Ordering::Relaxed);
        assert_eq!(
            self.field.treated.lock().unwrap().len(),
            begun - failed,
            "of {begun}"
        );
        assert!(begun < 64, "nothing more is begun");
        begun
    }
}

#[tokio::test]
async fn what_is_at_hand_is_finished_when_an_object_fails() {
    let (world, _, worker, mut held) = at_work().await;
    *world.field.fuse.lock().unwrap() = Some(0);
    worker.step(&mut held).await.unwrap_err();
    assert!(world.finished_all_but(1) > 1);
}

#[tokio::test]
async fn what_is_at_hand_is_finished_and_counted_when_a_job_is_cancelled() {
    let (world, control, worker, mut held) = at_work().await;
    let cancels = async {
        world.begins().await;
        cancel(&control, "demo", "1", world.clock().now())
            .await
            .unwrap();
    };
    let (step, ()) = tokio::join!(worker.step(&mut held), cancels);
    assert_eq!(step.unwrap(), Step::Over);
    let finished = world.finished_all_but(0);
    let kept = control.get_now::<Job>(&["demo", "1"]).await.unwrap();
    let job = kept.unwrap().value;
    assert_eq!(job.state, State::Cancelled);
    // Of the last key there might be more versions.
    assert_eq!(
        job.progress.moved.objects,
        u64::try_from(finished - 1).unwrap()
    );
}

#[tokio::test]
async fn what_is_at_hand_is_finished_when_the_lease_is_lost() {
    let (world, _, mut worker, mut held) = at_work().await;
    worker.renew_every = Duration::from_millis(50);
    let other = world.replica().await;
    let takes = async {
        world.begins().await;
        world.pass(Duration::from_secs(36));
        assert!(other.take("demo", "1").await.unwrap().is_some());
    };
    let (step, ()) = tokio::join!(worker.step(&mut held), takes);
    assert_eq!(step.unwrap(), Step::Lost);
    world.finished_all_but(0);
}

#[tokio::test]
async fn the_end_of_a_job_is_told_by_one_and_by_another_if_that_one_is_gone() {
    let world = World::new(Field::new(&[1], 1));
    let control = world.posted(Kind::Usage).await;
    let (one, other) = (world.replica().await, world.replica().await);
    let held = one.take("demo", "1").await.unwrap().unwrap();
    assert_eq!(finish(&one, held).await.state, State::Done);
    assert!(other.take("demo", "1").await.unwrap().is_none());
    world.pass(Duration::from_secs(36));
    let over = other.take("demo", "1").await.unwrap().unwrap();
    assert_eq!(over.job().state, State::Done);
    assert!(one.take("demo", "1").await.unwrap().is_none());

    // One that is cancelled while nobody works at it.
    let job = Job::new("demo", over.job().wish.clone(), "ada", world.clock().now());
    post(&control, &job, "2").await.unwrap();
    cancel(&control, "demo", "2", world.clock().now())
        .await
        .unwrap();
    let over = one.take("demo", "2").await.unwrap().unwrap();
    assert_eq!(
        (over.job().state, over.job().progress.started),
        (State::Cancelled, None)
    );
    assert!(other.take("demo", "2").await.unwrap().is_none());
}
