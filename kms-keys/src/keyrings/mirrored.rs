//! What the mirror promises: no object depends on one copy of its key, and reads do not depend on the
//! mirror.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use futures_util::FutureExt as _;
use futures_util::future::ready;

use super::*;
use crate::keyrings::world::{Trouble, WatchedStore, World};
use crate::{BackupError, ControlStore, Fates, Mirror, Mode, Prepare};

const BUCKET: &str = "tenants/acme/buckets/b.json";
const DEPLOYMENT: &str = "system/deployment.json";
const HOME: &str = "system/keyrings/acme/default.json";

impl World {
    /// A replica with a mirror.
    pub(super) async fn mirrored(&self, mirror: &Arc<WatchedStore>) -> Result<Keyrings, KeyError> {
        self.mirrored_by(mirror, prepared()).await
    }

    /// The same with one that is to be prepared.
    async fn mirrored_by(
        &self,
        mirror: &Arc<WatchedStore>,
        prepare: Prepare,
    ) -> Result<Keyrings, KeyError> {
        let clock = self.told();
        let providers = self.providers();
        let mirror = Some(Mirror::new(mirror.clone(), prepare));
        let (store, settings) = (self.store.clone(), Settings::default());
        Keyrings::open_mirrored(store, mirror, providers, settings, clock).await
    }
}

fn prepared() -> Prepare {
    Arc::new(|| ready(Ok(())).boxed())
}

async fn try_write(replica: &Keyrings, scope: &Scope) -> Result<Arc<WritingKeys>, KeyError> {
    replica.writing("acme", scope, Provisioning::Allowed).await
}

async fn write(replica: &Keyrings) -> Arc<WritingKeys> {
    try_write(replica, &Scope::tenant()).await.unwrap()
}

async fn look(replica: &Keyrings) -> Fates {
    let looked = replica.follow(Mode::Look, &mut |_, _| ()).await;
    looked.unwrap().unwrap()
}

fn same(count: u64) -> Fates {
    Fates {
        same: count,
        ..Fates::default()
    }
}

async fn are_equal(world: &World, mirror: &WatchedStore) {
    let (mut ours, mut its) = (world.store.documents().await, mirror.documents().await);
    ours.sort();
    its.sort();
    assert_eq!(ours, its);
    for path in &ours {
        assert_eq!(
            world.store.text(path).await,
            mirror.text(path).await,
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_change_is_in_the_mirror_before_it_is_acknowledged() {
    let (world, mirror) = (World::new(), Arc::default());
    let replica = world.mirrored(&mirror).await.unwrap();
    are_equal(&world, &mirror).await;
    let clinic = Scope::of_prefix("clinics/1/").unwrap();
    write(&replica).await;
    try_write(&replica, &clinic).await.unwrap();
    are_equal(&world, &mirror).await;
    replica.rotate("acme", &clinic).await.unwrap();
    are_equal(&world, &mirror).await;
    replica.freeze("acme", &Scope::tenant()).await.unwrap();
    replica.thaw("acme", &Scope::tenant()).await.unwrap();
    are_equal(&world, &mirror).await;
    // The deployment, two keyrings, two KEKs of the scope in the index.
    assert_eq!(look(&replica).await, same(5));
}

#[tokio::test]
async fn while_the_mirror_is_away_reads_go_on_no_key_is_made_and_a_freeze_holds() {
    let (world, mirror) = (World::new(), Arc::<WatchedStore>::default());
    let replica = world.mirrored(&mirror).await.unwrap();
    let kek = write(&replica).await.kek.id();
    mirror.set_away(true);
    // Confirmed before: written under as ever.
    write(&replica).await;
    let before = world.store.text(HOME).await;
    let refused = replica.rotate("acme", &Scope::tenant()).await.unwrap_err();
    assert!(matches!(refused, KeyError::NotMirrored { .. }), "{refused}");
    assert_eq!(refused.kind(), KeyErrorKind::Unavailable);
    assert_eq!(world.store.text(HOME).await, before, "nothing is changed");
    // A replica that has not seen the key there does not seal under it, and opens.
    let cold = world.mirrored(&mirror).await.unwrap();
    assert!(cold.kek("acme", kek).await.is_ok());
    let refused = try_write(&cold, &Scope::tenant()).await.unwrap_err();
    assert_eq!(refused.kind(), KeyErrorKind::Unavailable);
    replica.freeze("acme", &Scope::tenant()).await.unwrap();
    let frozen = replica.kek("acme", kek).await.unwrap_err();
    assert!(matches!(frozen, KeyError::Frozen { .. }));
    mirror.set_away(false);
    replica.thaw("acme", &Scope::tenant()).await.unwrap();
    write(&cold).await;
    are_equal(&world, &mirror).await;
}

#[tokio::test]
async fn a_key_of_a_replica_that_died_between_both_is_brought_before_it_is_used() {
    let (world, mirror) = (World::new(), Arc::default());
    let replica = world.mirrored(&mirror).await.unwrap();
    write(&replica).await;
    // It wrote to the first place and no further.
    let dead = world.replica().await;
    let kek = dead.rotate("acme", &Scope::tenant()).await.unwrap();
    assert_eq!(look(&replica).await.older, 1);
    let cold = world.mirrored(&mirror).await.unwrap();
    assert_eq!(write(&cold).await.kek.id(), kek);
    are_equal(&world, &mirror).await;
}

#[tokio::test]
async fn the_mirror_is_asked_once_for_each_generation() {
    let (world, mirror) = (World::new(), Arc::<WatchedStore>::default());
    let replica = world.mirrored(&mirror).await.unwrap();
    write(&replica).await;
    let cold = world.mirrored(&mirror).await.unwrap();
    mirror.forget();
    let writes = (0..100).map(|_| write(&cold));
    futures_util::future::join_all(writes).await;
    world.clock.advance(Duration::from_secs(6));
    write(&cold).await;
    assert_eq!(mirror.gets(), 1);
}

#[tokio::test]
async fn an_old_keyring_in_the_first_place_is_not_built_upon() {
    let (world, mirror) = (World::new(), Arc::default());
    let replica = world.mirrored(&mirror).await.unwrap();
    write(&replica).await;
    let old = world.store.text(HOME).await.unwrap();
    let lost = replica.rotate("acme", &Scope::tenant()).await.unwrap();
    world.store.set(HOME, &old).await;
    let cold = world.mirrored(&mirror).await.unwrap();
    let refused = cold.rotate("acme", &Scope::tenant()).await.unwrap_err();
    is_behind::<KeyId>(Err(refused), (1, 2));
    assert_eq!(look(&cold).await.newer, 1);
    let brought = cold.restore(None, Mode::Bring, &mut |_, _| ()).await;
    assert_eq!(brought.unwrap().unwrap().older, 1);
    world.clock.advance(Duration::from_secs(6));
    assert!(cold.kek("acme", lost).await.is_ok());
    cold.rotate("acme", &Scope::tenant()).await.unwrap();
    are_equal(&world, &mirror).await;
}

#[tokio::test]
async fn nothing_is_sealed_under_a_keyring_that_the_mirror_shows_to_be_old() {
    let (world, mirror) = (World::new(), Arc::default());
    let replica = world.mirrored(&mirror).await.unwrap();
    let old_kek = write(&replica).await.kek.id();
    let old = world.store.text(HOME).await.unwrap();
    // One that knows the old one for some seconds yet may use it.
    let late = world.mirrored(&mirror).await.unwrap();
    late.kek("acme", old_kek).await.unwrap();
    let new = replica.rotate("acme", &Scope::tenant()).await.unwrap();
    assert_eq!(write(&late).await.kek.id(), old_kek);
    world.store.set(HOME, &old).await;
    let cold = world.mirrored(&mirror).await.unwrap();
    for _ in 0..2 {
        is_behind(try_write(&cold, &Scope::tenant()).await, (1, 2));
    }
    assert!(cold.kek("acme", old_kek).await.is_ok());
    restore(&cold).await;
    world.clock.advance(Duration::from_secs(6));
    assert_eq!(write(&cold).await.kek.id(), new);
}

fn is_behind<T>(outcome: Result<T, KeyError>, (of_store, of_mirror): (u64, u64)) {
    let refused = outcome.err();
    let fault = refused.as_ref().map(|error| match error {
        KeyError::Document { fault, .. } => fault,
        _ => panic!("{error}"),
    });
    assert!(
        matches!(fault, Some(DocumentFault::BehindMirror { found, mirrored })
            if (*found, *mirrored) == (of_store, of_mirror)),
        "{refused:?}"
    );
}

async fn restore(replica: &Keyrings) -> Fates {
    let brought = replica.restore(None, Mode::Bring, &mut |_, _| ()).await;
    brought.unwrap().unwrap()
}

async fn restore_lost(world: &World, mirror: &Arc<WatchedStore>) -> Result<Fates, BackupError> {
    let its = Mirror::new(mirror.clone(), prepared());
    let system = ControlStore::new(world.store.clone(), "");
    let (providers, mut tell) = (world.providers(), |_: &_, _| ());
    let how = (None, Mode::Bring);
    let restored = its.restore_lost(&system, &providers, how, &mut tell);
    Ok(restored.await?.1)
}

/// A keyring with two KEK versions, the first destroyed at last, and what it was at the generations
/// before: made, rotated, waiting.
async fn destroyed(world: &World, replica: &Keyrings) -> ([KeyId; 2], Vec<String>) {
    let (home, mut old) = (Scope::tenant(), Vec::new());
    let first = write(replica).await.kek.id();
    old.push(world.store.text(HOME).await.unwrap());
    let second = replica.rotate("acme", &home).await.unwrap();
    old.push(world.store.text(HOME).await.unwrap());
    let now = world.clock.now();
    let waits = replica.schedule_destruction("acme", &home, Some(first), now);
    waits.await.unwrap();
    old.push(world.store.text(HOME).await.unwrap());
    let gone = replica.destroy_due("acme", &home).await.unwrap();
    assert_eq!(gone, [first]);
    ([first, second], old)
}

async fn is_destroyed(replica: &Keyrings, kek: KeyId) {
    let gone = replica.kek("acme", kek).await.unwrap_err();
    assert_eq!(gone.kind(), KeyErrorKind::Destroyed);
}

#[tokio::test]
async fn an_old_keyring_is_frozen_and_not_thawed_and_what_was_destroyed_stays_destroyed() {
    let (world, mirror) = (World::new(), Arc::default());
    let replica = world.mirrored(&mirror).await.unwrap();
    let ([first, second], old) = destroyed(&world, &replica).await;
    let home = Scope::tenant();
    world.store.set(HOME, &old[2]).await;
    let cold = world.mirrored(&mirror).await.unwrap();
    is_behind(cold.evict("acme", &home).await, (3, 4));
    is_behind(cold.thaw("acme", &home).await, (3, 4));
    let cancelled = cold.cancel_destruction("acme", &home, Some(first)).await;
    is_behind(cancelled, (3, 4));
    cold.freeze("acme", &home).await.unwrap();
    is_behind(cold.thaw("acme", &home).await, (4, 4));
    assert_eq!(look(&cold).await.differs, 1);
    assert_eq!(restore(&cold).await.forked, 1);
    world.clock.advance(Duration::from_secs(6));
    let status = cold.thaw("acme", &home).await.unwrap();
    assert_eq!(status.generation, 6);
    is_destroyed(&cold, first).await;
    assert!(cold.kek("acme", second).await.is_ok());
    are_equal(&world, &mirror).await;
}

#[tokio::test]
async fn what_was_destroyed_does_not_come_back_by_changes_while_the_mirror_is_away() {
    // From the keyring with the first version alone, and from the one in which it waits.
    for put_back in [0, 2] {
        let (world, mirror) = (World::new(), Arc::<WatchedStore>::default());
        let replica = world.mirrored(&mirror).await.unwrap();
        let ([first, second], old) = destroyed(&world, &replica).await;
        let home = Scope::tenant();
        world.store.set(HOME, &old[put_back]).await;
        let cold = world.mirrored(&mirror).await.unwrap();
        mirror.set_away(true);
        for _ in 0..2 {
            cold.freeze("acme", &home).await.unwrap();
            cold.thaw("acme", &home).await.unwrap();
        }
        mirror.set_away(false);
        let followed = cold.follow(Mode::Bring, &mut |_, _| ()).await;
        assert_eq!(followed.unwrap().unwrap().differs, 1);
        assert_eq!(
            try_write(&cold, &home).await.unwrap_err().kind(),
            KeyErrorKind::Corrupt
        );
        assert_eq!(restore(&cold).await.forked, 1);
        world.clock.advance(Duration::from_secs(6));
        assert_eq!(write(&cold).await.kek.id(), second);
        is_destroyed(&cold, first).await;
        are_equal(&world, &mirror).await;
    }
}

#[tokio::test]
async fn nothing_is_written_for_a_key_that_cannot_be_made() {
    let (world, mirror) = (World::new(), Arc::<WatchedStore>::default());
    let replica = world.mirrored(&mirror).await.unwrap();
    let scopes = [1, 2].map(|number| Scope::of_prefix(&format!("clinics/{number}/")).unwrap());
    let [known, new] = &scopes;
    try_write(&replica, known).await.unwrap();
    let fails = async || {
        let before = world.store.documents().await;
        replica.rotate("acme", known).await.unwrap_err();
        let old = replica.rotate_if_older("acme", known, Duration::ZERO);
        old.await.unwrap_err();
        try_write(&replica, new).await.unwrap_err();
        assert_eq!(world.store.documents().await, before);
    };
    mirror.set_away(true);
    fails().await;
    mirror.set_away(false);
    world.kms.set_trouble(Trouble::Away);
    fails().await;
    world.kms.set_trouble(None);
    world.clock.advance(Duration::from_secs(30));
    // Nor for one that would be built on an old keyring.
    let path = "system/keyrings/acme/scopes";
    let all = world.store.documents().await;
    let path = all.iter().find(|at| at.starts_with(path)).unwrap();
    let old = world.store.text(path).await.unwrap();
    replica.rotate("acme", known).await.unwrap();
    world.store.set(path, &old).await;
    let (before, cold) = (
        world.store.documents().await,
        world.mirrored(&mirror).await.unwrap(),
    );
    is_behind(cold.rotate("acme", known).await, (1, 2));
    assert_eq!(world.store.documents().await, before);
}

#[tokio::test]
async fn a_destruction_is_taken_back_while_the_mirror_is_away_and_neither_begun_nor_carried_out() {
    let (world, mirror) = (World::new(), Arc::<WatchedStore>::default());
    let replica = world.mirrored(&mirror).await.unwrap();
    let (home, first) = (Scope::tenant(), write(&replica).await.kek.id());
    let second = replica.rotate("acme", &home).await.unwrap();
    replica.rotate("acme", &home).await.unwrap();
    let after = world.clock.now() + Duration::from_hours(7 * 24);
    let destroy = |kek| replica.schedule_destruction("acme", &home, Some(kek), after);
    destroy(first).await.unwrap();
    mirror.set_away(true);
    let refused = destroy(second).await.unwrap_err();
    assert_eq!(refused.kind(), KeyErrorKind::Unavailable);
    world.clock.advance(Duration::from_hours(7 * 24));
    let refused = replica.destroy_due("acme", &home).await.unwrap_err();
    assert_eq!(refused.kind(), KeyErrorKind::Unavailable);
    let cancelled = replica.cancel_destruction("acme", &home, Some(first)).await;
    cancelled.unwrap();
    mirror.set_away(false);
    let destroyed = replica.destroy_due("acme", &home).await.unwrap();
    assert_eq!(destroyed, Vec::<KeyId>::new());
    assert!(replica.kek("acme", first).await.is_ok());
    write(&replica).await;
    are_equal(&world, &mirror).await;
}

#[tokio::test]
async fn what_was_there_before_the_mirror_is_brought_by_a_look_at_everything() {
    let (world, mirror) = (World::new(), Arc::default());
    let clinic = Scope::of_prefix("clinics/1/").unwrap();
    try_write(&world.replica().await, &clinic).await.unwrap();
    let replica = world.mirrored(&mirror).await.unwrap();
    let bucket = World::bucket(&replica, BUCKET, Duration::ZERO);
    world.store.set(BUCKET, &bucket).await;
    let followed = replica.follow(Mode::Bring, &mut |_, _| ()).await;
    assert_eq!(followed.unwrap().unwrap().missing, 4);
    are_equal(&world, &mirror).await;
    // A keyring that is lost in the first place comes back.
    world.store.remove(HOME).await;
    let brought = replica
        .restore(Some("acme"), Mode::Bring, &mut |_, _| ())
        .await;
    assert_eq!(brought.unwrap().unwrap().missing, 1);
    are_equal(&world, &mirror).await;
}

#[tokio::test]
async fn a_mirror_that_was_away_at_the_start_gets_the_deployment_before_it_is_relied_on() {
    let (world, mirror) = (World::new(), Arc::<WatchedStore>::default());
    write(&world.replica().await).await;
    mirror.set_away(true);
    let replica = world.mirrored(&mirror).await.unwrap();
    mirror.set_away(false);
    assert_eq!(look(&replica).await.missing, 2);
    let kek = write(&replica).await.kek.id();
    are_equal(&world, &mirror).await;
    for path in world.store.documents().await {
        world.store.remove(&path).await;
    }
    assert_eq!(restore_lost(&world, &mirror).await.unwrap().missing, 2);
    assert!(world.replica().await.kek("acme", kek).await.is_ok());
    // One that was lost since is brought by a look at everything, from either place.
    mirror.remove(DEPLOYMENT).await;
    let followed = replica.follow(Mode::Bring, &mut |_, _| ()).await;
    assert_eq!(followed.unwrap().unwrap().missing, 1);
    world.store.remove(DEPLOYMENT).await;
    assert_eq!(restore(&replica).await.missing, 1);
    are_equal(&world, &mirror).await;
    // What the store made up is not.
    mirror.remove(DEPLOYMENT).await;
    world.store.set(DEPLOYMENT, "not ours").await;
    let followed = replica.follow(Mode::Bring, &mut |_, _| ()).await;
    assert_eq!(followed.unwrap().unwrap().unusable, 1);
    assert_eq!(mirror.text(DEPLOYMENT).await, None);
}

#[tokio::test]
async fn nothing_is_sealed_before_the_mirror_was_found_fit_and_that_is_tried_until_it_is() {
    let (world, mirror) = (World::new(), Arc::<WatchedStore>::default());
    write(&world.replica().await).await;
    let before = world.store.documents().await;
    let tried = Arc::new(AtomicUsize::new(0));
    let outcome = Arc::new(Mutex::new(Err(unavailable())));
    let prepare: Prepare = {
        let (tried, outcome) = (Arc::clone(&tried), Arc::clone(&outcome));
        Arc::new(move || {
            tried.fetch_add(1, SeqCst);
            ready(outcome.lock().unwrap().clone()).boxed()
        })
    };
    let replica = world.mirrored_by(&mirror, prepare.clone()).await.unwrap();
    let unfit = KeyError::Document {
        path: "mirror".to_owned(),
        fault: DocumentFault::Unconditional,
    };
    for (refusal, kind) in [
        (unavailable(), KeyErrorKind::Unavailable),
        (unfit, KeyErrorKind::Corrupt),
    ] {
        *outcome.lock().unwrap() = Err(refusal);
        let home = Scope::tenant();
        let refused = try_write(&replica, &home).await.unwrap_err();
        assert_eq!(refused.kind(), kind);
        let refused = replica.rotate("acme", &home).await.unwrap_err();
        assert_eq!(refused.kind(), kind);
        let followed = replica.follow(Mode::Bring, &mut |_, _| ()).await;
        assert_eq!(followed.unwrap_err().kind(), kind);
        assert_eq!(mirror.documents().await, Vec::<String>::new());
        assert_eq!(world.store.documents().await, before);
    }
    // A gateway that finds that out when it starts does not.
    let refused = world.mirrored_by(&mirror, prepare.clone()).await;
    assert_eq!(refused.unwrap_err().kind(), KeyErrorKind::Corrupt);
    *outcome.lock().unwrap() = Ok(());
    write(&replica).await;
    let asked = tried.load(SeqCst);
    replica.rotate("acme", &Scope::tenant()).await.unwrap();
    assert_eq!(tried.load(SeqCst), asked);
    are_equal(&world, &mirror).await;
}

fn unavailable() -> KeyError {
    KeyError::StoreUnavailable {
        path: "mirror".to_owned(),
        source: Arc::new(std::io::Error::other("as the test wished")),
    }
}

#[tokio::test]
async fn replicas_that_start_together_for_the_first_time_agree_on_one_deployment() {
    let (world, mirror) = (Arc::new(World::new()), Arc::<WatchedStore>::default());
    // The other makes the deployment, and mirrors it, after this one has found none.
    let prepare: Prepare = {
        let (world, mirror) = (Arc::clone(&world), Arc::clone(&mirror));
        Arc::new(move || {
            let (world, mirror) = (Arc::clone(&world), Arc::clone(&mirror));
            async move { world.mirrored(&mirror).await.map(drop) }.boxed()
        })
    };
    let this = world.mirrored_by(&mirror, prepare).await.unwrap();
    let other = world.mirrored(&mirror).await.unwrap();
    assert_eq!(this.deployment().id(), other.deployment().id());
}

#[tokio::test]
async fn a_bucket_that_the_store_made_up_or_put_back_does_not_reach_the_mirror() {
    let (world, mirror) = (World::new(), Arc::<WatchedStore>::default());
    let replica = world.mirrored(&mirror).await.unwrap();
    let bucket = |after| World::bucket(&replica, BUCKET, Duration::from_secs(after));
    let follow = async || {
        let followed = replica.follow(Mode::Bring, &mut |_, _| ()).await;
        followed.unwrap().unwrap()
    };
    world.store.set(BUCKET, &bucket(1)).await;
    assert_eq!(follow().await.missing, 1);
    world.store.set(BUCKET, &bucket(2)).await;
    assert_eq!(follow().await.older, 1, "it was made again");
    for forged in [&bucket(2).replace("2026", "2027"), &bucket(1)] {
        world.store.set(BUCKET, forged).await;
        assert_eq!(follow().await.trouble(), 1);
        assert_eq!(mirror.text(BUCKET).await.unwrap(), bucket(2));
    }
}

#[tokio::test]
async fn a_mirror_of_another_deployment_is_refused_and_none_is_made_beside_one() {
    let (world, mirror) = (World::new(), Arc::<WatchedStore>::default());
    world.mirrored(&mirror).await.unwrap();
    for path in world.store.documents().await {
        world.store.remove(&path).await;
    }
    let refused = world.mirrored(&mirror).await.unwrap_err();
    let KeyError::Document { fault, .. } = refused else {
        panic!("{refused}")
    };
    assert!(matches!(fault, DocumentFault::Lost { .. }));
    world.replica().await;
    let foreign = world.mirrored(&mirror).await.unwrap_err();
    assert_eq!(foreign.kind(), KeyErrorKind::Corrupt, "{foreign}");
    // Nor is anything restored from it, be that the deployment's document is lost.
    let other = world.replica().await;
    write(&other).await;
    world.store.remove("system/deployment.json").await;
    let before = world.store.documents().await;
    let refused = restore_lost(&world, &mirror).await.unwrap_err();
    assert!(matches!(refused, BackupError::Foreign { .. }), "{refused}");
    assert_eq!(world.store.documents().await, before);
}
