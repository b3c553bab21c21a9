//! A key's life as administrators lead it, by the command line of the real binary, and as clients notice it or do
//! not.
#![expect(
    clippy::indexing_slicing,
    reason = "a member of JSON that is not there is null, and fails the assertion"
)]

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use integration_tests::administered::Administered;
use integration_tests::gateway::{Gateway, Principal, Upstream};
use integration_tests::tools;
use serde_json::Value;

use crate::on_both_upstreams;

on_both_upstreams! {
    a_tenants_keys_are_rotated_frozen_and_destroyed => lived;
}

fn demo() -> [Principal; 1] {
    [Principal::new("demo", "demo-admin", "tenant-admin")]
}

fn keys(keyring: &Value, state: &str) -> Vec<String> {
    let all = keyring["keys"].as_array().expect("a keyring has keys");
    all.iter()
        .filter(|key| key["purpose"] == "kek" && key["state"] == state)
        .map(|key| key["id"].as_str().expect("a key has an id").to_owned())
        .collect()
}

/// What a boto3 client gets for a GET of `key`: the body's length, or the error's code.
fn read(gateway: &Gateway, bucket: &str, key: &str) -> String {
    let text = gateway.account().run_script("read_one.py", &[bucket, key]);
    text.trim().to_owned()
}

fn lived(upstream: Upstream) {
    let world = Administered::serve(upstream, &demo());
    let gateway = &world.gateway;
    let bucket = format!("lived-{upstream:?}").to_lowercase();
    gateway
        .account()
        .run_script("restart.py", &["before", &bucket]);
    let of = ["--tenant", "demo"];
    let keys_do = |what: &str| world.json("ada", &[&["keys", what], &of[..]].concat());

    let first = keys(&keys_do("show"), "active");
    let rotated = keys_do("rotate");
    assert_eq!(keys(&rotated, "decrypt-only"), first);
    assert_eq!(read(gateway, &bucket, "earlier"), "700000");

    keys_do("freeze");
    assert_eq!(read(gateway, &bucket, "earlier"), "KMS.AccessDenied");
    keys_do("thaw");
    assert_eq!(read(gateway, &bucket, "earlier"), "700000");
    keys_do("evict");
    assert_eq!(read(gateway, &bucket, "earlier"), "700000");

    // One version waits for its destruction: what it sealed is refused, and given back when that is taken back.
    let destroy = [
        "keys", "destroy", "--tenant", "demo", "--days", "7", "--key", &first[0],
    ];
    let waits = world.by_leave(&destroy);
    assert_eq!(keys(&waits, "pending-destroy"), first);
    assert_ne!(read(gateway, &bucket, "earlier"), "700000");
    keys_do("cancel-destruction");
    assert_eq!(read(gateway, &bucket, "earlier"), "700000");
    assert!(world.refused("ovid", &destroy).contains("AccessDenied"));
    assert_eq!(
        keys_do("certificates")["certificates"],
        serde_json::json!([])
    );
}

/// Time passes for the gateway and its clients, and the schedule does what it is for.
#[test]
fn keys_are_rotated_and_destroyed_when_their_time_has_come() {
    let mut world = Administered::serve(Upstream::Embedded, &demo());
    world.gateway.reconfigure(|text| {
        text.replace("[admin]\n", "[keys]\ncryptoperiod_days = 9\n[admin]\n") + SCOPED
    });
    let days = |days: u64| Duration::from_hours(24 * days);
    world.gateway.run_script("restart.py", &["before", "aged"]);
    world.gateway.run_script("kms_scopes.py", &["write"]);
    let show = |world: &Administered, scope: &str| {
        world.json(
            "ada",
            &["keys", "show", "--tenant", "demo", "--scope", scope],
        )
    };
    let first = keys(&show(&world, "default"), "active");
    let scoped = keys(&show(&world, "clinics/1/"), "active");
    world.json("ada", &["keys", "rotate", "--tenant", "demo"]);
    world.by_leave(&[
        "keys", "destroy", "--tenant", "demo", "--days", "7", "--key", &first[0],
    ]);

    // Not a day too early.
    world.gateway.restart_ahead(days(6));
    assert_eq!(keys(&show(&world, "default"), "pending-destroy"), first);
    // The certificate tells what was counted while the keys waited; without that it waits for another look at the keys.
    until(|| {
        let told = world.json("ann", &["keys", "jobs", "list", "--tenant", "demo"]);
        told["jobs"][0]["state"] == "done"
    });
    world.gateway.restart_ahead(days(8));
    until(|| keys(&show(&world, "default"), "destroyed") == first);
    let told = world
        .gateway
        .run_script("read_one.py", &["aged", "earlier"]);
    assert_eq!(told.trim(), "KeyShredded");
    until(|| {
        let told = world.json("ann", &["keys", "certificates", "--tenant", "demo"]);
        let statement = told["certificates"][0]["statement"].as_str();
        statement.is_some_and(|statement| statement.contains(&first[0]))
    });

    world.gateway.restart_ahead(days(10));
    until(|| keys(&show(&world, "default"), "decrypt-only").len() == 1);
    // A scope that nobody writes to keeps its version; one that is written to gets another.
    assert_eq!(keys(&show(&world, "clinics/1/"), "active"), scoped);
    world
        .gateway
        .run_script("put_one.py", &["scoped", "clinics/1/later"]);
    until(|| keys(&show(&world, "clinics/1/"), "decrypt-only") == scoped);
    assert_eq!(keys(&show(&world, "clinics/2/"), "decrypt-only").len(), 0);
    world.gateway.run_script("kms_scopes.py", &["read_scopes"]);
    let scheduled = world.gateway.trail();
    let scheduled = scheduled.iter().filter(|line| {
        line["op"] == "admin:RotateKey" && line["sealed"]["actor.name"] == "sealgate"
    });
    assert_eq!(scheduled.count(), 2);
}

/// What happens on its own comes within moments; how many is not what is tested.
fn until(happened: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_mins(2);
    while !happened() {
        assert!(Instant::now() < patience, "it never happens");
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn scopes_are_shown_rotated_and_frozen_by_themselves() {
    let mut world = Administered::serve(Upstream::Embedded, &demo());
    world.gateway.reconfigure(|text| text + SCOPED);
    let gateway = &world.gateway;
    gateway.run_script("kms_scopes.py", &["write"]);
    let of = ["--tenant", "demo", "--scope", "clinics/1/"];
    let keys_do = |what: &str| world.json("ada", &[&["keys", what], &of[..]].concat());
    let first = keys(&keys_do("show"), "active");
    let rotated = keys_do("rotate");
    assert_eq!(keys(&rotated, "decrypt-only"), first);
    let home = world.json("ada", &["keys", "show", "--tenant", "demo"]);
    assert_eq!(
        keys(&home, "decrypt-only").len(),
        0,
        "the tenant's own stays"
    );
    keys_do("freeze");
    assert_eq!(read(gateway, "scoped", "clinics/1/a"), "KMS.AccessDenied");
    assert_eq!(read(gateway, "scoped", "clinics/2/a"), "1000");
    assert_eq!(read(gateway, "scoped", "other/1/a"), "1000");
    keys_do("thaw");
    keys_do("evict");
    assert_eq!(read(gateway, "scoped", "clinics/1/a"), "1000");
    // One clinic is erased, and no other.
    let destroy = [&["keys", "destroy", "--days", "7"], &of[..]].concat();
    world.by_leave(&destroy);
    assert_ne!(read(gateway, "scoped", "clinics/1/a"), "1000");
    assert_eq!(read(gateway, "scoped", "clinics/2/a"), "1000");
    // By policy reads go on until the end.
    world.gateway.reconfigure(|text| {
        let setting = "[keys]\nreads_pending_destruction = \"allowed\"\n[admin]\n";
        text.replace("[admin]\n", setting)
    });
    assert_eq!(read(&world.gateway, "scoped", "clinics/1/a"), "1000");
}

const SCOPED: &str = "[[tenants.buckets]]\nname = \"scoped\"\nkey_scope = \"clinics/{scope}/\"\n";

#[test]
fn rotation_and_rewrap_under_load_on_three_replicas_lose_nothing() {
    let principals = demo();
    let world = Administered::serve_prepared(Upstream::SeaweedFs, &principals, |directory| {
        two_root_keys(directory);
    });
    let others = [
        world.gateway.replica(&principals),
        world.gateway.replica(&principals),
    ];
    let replicas = [&world.gateway, &others[0], &others[1]];
    let (bucket, stop) = ("rotated", world.gateway.directory().join("stop"));
    world
        .gateway
        .account()
        .run_script("make_bucket.py", &[bucket]);
    let stop_text = stop.display().to_string();
    let written = thread::scope(|scope| {
        let clients: Vec<_> = replicas
            .iter()
            .enumerate()
            .map(|(number, replica)| {
                let (writer, stop) = (format!("writer-{number}"), stop_text.clone());
                scope.spawn(move || {
                    replica
                        .account()
                        .run_script("rotation.py", &[bucket, &writer, &stop])
                })
            })
            .collect();
        // The first write of any of them makes the keyring.
        world
            .gateway
            .account()
            .run_script("put_one.py", &[bucket, "first"]);
        for round in 0..10 {
            world.json("ada", &["keys", "rotate", "--tenant", "demo"]);
            let root_key = ["root-one", "root-two"][round % 2];
            let rewrap = [
                "keys",
                "rewrap",
                "--tenant",
                "demo",
                "--to-kms-key",
                root_key,
            ];
            let moved = world.json("ada", &rewrap);
            assert!(moved["moved"].as_u64() > Some(0), "{moved}");
        }
        std::fs::write(&stop, "").expect("a file can be written");
        clients
            .into_iter()
            .map(|client| client.join().expect("no client met an error"))
            .collect::<Vec<String>>()
    });
    let keyring = world.json("ada", &["keys", "show", "--tenant", "demo"]);
    assert_eq!(keys(&keyring, "decrypt-only").len(), 10);
    let active = keys(&keyring, "active");
    // Every replica follows, within the age of a document and the time a poll takes.
    for replica in replicas {
        let follows = || {
            let kek = replica
                .account()
                .run_script("put_one.py", &[bucket, "last"]);
            kek.trim().ends_with(&active[0])
        };
        assert!(
            (0..30).any(|_| follows()),
            "a replica seals under an old version"
        );
    }
    assert_eq!(written.len(), 3, "{written:?}");
}

/// `root-one` and `root-two`; the second wraps new keys.
fn two_root_keys(directory: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let file = directory.join("root-keys.json");
    // 32 bytes each: of 1s and of 2s.
    let text = "root-one 2026-01-01T00:00:00Z AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\
                root-two 2026-02-01T00:00:00Z AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n";
    std::fs::write(&file, text).expect("a file can be written");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&file, mode).expect("it is ours");
}

/// What a person sees, without `--json`.
#[test]
fn keys_are_shown_to_people() {
    let world = Administered::serve(Upstream::Embedded, &demo());
    world
        .gateway
        .account()
        .run_script("restart.py", &["before", "shown"]);
    let shown = world.run("ann", &["keys", "list"]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        text.starts_with("demo ") && text.contains("1 KEK versions"),
        "{text}"
    );
    let none = Command::new(tools::gateway())
        .args(["keys", "list"])
        .env_remove("SEALGATE_ADMIN_TOKEN")
        .env_remove("SEALGATE_ADMIN_TOKEN_FILE")
        .output()
        .expect("the gateway's binary runs");
    assert!(
        String::from_utf8_lossy(&none.stderr).contains("SEALGATE_ADMIN_TOKEN_FILE"),
        "{none:?}"
    );
}

#[test]
fn every_metric_that_an_alert_watches_is_told() {
    let file = crate::scan::root().join("docs/alerts.yml");
    let rules = std::fs::read_to_string(file).expect("the rules are there");
    // Metrics of sinks are told where there are sinks, of an archive where there is one, of what is stored where that has a
    // limit and was counted.
    let gateway = Gateway::serve_edited(&demo(), |config| {
        config
            + "\n[[audit.sinks]]\nname = \"told\"\nkind = \"lines\"\npath = \"told.jsonl\"\n"
            + "\n[limits]\nstored_bytes = 1000000\n"
            + "\n[audit.archive]\nbucket = \"told\"\nembedded.path = \"archive\"\n"
    });
    let limit = Instant::now() + Duration::from_mins(1);
    while gateway
        .sample("sealgate_stored_age_seconds{tenant=\"demo\"}")
        .is_none()
    {
        assert!(Instant::now() < limit, "nothing was counted");
        thread::sleep(Duration::from_millis(200));
    }
    let told = String::from_utf8(gateway.watched("/metrics").body).expect("metrics are text");
    let mut watched: Vec<&str> = rules
        .split(|at: char| !at.is_ascii_lowercase() && at != '_')
        .filter(|word| word.starts_with("sealgate_"))
        .collect();
    watched.sort_unstable();
    watched.dedup();
    assert!(watched.len() >= 5, "{watched:?}");
    for name in watched {
        let sample = |line: &str| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with([' ', '{']))
        };
        assert!(told.lines().any(sample), "{name} is not told");
    }
}
