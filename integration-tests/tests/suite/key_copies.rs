//! Losing the keyrings is losing the data: a drill with the real binary. What no object can be opened without is
//! lost, a gateway says so, it comes back from a backup or from the mirror, and every object is read again.
#![expect(
    clippy::indexing_slicing,
    reason = "a member of JSON that is not there is null, and fails the assertion"
)]

use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use integration_tests::administered::Administered;
use integration_tests::client::{Account, Credentials};
use integration_tests::gateway::{Gateway, Principal, Upstream, find};
use integration_tests::hostile::{HostileStore, Message};
use integration_tests::tools;
use integration_tests::world::World;
use serde_json::Value;

use crate::on_both_upstreams;

on_both_upstreams! {
    lost_keyrings_come_back_from_a_backup => drilled;
}

fn demo() -> [Principal; 1] {
    [Principal::new("demo", "demo-admin", "tenant-admin")]
}

fn drilled(upstream: Upstream) {
    let mut gateway = Gateway::serve(upstream, &demo());
    gateway.reconfigure(|text| text + SCOPED);
    let client = |gateway: &Gateway, script: &str, arguments: &[&str]| {
        gateway.account().run_script(script, arguments)
    };
    client(&gateway, "kms_scopes.py", &["write"]);
    client(&gateway, "restart.py", &["before", "drilled"]);
    gateway.process_mut().interrupt(END_LIMIT);
    let backups = gateway.directory().join("backups");
    fs::create_dir(&backups).expect("a directory can be made");
    let made = json(&keys(
        &gateway,
        &["backup", "--to", &backups.display().to_string()],
    ));
    // The tenant; two scopes with a KEK each; two buckets.
    let counts = ["tenants", "scopes", "index", "buckets", "unusable"];
    let counts = counts.map(|name| made["counts"][name].as_u64());
    assert_eq!(counts, [1, 2, 2, 2, 0].map(Some), "{made}");
    let file = made["file"].as_str().expect("it has a name").to_owned();

    lose(&gateway, upstream, "keys");
    gateway.restart();
    let told = client(&gateway, "read_one.py", &["drilled", "earlier"]);
    // Nothing opens, and nothing is begun anew.
    let code = match upstream {
        Upstream::Embedded => "InternalError",
        Upstream::SeaweedFs => "KeyNotFound",
    };
    assert_eq!(told.trim(), code);
    gateway.process_mut().interrupt(END_LIMIT);

    let looked = json(&keys(&gateway, &["restore", "--from", &file]));
    // All but the deployment's document and the buckets'.
    assert_eq!(
        (brought(&looked), &looked["counts"]["same"]),
        (5, &Value::from(3)),
        "{looked}"
    );
    let again = json(&keys(&gateway, &["restore", "--from", &file]));
    assert_eq!(again, looked, "only looking changed nothing");
    let restored = json(&keys(&gateway, &["restore", "--from", &file, "--apply"]));
    assert_eq!(
        (brought(&restored), &restored["applied"]),
        (5, &Value::from(true))
    );
    gateway.restart();
    client(&gateway, "kms_scopes.py", &["read"]);
    client(&gateway, "restart.py", &["after", "drilled"]);

    // Nothing that is newer is replaced: a key made since the backup stays.
    client(&gateway, "put_one.py", &["drilled", "since"]);
    gateway.process_mut().interrupt(END_LIMIT);
    let older = json(&keys(&gateway, &["restore", "--from", &file, "--apply"]));
    assert_eq!(brought(&older), 0, "{older}");
    spoiled(&gateway, &file);
}

/// A backup with one byte changed restores nothing.
fn spoiled(gateway: &Gateway, file: &str) {
    let mut bytes = fs::read(file).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let spoiled = format!("{file}.spoiled");
    fs::write(&spoiled, bytes).expect("a file can be written");
    let refused = keys(gateway, &["restore", "--from", &spoiled, "--apply"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
}

/// The whole system bucket is gone, and with it what gateways remember: the deployment lives on.
#[test]
fn a_deployment_lives_on_with_a_backup_and_its_root_key() {
    let mut gateway = Gateway::serve(Upstream::SeaweedFs, &demo());
    gateway.reconfigure(|text| text + SCOPED);
    gateway.account().run_script("kms_scopes.py", &["write"]);
    let file = gateway
        .directory()
        .join("keys.backup")
        .display()
        .to_string();
    // Beside the running gateway.
    let made = keys(&gateway, &["backup", "--to", &file]);
    assert!(made.status.success(), "{made:?}");
    gateway.process_mut().kill();
    lose(&gateway, Upstream::SeaweedFs, "all");
    let restored = json(&keys(&gateway, &["restore", "--from", &file, "--apply"]));
    // The deployment's; the tenant's keyring; two scopes with a KEK each; a bucket.
    assert_eq!(brought(&restored), 7, "{restored}");
    gateway.restart();
    gateway.account().run_script("kms_scopes.py", &["read"]);
}

#[test]
fn the_mirror_has_every_change_and_gives_it_back_by_the_leave_of_two() {
    let principals = demo();
    let mut world = Administered::serve(Upstream::SeaweedFs, &principals);
    mirror(&mut world.gateway, World::get().seaweedfs().endpoint());
    let gateway = &world.gateway;
    gateway.account().run_script("kms_scopes.py", &["write"]);
    world.json("ada", &["keys", "rotate", "--tenant", "demo"]);
    world.json(
        "ada",
        &[
            "keys",
            "rotate",
            "--tenant",
            "demo",
            "--scope",
            "clinics/1/",
        ],
    );
    let agrees = world.json("ann", &["keys", "mirror"]);
    assert_eq!(agrees["agrees"], true, "{agrees}");
    // The deployment's; three keyrings, three KEKs of scopes, a bucket.
    assert_eq!(agrees["counts"]["same"], 8, "{agrees}");

    lose(gateway, Upstream::SeaweedFs, "keys");
    let told = world.run("ann", &["keys", "mirror", "--json"]);
    assert_eq!(told.status.code(), Some(3), "{told:?}");
    let told = json(&told);
    let named = told["documents"].as_array().expect("documents");
    let lost = |one: &&Value| one["fate"] == "only-in-mirror";
    assert_eq!(
        (&told["only_in_mirror"], named.iter().filter(lost).count()),
        (&6.into(), 6)
    );
    let restore = ["keys", "restore", "--from-mirror"];
    let looked = world.json("ada", &restore);
    assert_eq!(
        (brought(&looked), &looked["applied"]),
        (6, &Value::from(false))
    );
    assert!(world.refused("ovid", &restore).contains("AccessDenied"));
    let restored = world.by_leave(&["keys", "restore", "--from-mirror", "--apply"]);
    assert_eq!(brought(&restored), 6, "{restored}");
    assert_eq!(world.json("ann", &["keys", "mirror"])["agrees"], true);
    let replica = gateway.replica(&principals);
    for gateway in [gateway, &replica] {
        gateway.account().run_script("kms_scopes.py", &["read"]);
    }

    // Something that nobody of ours wrote is told, by the exit code too.
    let (made_up, prefix) = (
        "system/keyrings/demo/scopes/no.json",
        gateway.bucket_prefix(),
    );
    let put = store_account().run_script("try_put.py", &[&format!("{prefix}mirror"), made_up]);
    assert_eq!(put.trim(), "done");
    let told = world.run("ann", &["keys", "mirror", "--json"]);
    assert_eq!(told.status.code(), Some(3), "{told:?}");
    assert_eq!(json(&told)["documents"][0]["path"], made_up);
    let looked = world.run("ada", &[&restore[..], &["--json"]].concat());
    assert_eq!(looked.status.code(), Some(3), "{looked:?}");
    assert_eq!(json(&looked)["counts"]["unusable"], 1);

    // And when there is nothing left but the mirror.
    world.gateway.process_mut().kill();
    drop(replica);
    lose(&world.gateway, Upstream::SeaweedFs, "all");
    let restored = json(&keys(
        &world.gateway,
        &["restore", "--from-mirror", "--apply"],
    ));
    assert_eq!(
        brought(&restored),
        8,
        "with the deployment's own: {restored}"
    );
    world.gateway.restart();
    world
        .gateway
        .account()
        .run_script("kms_scopes.py", &["read"]);
}

#[test]
fn without_its_mirror_a_deployment_reads_and_makes_no_key() {
    let mut world = Administered::serve(Upstream::SeaweedFs, &demo());
    world.gateway.run_script("restart.py", &["before", "away"]);
    world
        .gateway
        .run_script("one_bucket.py", &["make", "short-lived"]);
    let proxy = HostileStore::before(World::get().seaweedfs().endpoint());
    // The connection is closed instead of an answer.
    let leave = || proxy.obey(Arc::new(|_, _| Message::default()));
    let read = |world: &Administered| {
        let told = world
            .gateway
            .run_script("read_one.py", &["away", "earlier"]);
        told.trim().to_owned()
    };
    let put = |world: &Administered| {
        let told = world.gateway.run_script("try_put.py", &["away", "new"]);
        told.trim().to_owned()
    };
    let of = |what| ["keys", what, "--tenant", "demo"];
    // It is away when it is first configured: it has no bucket yet.
    leave();
    mirror(&mut world.gateway, proxy.endpoint());
    assert_eq!(
        (read(&world), put(&world)),
        ("700000".to_owned(), "SlowDown".to_owned())
    );
    proxy.relent();
    assert_eq!(put(&world), "done");
    let agrees = world.json("ada", &["keys", "mirror", "--apply"]);
    // The deployment's; the tenant's keyring and its buckets.
    let same = &agrees["counts"]["same"];
    assert_eq!((&agrees["agrees"], same), (&true.into(), &4.into()));
    leave();
    assert_eq!(
        (read(&world), put(&world)),
        ("700000".to_owned(), "done".to_owned())
    );
    let why = world.refused("ada", &of("rotate"));
    assert!(why.contains("mirror"), "{why}");
    world.json("ada", &of("freeze"));
    assert_eq!(read(&world), "KMS.AccessDenied");
    world.json("ada", &of("thaw"));
    // One that starts meanwhile cannot know that the mirror has the keys.
    world.gateway.restart();
    assert_eq!(
        (read(&world), put(&world)),
        ("700000".to_owned(), "SlowDown".to_owned())
    );
    // The mirror keeps the document of one that is deleted meanwhile, and nobody misses it.
    world
        .gateway
        .run_script("one_bucket.py", &["delete", "short-lived"]);
    proxy.relent();
    assert_eq!(
        (read(&world), put(&world)),
        ("700000".to_owned(), "done".to_owned())
    );
    world.json("ada", &of("rotate"));
    assert_eq!(world.json("ann", &["keys", "mirror"])["agrees"], true);
    let back = world.json("ada", &["keys", "restore", "--from-mirror"]);
    assert_eq!((brought(&back), &back["counts"]["retired"]), (0, &1.into()));
}

/// Gives a gateway over SeaweedFS a mirror, and key scopes.
fn mirror(gateway: &mut Gateway, endpoint: &str) {
    let store = World::get().seaweedfs();
    let mirror = format!(
        "[keys.mirror]\nbucket = \"{}mirror\"\n[keys.mirror.s3]\nendpoint = \"{endpoint}\"\nregion = \"us-east-1\"\n\
         access_key_id = \"{}\"\nsecret_access_key = \"{}\"\n",
        gateway.bucket_prefix(),
        store.credentials().access_key_id(),
        store.credentials().secret_access_key()
    );
    gateway.reconfigure(|text| text.replace("[admin]\n", &format!("{mirror}[admin]\n")) + SCOPED);
}

/// `sealgate keys …` by the gateway's configuration.
fn keys(gateway: &Gateway, arguments: &[&str]) -> Output {
    Command::new(tools::gateway())
        .arg("keys")
        .args(arguments)
        .arg("--json")
        .arg("--config")
        .arg(gateway.config())
        .output()
        .expect("the gateway's binary runs")
}

fn json(output: &Output) -> Value {
    let parsed = serde_json::from_slice(&output.stdout);
    assert!(parsed.is_ok(), "{output:?}");
    parsed.unwrap_or_default()
}

fn brought(answer: &Value) -> u64 {
    let counts = ["missing", "older", "damaged", "forked"];
    let counts = counts.map(|name| answer["counts"][name].as_u64().expect("a count"));
    counts.iter().sum()
}

/// Takes documents out of the system bucket behind the gateway's back. In the embedded bucket, whose small bodies
/// lie in its index, they are spoiled instead.
fn lose(gateway: &Gateway, upstream: Upstream, what: &str) {
    if upstream == Upstream::SeaweedFs {
        let bucket = format!("{}system", gateway.bucket_prefix());
        let lost = store_account().run_script("lose_documents.py", &[&bucket, what]);
        assert!(
            lost.trim().parse::<u32>().is_ok_and(|count| count >= 5),
            "{lost}"
        );
        return;
    }
    let mut lost = 0;
    find(&gateway.directory().join("bucket"), &mut |path| {
        let mut bytes = fs::read(path).expect("it is ours");
        for (member, other) in [("\"entries\":", "\"entrieX\":"), ("\"kek\":", "\"keX\":")] {
            while let Some(at) = position(&bytes, member.as_bytes()) {
                bytes.splice(at..at + member.len(), other.bytes());
                lost += 1;
            }
        }
        fs::write(path, bytes).expect("it is ours");
    });
    assert!(lost >= 5, "{lost}");
}

/// Whoever holds SeaweedFS.
fn store_account() -> Account {
    let store = World::get().seaweedfs();
    let (id, secret) = (
        store.credentials().access_key_id(),
        store.credentials().secret_access_key(),
    );
    Account {
        endpoint: store.endpoint().to_owned(),
        credentials: Credentials::new(id, secret),
        authority: None,
    }
}

fn position(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

const END_LIMIT: Duration = Duration::from_mins(1);
const SCOPED: &str = "[[tenants.buckets]]\nname = \"scoped\"\nkey_scope = \"clinics/{scope}/\"\n";
