//! What a backup promises: everything comes back from it, nothing from one that was touched, and never
//! over something newer.

use std::io::Cursor;

use object_store::path::Path;

use super::*;
use crate::keyrings::world::{WatchedStore, World};
use crate::{Backup, BackupError, Fate, Fates, Mode, PlacedDocuments, Timestamp, write_backup};

const BUCKET: &str = "tenants/acme/buckets/findings.json";
const HOME: &str = "system/keyrings/acme/default.json";

async fn write(replica: &Keyrings, tenant: &str, scope: &Scope) -> Arc<WritingKeys> {
    let keys = replica.writing(tenant, scope, Provisioning::Allowed);
    keys.await.unwrap()
}

fn clinic() -> Scope {
    Scope::of_prefix("clinics/1/").unwrap()
}

fn whole(world: &World) -> ControlStore {
    ControlStore::new(world.store.clone(), "")
}

async fn backup(world: &World, replica: &Keyrings, tenant: Option<&str>) -> Vec<u8> {
    let (mut file, made) = (Vec::new(), Timestamp::from(world.clock.now()));
    let store = whole(world);
    let deployment = replica.deployment();
    let mut tell = |path: &_, _| panic!("{path} is good");
    let written = write_backup(&store, deployment, (tenant, made), &mut file, &mut tell);
    let counts = written.await.unwrap();
    let read = verified(world, &file).await.unwrap();
    assert_eq!(read.counts(), counts, "it is read as it was written");
    file
}

async fn verified<'a>(
    world: &World,
    file: &'a [u8],
) -> Result<Backup<Cursor<&'a [u8]>>, BackupError> {
    Backup::verified(Cursor::new(file), &world.providers()).await
}

async fn restore(world: &World, file: &[u8], mode: Mode) -> Fates {
    let backup = verified(world, file).await.unwrap();
    let store = whole(world);
    let restored = backup.restore(&store, mode, &mut |_, _| ()).await;
    restored.unwrap()
}

#[tokio::test]
async fn everything_comes_back_from_a_backup_and_the_root_key() {
    let world = World::new();
    let one = world.replica().await;
    let tenant = write(&one, "acme", &Scope::tenant()).await;
    let scope = write(&one, "acme", &clinic()).await;
    let other = write(&one, "other", &Scope::tenant()).await;
    let bucket = World::bucket(&one, BUCKET, Duration::ZERO);
    world.store.set(BUCKET, &bucket).await;
    world
        .store
        .set("tenants/acme/receipts/1.json", "a receipt")
        .await;
    let file = backup(&world, &one, None).await;
    let secret = tenant.kek.secret();
    assert!(!file.windows(32).any(|bytes| bytes == secret));

    let before = world.store.documents().await;
    for path in &before {
        world.store.remove(path).await;
    }
    let looked = restore(&world, &file, Mode::Look).await;
    // The deployment, two tenants' keyrings, a scope's, its KEK in the index, a bucket.
    assert_eq!((looked.missing, looked.same), (6, 0));
    assert_eq!(world.store.documents().await, Vec::<String>::new());
    assert_eq!(restore(&world, &file, Mode::Bring).await.missing, 6);
    assert_eq!(world.store.documents().await.len(), before.len() - 1);
    let cold = world.replica().await;
    for (tenant, key) in [("acme", &tenant), ("acme", &scope), ("other", &other)] {
        let opened = cold.kek(tenant, key.kek.id()).await.unwrap();
        assert_eq!(opened.secret(), key.kek.secret());
    }
    assert_eq!(world.store.text(BUCKET).await.unwrap(), bucket);
    assert_eq!(restore(&world, &file, Mode::Bring).await.same, 6);
}

#[tokio::test]
async fn a_backup_of_one_tenant_has_no_other() {
    let world = World::new();
    let one = world.replica().await;
    write(&one, "acme", &Scope::tenant()).await;
    write(&one, "other", &Scope::tenant()).await;
    let file = backup(&world, &one, Some("acme")).await;
    world.store.remove(HOME).await;
    world
        .store
        .remove("system/keyrings/other/default.json")
        .await;
    let restored = restore(&world, &file, Mode::Bring).await;
    assert_eq!((restored.missing, restored.same), (1, 1));
    assert!(world.store.text(HOME).await.is_some());
}

#[tokio::test]
async fn a_backup_that_was_touched_is_refused() {
    let world = World::new();
    let one = world.replica().await;
    write(&one, "acme", &clinic()).await;
    let file = backup(&world, &one, None).await;
    let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    for cut in 2..lines.len() {
        let short = lines[..cut].concat();
        assert!(matches!(
            verified(&world, &short).await,
            Err(BackupError::CutShort)
        ));
    }
    for line in 2..lines.len() - 1 {
        let mut fewer = lines.clone();
        fewer.remove(line);
        let fewer = fewer.concat();
        assert!(matches!(
            verified(&world, &fewer).await,
            Err(BackupError::Altered)
        ));
        let mut swapped = lines.clone();
        swapped.swap(line, if line == 2 { 3 } else { 2 });
        let swapped = swapped.concat();
        assert!(matches!(
            verified(&world, &swapped).await,
            Err(BackupError::Altered)
        ));
    }
    let more = [&file[..], lines[2]].concat();
    assert!(verified(&world, &more).await.is_err());
    for at in (0..file.len()).step_by(7) {
        let mut flipped = file.clone();
        flipped[at] ^= 1;
        assert!(verified(&world, &flipped).await.is_err(), "byte {at}");
    }
}

#[tokio::test]
async fn what_is_newer_stays_and_what_is_older_or_damaged_is_replaced() {
    let world = World::new();
    let one = world.replica().await;
    let first = write(&one, "acme", &Scope::tenant()).await.kek.id();
    let old = world.store.text(HOME).await.unwrap();
    let old_file = backup(&world, &one, None).await;
    let second = one.rotate("acme", &Scope::tenant()).await.unwrap();
    let new = world.store.text(HOME).await.unwrap();
    let new_file = backup(&world, &one, None).await;

    let restored = restore(&world, &old_file, Mode::Bring).await;
    assert_eq!((restored.newer, restored.brought()), (1, 0));
    assert_eq!(world.store.text(HOME).await.unwrap(), new);

    for there in [&old, "not ours"] {
        world.store.set(HOME, there).await;
        assert_eq!(restore(&world, &new_file, Mode::Look).await.brought(), 1);
        assert_eq!(world.store.text(HOME).await.unwrap(), *there);
        assert_eq!(restore(&world, &new_file, Mode::Bring).await.brought(), 1);
        assert_eq!(world.store.text(HOME).await.unwrap(), new);
    }
    let cold = world.replica().await;
    for id in [first, second] {
        cold.kek("acme", id).await.unwrap();
    }
}

#[tokio::test]
async fn a_bucket_that_the_store_made_up_is_replaced_and_in_no_backup() {
    let world = World::new();
    let one = world.replica().await;
    write(&one, "acme", &Scope::tenant()).await;
    let bucket = |after| World::bucket(&one, BUCKET, Duration::from_secs(after));
    let good = bucket(2);
    world.store.set(BUCKET, &good).await;
    let file = backup(&world, &one, None).await;
    let elsewhere = World::bucket(&one, "tenants/other/buckets/findings.json", Duration::ZERO);
    let made_up = good.replace("2026", "2027");
    for forged in [
        r#"{"document": "of a bucket", "mac": "00"}"#,
        &made_up,
        &elsewhere,
    ] {
        world.store.set(BUCKET, forged).await;
        let mut unusable = Vec::new();
        let mut tell = |path: &Path, fate| unusable.push((path.to_string(), fate));
        let made = Timestamp::from(world.clock.now());
        let (mut out, store) = (Vec::new(), whole(&world));
        let written = write_backup(&store, one.deployment(), (None, made), &mut out, &mut tell);
        assert_eq!(written.await.unwrap().unusable, 1);
        assert_eq!(unusable, [(BUCKET.to_owned(), Fate::Unusable)]);
        assert_eq!(restore(&world, &file, Mode::Bring).await.damaged, 1);
        assert_eq!(world.store.text(BUCKET).await.unwrap(), good);
    }
    // Made again since the backup, it stays; where an older one is there, somebody has to look.
    for (after, fates) in [(3, (1, 0)), (1, (0, 1))] {
        world.store.set(BUCKET, &bucket(after)).await;
        let restored = restore(&world, &file, Mode::Bring).await;
        assert_eq!((restored.newer, restored.differs), fates);
        assert_eq!(world.store.text(BUCKET).await.unwrap(), bucket(after));
    }
}

#[tokio::test]
async fn a_bucket_that_was_deleted_since_does_not_come_back_and_one_that_was_made_again_does() {
    let (world, mirror) = (World::new(), Arc::<WatchedStore>::default());
    let one = world.mirrored(&mirror).await.unwrap();
    write(&one, "acme", &Scope::tenant()).await;
    let bucket = World::bucket(&one, BUCKET, Duration::from_secs(10));
    world.store.set(BUCKET, &bucket).await;
    let followed = one.follow(Mode::Bring, &mut |_, _| ()).await;
    assert_eq!(followed.unwrap().unwrap().missing, 1);
    let file = backup(&world, &one, None).await;
    world.store.remove(BUCKET).await;
    let memorial = "tenants/acme/retired/findings.json";
    let documents = PlacedDocuments::of(one.deployment());
    let retired = |id: &str, at_ms: u64| {
        // Milliseconds after the beginning of 2026.
        let at_ms = 1_767_225_600_000 + at_ms;
        let retired = serde_json::json!({ "id": id, "at_ms": at_ms });
        let bytes = documents.write(&Path::from(memorial), &retired).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    let restored = async || {
        let from_mirror = one.restore(None, Mode::Look, &mut |_, _| ()).await;
        let from_file = restore(&world, &file, Mode::Look).await;
        let fates = [from_mirror.unwrap().unwrap(), from_file];
        fates.map(|fates| (fates.retired, fates.missing))
    };
    assert_eq!(restored().await, [(0, 1); 2]);
    let good = retired(BUCKET, 11_000);
    world.store.set(memorial, &good).await;
    assert_eq!(restored().await, [(1, 0); 2]);
    // Another bucket; the same one, made again within that second; what the store made up.
    for other in [
        retired("another", 11_000),
        retired(BUCKET, 10_999),
        good.replace("1767225611000", "1767225612000"),
    ] {
        world.store.set(memorial, &other).await;
        assert_eq!(restored().await, [(0, 1); 2], "{other}");
    }
}

#[tokio::test]
async fn a_keyring_that_was_begun_anew_is_joined_with_the_one_that_comes_back() {
    let world = World::new();
    let one = world.replica().await;
    let lost = write(&one, "acme", &Scope::tenant()).await;
    let audit = one.auditing("acme", Provisioning::Allowed).await.unwrap();
    let second = one.rotate("acme", &Scope::tenant()).await.unwrap();
    let file = backup(&world, &one, None).await;
    world.store.remove(HOME).await;
    let anew = write(&world.replica().await, "acme", &Scope::tenant()).await;
    for mode in [Mode::Look, Mode::Bring] {
        let restored = restore(&world, &file, mode).await;
        assert_eq!((restored.forked, restored.brought()), (1, 1));
    }
    let cold = world.replica().await;
    assert_eq!(
        write(&cold, "acme", &Scope::tenant()).await.kek.id(),
        anew.kek.id()
    );
    for kek in [lost.kek.id(), second, anew.kek.id()] {
        cold.kek("acme", kek).await.unwrap();
    }
    for aux in [lost.aux.id(), anew.aux.id()] {
        cold.aux("acme", aux).await.unwrap();
    }
    assert!(cold.audit("acme", audit.id()).await.is_ok());
    assert_eq!(cold.audit_ids("acme").await.unwrap().len(), 2);
    cold.rotate("acme", &Scope::tenant()).await.unwrap();
    // It has all of the backup's keys now.
    assert_eq!(restore(&world, &file, Mode::Bring).await.newer, 1);
}

#[tokio::test]
async fn what_was_destroyed_since_stays_destroyed() {
    let world = World::new();
    let one = world.replica().await;
    let kek = write(&one, "acme", &Scope::tenant()).await.kek.id();
    let file = backup(&world, &one, None).await;
    let now = world.clock.now();
    let home = Scope::tenant();
    let waits = one.schedule_destruction("acme", &home, None, now);
    waits.await.unwrap();
    one.destroy_due("acme", &home).await.unwrap();
    assert_eq!(restore(&world, &file, Mode::Bring).await.newer, 1);
    let gone = world.replica().await.kek("acme", kek).await.unwrap_err();
    assert_eq!(gone.kind(), KeyErrorKind::Destroyed);
}

#[tokio::test]
async fn a_keyring_is_not_begun_anew_where_something_else_of_the_tenant_is_left() {
    let world = World::new();
    world.replica().await;
    for left in [
        "system/keks/acme/0011223344556677.json",
        "system/keyrings/acme/scopes/00.json",
        "tenants/acme/buckets/b.json",
    ] {
        world.store.set(left, "left").await;
        let replica = world.replica().await;
        let refused = replica
            .writing("acme", &Scope::tenant(), Provisioning::Allowed)
            .await;
        let Err(KeyError::Document { fault, .. }) = refused else {
            panic!("{left}: {refused:?}")
        };
        assert!(matches!(fault, DocumentFault::Lost { .. }), "{fault}");
        // Of that tenant only.
        write(&replica, "other", &Scope::tenant()).await;
        world.store.remove(left).await;
    }
}

#[tokio::test]
async fn another_deployments_backup_changes_nothing() {
    let world = World::new();
    let one = world.replica().await;
    write(&one, "acme", &Scope::tenant()).await;
    let file = backup(&world, &one, None).await;
    for path in world.store.documents().await {
        world.store.remove(&path).await;
    }
    write(&world.replica().await, "acme", &Scope::tenant()).await;
    let there = world.store.text(HOME).await;
    is_refused(&world, &file).await;
    assert_eq!(world.store.text(HOME).await, there);
    // Nor where only the deployment's document is lost: the keyring says whose it is.
    world.store.remove("system/deployment.json").await;
    is_refused(&world, &file).await;
    // Wherever it lies.
    world
        .store
        .set("system/keyrings/other/default.json", &there.unwrap())
        .await;
    world.store.remove(HOME).await;
    is_refused(&world, &file).await;
}

async fn is_refused(world: &World, file: &[u8]) {
    let before = world.store.documents().await;
    for mode in [Mode::Look, Mode::Bring] {
        let backup = verified(world, file).await.unwrap();
        let store = whole(world);
        let refused = backup.restore(&store, mode, &mut |_, _| ()).await;
        assert!(matches!(refused, Err(BackupError::Foreign { .. })));
        assert_eq!(world.store.documents().await, before);
    }
}

#[tokio::test]
async fn anothers_buckets_are_not_overwritten_though_nothing_else_says_whose_they_are() {
    let world = World::new();
    let one = world.replica().await;
    write(&one, "acme", &Scope::tenant()).await;
    let ours = World::bucket(&one, BUCKET, Duration::ZERO);
    world.store.set(BUCKET, &ours).await;
    let file = backup(&world, &one, None).await;
    for path in world.store.documents().await {
        world.store.remove(&path).await;
    }
    let other = world.replica().await;
    let its = World::bucket(&other, BUCKET, Duration::ZERO);
    world.store.remove("system/deployment.json").await;
    world.store.set(BUCKET, &its).await;
    is_refused(&world, &file).await;
    assert_eq!(world.store.text(BUCKET).await.unwrap(), its);
    // What is of no form of ours is damage.
    world.store.set(BUCKET, "not ours").await;
    let restored = restore(&world, &file, Mode::Bring).await;
    assert_eq!((restored.damaged, restored.missing), (1, 2));
}

#[tokio::test]
async fn a_deployment_is_not_made_anew_where_documents_of_one_are_left() {
    let world = World::new();
    write(&world.replica().await, "acme", &Scope::tenant()).await;
    world.store.remove("system/deployment.json").await;
    let refused = world.try_replica().await.unwrap_err();
    let KeyError::Document { fault, .. } = refused else {
        panic!("{refused}")
    };
    assert!(matches!(fault, DocumentFault::Lost { .. }), "{fault}");
    assert_eq!(world.store.text("system/deployment.json").await, None);
}
