//! What the operations of a key's life promise, on replicas that share one store.

use std::time::Duration;

use super::*;
use crate::keyrings::world::{Call, Trouble, World};

async fn write(replica: &Keyrings) -> Arc<WritingKeys> {
    replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap()
}

const AGE: Duration = Duration::from_secs(6);

#[tokio::test]
async fn a_freeze_stops_reads_and_writes_on_every_replica_and_not_the_trail() {
    let world = World::new();
    let (one, other) = (world.replica().await, world.replica().await);
    let kek = write(&one).await.kek.id();
    assert!(other.kek("acme", kek).await.is_ok());
    let audit = other.auditing("acme", Provisioning::Allowed).await.unwrap();
    assert!(
        one.freeze("acme", &Scope::tenant())
            .await
            .unwrap()
            .frozen
            .is_some()
    );
    world.clock.advance(AGE);
    for replica in [&one, &other] {
        let read = replica.kek("acme", kek).await.unwrap_err();
        assert!(matches!(read, KeyError::Frozen { .. }), "{read}");
        let write = replica
            .writing("acme", &Scope::tenant(), Provisioning::Allowed)
            .await;
        assert!(matches!(write, Err(KeyError::Frozen { .. })));
        assert!(replica.audit("acme", audit.id()).await.is_ok());
        // Of that tenant only.
        replica
            .writing("other", &Scope::tenant(), Provisioning::Allowed)
            .await
            .unwrap();
    }
    other.thaw("acme", &Scope::tenant()).await.unwrap();
    world.clock.advance(AGE);
    assert!(one.kek("acme", kek).await.is_ok());
    assert_eq!(write(&one).await.kek.id(), kek);
}

#[tokio::test]
async fn a_due_rotation_happens_once() {
    let world = World::new();
    let (one, other) = (world.replica().await, world.replica().await);
    let first = write(&one).await.kek.id();
    let year = Duration::from_hours(365 * 24);
    assert_eq!(
        one.rotate_if_older("acme", &Scope::tenant(), year)
            .await
            .unwrap(),
        None
    );
    world.clock.advance(year);
    let (left, right) = futures_util::future::join(
        one.rotate_if_older("acme", &Scope::tenant(), year),
        other.rotate_if_older("acme", &Scope::tenant(), year),
    )
    .await;
    let rotated: Vec<KeyId> = [left.unwrap(), right.unwrap()]
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(rotated.len(), 1, "{rotated:?}");
    world.clock.advance(AGE);
    let status = one.status("acme", &Scope::tenant()).await.unwrap();
    assert_eq!(status.active_kek().unwrap().id, rotated[0]);
    let keks = status.keys.iter().filter(|key| key.purpose == Purpose::Kek);
    assert_eq!(keks.count(), 2);
    assert!(other.kek("acme", first).await.is_ok(), "old objects open");
}

#[tokio::test]
async fn an_eviction_has_every_replica_ask_the_kms_again() {
    let world = World::new();
    let (one, other) = (world.replica().await, world.replica().await);
    let kek = write(&one).await.kek.id();
    other.kek("acme", kek).await.unwrap();
    let before = world.kms.count(Call::Unwrap);
    other.kek("acme", kek).await.unwrap();
    assert_eq!(world.kms.count(Call::Unwrap), before);
    one.evict("acme", &Scope::tenant()).await.unwrap();
    world.clock.advance(AGE);
    other.kek("acme", kek).await.unwrap();
    assert_eq!(world.kms.count(Call::Unwrap), before + 1);
}

#[tokio::test]
async fn one_version_is_destroyed_after_its_time_and_not_before() {
    let world = World::new();
    let (one, other) = (world.replica().await, world.replica().await);
    let old = write(&one).await.kek.id();
    other.kek("acme", old).await.unwrap();
    let days = |days: u32| Duration::from_hours(24) * days;
    let after = world.clock.now() + days(7);
    let active = one
        .schedule_destruction("acme", &Scope::tenant(), Some(old), after)
        .await;
    assert!(matches!(active, Err(KeyError::NotNow { .. })));
    let new = one.rotate("acme", &Scope::tenant()).await.unwrap();
    one.schedule_destruction("acme", &Scope::tenant(), Some(old), after)
        .await
        .unwrap();
    world.clock.advance(AGE);
    let waits = other.kek("acme", old).await.unwrap_err();
    assert!(matches!(waits, KeyError::PendingDestroy { .. }), "{waits}");
    assert_eq!(write(&other).await.kek.id(), new, "the active one serves");
    assert_eq!(one.destroy_due("acme", &Scope::tenant()).await.unwrap(), []);

    one.cancel_destruction("acme", &Scope::tenant(), Some(old))
        .await
        .unwrap();
    world.clock.advance(AGE);
    assert!(other.kek("acme", old).await.is_ok());
    let status = one.status("acme", &Scope::tenant()).await.unwrap();
    assert_eq!(status.active_kek().unwrap().id, new);

    one.schedule_destruction(
        "acme",
        &Scope::tenant(),
        Some(old),
        world.clock.now() + days(7),
    )
    .await
    .unwrap();
    world.clock.advance(days(7));
    let (left, right) = futures_util::future::join(
        one.destroy_due("acme", &Scope::tenant()),
        other.destroy_due("acme", &Scope::tenant()),
    )
    .await;
    assert!(left.unwrap().contains(&old) || right.unwrap().contains(&old));
    world.clock.advance(AGE);
    for replica in [&one, &other] {
        let gone = replica.kek("acme", old).await.unwrap_err();
        assert_eq!(gone.kind(), KeyErrorKind::Destroyed);
    }
    let text = world.bytes("acme").await;
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let entries = document["document"]["entries"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["id"] == old.to_string());
    assert_eq!(entry.unwrap()["wraps"], serde_json::json!([]));
    let cancel = one
        .cancel_destruction("acme", &Scope::tenant(), Some(old))
        .await;
    assert!(matches!(cancel, Err(KeyError::NotNow { .. })));
}

#[tokio::test]
async fn a_shredded_tenant_neither_reads_nor_writes_and_its_audit_keys_stay() {
    let world = World::new();
    let one = world.replica().await;
    let first = write(&one).await;
    let (kek, aux) = (first.kek.id(), first.aux.id());
    let audit = one.auditing("acme", Provisioning::Allowed).await.unwrap();
    let week = Duration::from_hours(7 * 24);
    let after = world.clock.now() + week;
    one.schedule_destruction("acme", &Scope::tenant(), None, after)
        .await
        .unwrap();
    let waits = one
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await;
    assert!(matches!(waits, Err(KeyError::PendingDestroy { .. })));
    one.cancel_destruction("acme", &Scope::tenant(), None)
        .await
        .unwrap();
    assert_eq!(write(&one).await.kek.id(), kek, "it is active again");
    one.schedule_destruction("acme", &Scope::tenant(), None, after)
        .await
        .unwrap();
    world.clock.advance(week);
    assert_eq!(
        one.destroy_due("acme", &Scope::tenant()).await.unwrap(),
        [kek]
    );
    let gone = one
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await;
    assert!(matches!(gone, Err(KeyError::Destroyed { .. })));
    assert_eq!(
        one.kek("acme", kek).await.unwrap_err().kind(),
        KeyErrorKind::Destroyed
    );
    assert!(one.aux("acme", aux).await.is_ok());
    assert!(one.audit("acme", audit.id()).await.is_ok());
}

#[tokio::test]
async fn keys_move_to_another_root_key_and_objects_do_not_notice() {
    let world = World::new();
    let one = world.replica().await;
    let kek = Arc::clone(&write(&one).await.kek);
    one.rotate("acme", &Scope::tenant()).await.unwrap();
    assert_eq!(
        one.rewrap("acme", &Scope::tenant(), None).await.unwrap(),
        0,
        "they are there"
    );
    let at = |root_key: &str| crate::RootKeyName {
        provider: "first".to_owned(),
        root_key: root_key.to_owned(),
    };
    let none = at("no-such-root-key");
    let missing = one.rewrap("acme", &Scope::tenant(), Some(&none)).await;
    assert_eq!(missing.unwrap_err().kind(), KeyErrorKind::Missing);
    let to = world.kms.own_root_key.clone();
    let other = at(&to);
    let home = Scope::tenant();
    let moved = one.rewrap("acme", &home, Some(&other)).await.unwrap();
    // Two KEK versions, the AUX key and the audit key.
    assert_eq!(moved, 4);
    let status = one.status("acme", &Scope::tenant()).await.unwrap();
    let all = status.keys.iter().flat_map(|key| &key.wraps);
    assert!(all.clone().count() == 4 && all.clone().all(|wrap| wrap.root_key == to));
    let cold = world.replica().await;
    assert_eq!(
        cold.kek("acme", kek.id()).await.unwrap().secret(),
        kek.secret()
    );
}

#[tokio::test]
async fn a_scope_is_frozen_and_evicted_by_itself() {
    let world = World::new();
    let (one, other) = (world.replica().await, world.replica().await);
    let clinic = Scope::of_prefix("clinics/1/").unwrap();
    let home = write(&one).await.kek.id();
    let keys = one.writing("acme", &clinic, Provisioning::Allowed).await;
    let scoped = keys.unwrap().kek.id();
    one.freeze("acme", &clinic).await.unwrap();
    world.clock.advance(AGE);
    for replica in [&one, &other] {
        let refused = replica.kek("acme", scoped).await;
        assert!(matches!(refused, Err(KeyError::Frozen { .. })));
        assert!(replica.kek("acme", home).await.is_ok());
    }
    one.thaw("acme", &clinic).await.unwrap();
    world.clock.advance(AGE);
    other.kek("acme", scoped).await.unwrap();
    other.kek("acme", home).await.unwrap();
    let before = world.kms.count(Call::Unwrap);
    one.evict("acme", &clinic).await.unwrap();
    world.clock.advance(AGE);
    other.kek("acme", scoped).await.unwrap();
    other.kek("acme", home).await.unwrap();
    assert_eq!(world.kms.count(Call::Unwrap), before + 1);
}

#[tokio::test]
async fn a_scope_whose_version_is_past_its_time_is_noted_when_it_is_written_to() {
    let world = World::new();
    let year = Duration::from_hours(365 * 24);
    let settings = Settings {
        cryptoperiod: Some(year),
        ..Settings::default()
    };
    let replica = world.replica_set(settings).await;
    let scopes = [1, 2].map(|number| Scope::of_prefix(&format!("clinics/{number}/")).unwrap());
    for scope in &scopes {
        replica
            .writing("acme", scope, Provisioning::Allowed)
            .await
            .unwrap();
    }
    assert_eq!(replica.take_overdue(), []);
    world.clock.advance(year);
    for _ in 0..3 {
        replica
            .writing("acme", &scopes[0], Provisioning::Allowed)
            .await
            .unwrap();
    }
    let mut overdue = replica.take_overdue();
    overdue.sort_by_key(|(_, scope)| scope.name().to_owned());
    // The tenant's own is not written to, and neither is the second clinic's.
    assert_eq!(overdue, [("acme".to_owned(), scopes[0].clone())]);
    assert_eq!(replica.take_overdue(), []);
    // One that could not be rotated is left alone for a while.
    world.kms.set_trouble(Trouble::Away);
    let failed = replica.rotate_if_older("acme", &scopes[0], year).await;
    assert_eq!(failed.unwrap_err().kind(), KeyErrorKind::Unavailable);
    world.kms.set_trouble(None);
    let write = async |scope| {
        let keys = replica.writing("acme", scope, Provisioning::Allowed).await;
        keys.map(drop)
    };
    world.clock.advance(Duration::from_secs(59));
    write(&scopes[0]).await.unwrap();
    assert_eq!(replica.take_overdue(), []);
    world.clock.advance(Duration::from_secs(1));
    write(&scopes[0]).await.unwrap();
    assert_eq!(replica.take_overdue().len(), 1);
    // A frozen tenant's are not rotated, and not noted.
    replica.freeze("acme", &Scope::tenant()).await.unwrap();
    let frozen = write(&scopes[0]).await.unwrap_err();
    assert!(matches!(frozen, KeyError::Frozen { .. }));
    assert_eq!(replica.take_overdue(), []);
    let rotated = replica.rotate_if_older("acme", &scopes[0], year).await;
    assert_eq!(rotated.unwrap(), None);
}

#[tokio::test]
async fn reads_go_on_until_a_key_is_destroyed_where_that_is_the_policy() {
    let world = World::new();
    let settings = Settings {
        pending_reads: PendingReads::Allowed,
        ..Settings::default()
    };
    let (strict, lenient) = (world.replica().await, world.replica_set(settings).await);
    let kek = write(&lenient).await.kek.id();
    let week = Duration::from_hours(7 * 24);
    let after = world.clock.now() + week;
    let home = Scope::tenant();
    let waits = lenient.schedule_destruction("acme", &home, None, after);
    waits.await.unwrap();
    world.clock.advance(AGE);
    assert!(lenient.kek("acme", kek).await.is_ok());
    let refused = strict.kek("acme", kek).await;
    assert!(matches!(refused, Err(KeyError::PendingDestroy { .. })));
    for replica in [&strict, &lenient] {
        let refused = replica.writing("acme", &home, Provisioning::Allowed).await;
        assert!(matches!(refused, Err(KeyError::PendingDestroy { .. })));
    }
    world.clock.advance(week);
    lenient.destroy_due("acme", &home).await.unwrap();
    let gone = lenient.kek("acme", kek).await.unwrap_err();
    assert_eq!(gone.kind(), KeyErrorKind::Destroyed);
}
