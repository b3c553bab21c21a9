//! What the mirror promises: no object depends on one copy of its key, and reads do not depend on the
//! mirror.

use super::*;
use crate::keyrings::world::{WatchedStore, World};
use crate::{Fates, Mode};

const BUCKET: &str = r#"{"document": "of a bucket", "mac": "00"}"#;
const HOME: &str = "system/keyrings/acme/default.json";

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
    // Two keyrings, two KEKs of the scope in the index.
    assert_eq!(look(&replica).await, same(4));
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
    let KeyError::Document { fault, .. } = refused else {
        panic!("{refused}")
    };
    assert!(matches!(
        fault,
        DocumentFault::BehindMirror {
            found: 1,
            mirrored: 2
        }
    ));
    assert_eq!(look(&cold).await.newer, 1);
    let brought = cold.restore(None, Mode::Bring, &mut |_, _| ()).await;
    assert_eq!(brought.unwrap().unwrap().older, 1);
    world.clock.advance(Duration::from_secs(6));
    assert!(cold.kek("acme", lost).await.is_ok());
    cold.rotate("acme", &Scope::tenant()).await.unwrap();
    are_equal(&world, &mirror).await;
}

#[tokio::test]
async fn what_was_there_before_the_mirror_is_brought_by_a_look_at_everything() {
    let (world, mirror) = (World::new(), Arc::default());
    let clinic = Scope::of_prefix("clinics/1/").unwrap();
    try_write(&world.replica().await, &clinic).await.unwrap();
    world.store.set("tenants/acme/buckets/b.json", BUCKET).await;
    let replica = world.mirrored(&mirror).await.unwrap();
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
}
