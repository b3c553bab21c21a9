//! Two replicas over one store: what one learns, the other follows.

use std::sync::{Arc, Mutex};

use kms_keys::{DocumentKeys, Keyrings, LocalFile, Providers, WhenMissing};
use object_store::memory::InMemory;

use super::super::tests::session;
use super::*;

struct World {
    store: Arc<InMemory>,
    now: Arc<Mutex<SystemTime>>,
    directory: tempfile::TempDir,
}

impl World {
    /// One second after [`session`] was issued.
    fn new() -> Self {
        let begins = SystemTime::from(session().issued) + Duration::from_secs(1);
        Self {
            store: Arc::new(InMemory::new()),
            now: Arc::new(Mutex::new(begins)),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    async fn replica(&self) -> Liveness {
        let now = Arc::clone(&self.now);
        let clock = Clock::from_fn(move || *now.lock().unwrap());
        let file = self.directory.path().join("root-keys");
        let provider = LocalFile::open(&file, WhenMissing::Create(clock.now())).unwrap();
        let asked = clock.clone();
        let told: kms_keys::Clock = Arc::new(move || asked.now());
        let keyrings = Keyrings::open(
            self.store.clone(),
            Providers::one(Arc::new(provider), told.clone()),
            kms_keys::Settings::default(),
            told,
        );
        let keys = DocumentKeys::of(keyrings.await.unwrap().deployment());
        Liveness::new(Control::new(self.store.clone(), keys, clock.clone()), clock)
    }

    fn pass(&self, seconds: u64) {
        *self.now.lock().unwrap() += Duration::from_secs(seconds);
    }
}

async fn check(replica: &Liveness, session: &Session) -> Result<(), Ended> {
    replica.check(session).await.unwrap().map(drop)
}

#[tokio::test]
async fn a_revoked_session_is_over_on_every_replica_within_five_seconds() {
    let world = World::new();
    let (here, there) = (world.replica().await, world.replica().await);
    let (one, mut other) = (session(), session());
    other.id = Uuid::from_u128(7);
    for replica in [&here, &there] {
        assert_eq!(check(replica, &one).await, Ok(()));
    }
    here.revoke_session("clinic", &one.access_key_id())
        .await
        .unwrap();
    assert_eq!(check(&here, &one).await, Err(Ended::Revoked));
    world.pass(5);
    assert_eq!(check(&there, &one).await, Err(Ended::Revoked));
    assert_eq!(check(&there, &other).await, Ok(()));
    // What was made with it goes with it.
    other.made_with = vec![one.access_key_id()];
    assert_eq!(check(&there, &other).await, Err(Ended::Revoked));
}

#[tokio::test]
async fn a_principals_sessions_of_before_are_over_and_later_ones_live() {
    let world = World::new();
    let (here, there) = (world.replica().await, world.replica().await);
    here.revoke_all("clinic", Some("sso/alice")).await.unwrap();
    world.pass(5);
    assert_eq!(check(&there, &session()).await, Err(Ended::Revoked));
    let mut later = session();
    later.issued = (*world.now.lock().unwrap()).into();
    assert_eq!(check(&there, &later).await, Ok(()));
    let mut of_bob = session();
    of_bob.principal = "sso/bob".to_owned();
    assert_eq!(check(&there, &of_bob).await, Ok(()));
    let mut elsewhere = session();
    elsewhere.tenant = "lab".to_owned();
    assert_eq!(check(&there, &elsewhere).await, Ok(()));
    here.revoke_all("clinic", None).await.unwrap();
    world.pass(5);
    assert_eq!(check(&there, &of_bob).await, Err(Ended::Revoked));
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_when_its_time_is_over() {
    let world = World::new();
    let replica = world.replica().await;
    world.pass(899);
    assert_eq!(check(&replica, &session()).await, Ok(()));
    world.pass(900);
    assert_eq!(check(&replica, &session()).await, Ok(()));
    world.pass(901);
    assert_eq!(check(&replica, &session()).await, Err(Ended::Idle));
    // Trying again is no use of it.
    assert_eq!(check(&replica, &session()).await, Err(Ended::Idle));
    let mut service = session();
    service.idle = None;
    assert_eq!(check(&replica, &service).await, Ok(()));
    world.pass(900);
    assert_eq!(check(&replica, &service).await, Err(Ended::Expired));
}

#[tokio::test]
async fn a_use_on_one_replica_counts_on_another() {
    let world = World::new();
    let (here, there) = (world.replica().await, world.replica().await);
    for _ in 0..4 {
        world.pass(600);
        assert_eq!(check(&here, &session()).await, Ok(()));
    }
    // 2401 s after it began and 1 s after it was last used, on a replica that never saw it.
    assert_eq!(check(&there, &session()).await, Ok(()));
    world.pass(901);
    assert_eq!(check(&here, &session()).await, Err(Ended::Idle));
}

#[tokio::test]
async fn a_token_is_taken_once_on_whichever_replica() {
    let world = World::new();
    let (here, there) = (world.replica().await, world.replica().await);
    let ends = *world.now.lock().unwrap() + Duration::from_mins(10);
    let who = ("clinic", "sso/alice");
    here.take(who, ("https://a", "1"), ends).await.unwrap();
    for replica in [&here, &there] {
        let again = replica.take(who, ("https://a", "1"), ends).await;
        assert!(matches!(again, Err(RevokeError::Replayed)));
    }
    there.take(who, ("https://a", "2"), ends).await.unwrap();
    there.take(who, ("https://b", "1"), ends).await.unwrap();
    let together = futures_util::future::join_all((0..8).map(|_| async {
        let replica = world.replica().await;
        replica.take(who, ("https://a", "3"), ends).await
    }));
    let taken = together.await.into_iter().flatten().count();
    assert_eq!(taken, 1);
}
