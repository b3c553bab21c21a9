//! Whose turn it is to tend the keys: one replica's, for as long as it takes, and never for good.

use super::*;
use crate::admin::turn::{Found, Turn};

#[tokio::test]
async fn one_replica_tends_the_keys_and_the_others_tell_what_it_found() {
    let world = World::new().await;
    let tokens = world.with_a_tenant().await;
    let freeze = async |what: &str| {
        let path = format!("/v1/tenants/acme/keys/{what}");
        let done = world.call(&tokens[0], Method::POST, &path, json!({})).await;
        assert_eq!(done.0, 200, "{done:?}");
    };
    let other = world.replica();
    assert_eq!(world.admin.tend_keys().await.unwrap().frozen, 0);
    freeze("freeze").await;
    assert_eq!(
        other.tend_keys().await.unwrap().frozen,
        0,
        "it does not look"
    );
    let found = world.admin.tend_keys().await.unwrap();
    assert_eq!(found.frozen, 1);
    assert_eq!(other.tend_keys().await.unwrap(), found);
    // The first is gone: after its turn another takes over.
    world.pass(Duration::from_mins(13));
    freeze("thaw").await;
    assert_eq!(other.tend_keys().await.unwrap().frozen, 0);
    freeze("freeze").await;
    assert_eq!(world.admin.tend_keys().await.unwrap().frozen, 0);
    // One whose clock was days ahead does not keep the others away for days.
    world.pass(DAY);
    assert_eq!(world.admin.tend_keys().await.unwrap().frozen, 1);
    *world.now.lock().unwrap() -= DAY;
    freeze("thaw").await;
    assert_eq!(other.tend_keys().await.unwrap().frozen, 0);
}

#[tokio::test]
async fn a_turn_is_kept_for_as_long_as_the_work_takes_and_what_was_found_is_on_record() {
    let world = World::new().await;
    let other = world.replica();
    let Turn::Ours(found) = world.admin.take_turn().await.unwrap() else {
        panic!("nobody else is there");
    };
    tokio::time::pause();
    // Longer than a turn.
    let work = async {
        for _ in 0..5 {
            world.pass(Duration::from_mins(4));
            tokio::time::sleep(Duration::from_secs(4 * 60 + 1)).await;
            assert!(matches!(
                other.take_turn().await.unwrap(),
                Turn::Anothers(_)
            ));
        }
    };
    world.admin.keeping_turn(work).await;
    // Be it that the turn was lost all the same.
    world.pass(Duration::from_mins(13));
    assert!(matches!(other.take_turn().await.unwrap(), Turn::Ours(_)));
    let health = KeyHealth {
        mirror_differences: 7,
        ..found.health
    };
    let compared = world.admin.clock.now().into();
    let found = Found { compared, health };
    world.admin.record_found(found).await.unwrap();
    let Turn::Anothers(told) = world.admin.take_turn().await.unwrap() else {
        panic!("it is the other's");
    };
    assert_eq!(told, health);
    let Turn::Ours(told) = other.take_turn().await.unwrap() else {
        panic!("it is the other's");
    };
    assert_eq!(told.compared, compared);
    // Without a mirror nothing differs from it.
    assert_eq!(other.tend_keys().await.unwrap().mirror_differences, 0);
}
