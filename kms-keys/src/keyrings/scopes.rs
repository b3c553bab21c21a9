//! Key scopes: one KEK for each, made on its first write, found by its id alone.

use std::time::Duration;

use futures_util::future::join_all;

use super::*;
use crate::KeyErrorKind;
use crate::keyrings::world::World;

fn clinic(number: usize) -> Scope {
    Scope::of_prefix(&format!("clinics/{number}/")).unwrap()
}

async fn write(replica: &Keyrings, scope: &Scope) -> Arc<WritingKeys> {
    let keys = replica.writing("acme", scope, Provisioning::Allowed);
    keys.await.unwrap()
}

#[tokio::test]
async fn scopes_have_keks_of_their_own_and_the_tenants_aux_key() {
    let world = World::new();
    let replica = world.replica().await;
    let tenant = write(&replica, &Scope::tenant()).await;
    let one = write(&replica, &clinic(1)).await;
    let two = write(&replica, &clinic(2)).await;
    let keks = [&tenant, &one, &two].map(|keys| *keys.kek.secret());
    assert!(keks[0] != keks[1] && keks[1] != keks[2] && keks[0] != keks[2]);
    assert_eq!(one.aux.id(), tenant.aux.id());
    assert_eq!(write(&replica, &clinic(1)).await.kek.id(), one.kek.id());
}

#[tokio::test]
async fn a_kek_is_found_by_its_id_without_a_listing() {
    let world = World::new();
    let one = write(&world.replica().await, &clinic(1)).await;
    let cold = world.replica().await;
    world.store.forget();
    let reads = join_all((0..1000).map(|_| cold.kek("acme", one.kek.id()))).await;
    for read in reads {
        assert_eq!(read.unwrap().secret(), one.kek.secret());
    }
    // The tenant's keyring, the index, the scope's keyring.
    assert_eq!(world.store.gets(), 3);
    assert_eq!(world.store.lists(), 0);
    let crossed = cold.kek("other", one.kek.id()).await.unwrap_err();
    assert_eq!(crossed.kind(), KeyErrorKind::Missing);
    let (scope, status) = cold.kek_status("acme", one.kek.id()).await.unwrap();
    assert_eq!((scope, status.id), (clinic(1), one.kek.id()));
    let unknown = cold.kek_status("acme", KeyId::from([0; 8])).await;
    assert_eq!(unknown.unwrap_err().kind(), KeyErrorKind::Missing);
}

#[tokio::test]
async fn replicas_that_write_to_a_new_scope_agree_on_its_kek() {
    for _ in 0..20 {
        let world = World::new();
        let (one, other) = (world.replica().await, world.replica().await);
        let scope = clinic(1);
        let writers = (0..16).map(|n| if n % 2 == 0 { &one } else { &other });
        let keys = join_all(writers.map(|replica| write(replica, &scope))).await;
        let id = keys[0].kek.id();
        assert!(keys.iter().all(|keys| keys.kek.id() == id));
        let opened = world.replica().await.kek("acme", id).await.unwrap();
        assert_eq!(opened.secret(), keys[0].kek.secret());
    }
}

#[tokio::test]
async fn a_rotated_scope_opens_by_every_version() {
    let world = World::new();
    let (here, there) = (world.replica().await, world.replica().await);
    let before = write(&here, &clinic(1)).await;
    let new = there.rotate("acme", &clinic(1)).await.unwrap();
    for id in [before.kek.id(), new] {
        here.kek("acme", id).await.unwrap();
        world.replica().await.kek("acme", id).await.unwrap();
    }
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(write(&here, &clinic(1)).await.kek.id(), new);
    let tenant = write(&here, &Scope::tenant()).await;
    assert_ne!(tenant.kek.id(), new, "only that scope is rotated");
}

#[tokio::test]
async fn an_index_document_in_anothers_place_is_refused() {
    let world = World::new();
    let replica = world.replica().await;
    let one = write(&replica, &clinic(1)).await.kek.id();
    let stranger = KeyId::from([9; 8]);
    let path = |id| format!("system/keks/acme/{id}.json");
    world.move_document(&path(one), &path(stranger)).await;
    let error = replica.kek("acme", stranger).await.unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::Document {
                fault: DocumentFault::Misplaced,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_was_seen_of_a_changed_scope_outlives_its_place_in_memory() {
    let world = World::new();
    let replica = world.small_replica(8).await;
    write(&replica, &clinic(0)).await;
    let path = World::scope_document(&clinic(0));
    let old = world.at(&path).await;
    replica.rotate("acme", &clinic(0)).await.unwrap();
    // More scopes than this replica holds.
    for number in 1..64 {
        write(&replica, &clinic(number)).await;
    }
    world.put_at(&path, old).await;
    world.clock.advance(Duration::from_mins(1));
    let scope = clinic(0);
    let keys = replica.writing("acme", &scope, Provisioning::Refused);
    let error = keys.await.unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::Document {
                fault: DocumentFault::RolledBack { seen: 2, found: 1 },
                ..
            }
        ),
        "{error:?}"
    );
}

/// The lookup path over a million scopes: each of them is found by the id in a header with a fixed
/// number of reads, and what is held in memory is bounded.
#[tokio::test]
async fn a_million_scopes_are_never_listed() {
    const SCOPES: usize = 1_000_000;
    let world = World::new();
    let replica = Arc::new(world.small_replica(512).await);
    let sample = write(&replica, &clinic(0)).await;
    world.pretend_scopes(&replica, SCOPES, clinic);
    world.store.forget();
    let numbers = (1..=SCOPES).step_by(997);
    let mut reads = 0;
    for number in numbers.chain([SCOPES]) {
        let id = World::kek_of_scope(number);
        let error = replica.kek("acme", id).await.unwrap_err();
        // Found, and known as what the test made it: destroyed.
        assert!(matches!(error, KeyError::Destroyed { .. }), "{error:?}");
        // The index and the scope's keyring.
        reads += 2;
        assert_eq!(world.store.gets(), reads);
    }
    assert!(replica.documents.len() <= 512);
    world.clock.advance(Duration::from_secs(5));
    replica.kek("acme", sample.kek.id()).await.unwrap();
    write(&replica, &clinic(SCOPES + 1)).await;
    assert_eq!(world.store.lists(), 0);
}
