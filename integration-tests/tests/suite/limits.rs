//! What one tenant may take, and that it takes nothing from another.

use std::time::{Duration, Instant};

use integration_tests::administered::Administered;
use integration_tests::client::Credentials;
use integration_tests::gateway::{Gateway, Principal, Upstream};
use integration_tests::world::World;

/// A gateway with the tenant `lab`, which has no limits, and `clinic`, which has these; the second tenant's
/// credentials with it.
fn limited(limits: &str) -> (Gateway, Credentials) {
    let clinic = Principal::new("clinic", "clinic-admin", "tenant-admin");
    let lab = Principal::new("lab", "lab-admin", "tenant-admin");
    let mut gateway = Gateway::serve(Upstream::Embedded, &[clinic, lab.clone()]);
    let table = format!("id = \"clinic\"\nlimits = {{ {limits} }}\n");
    gateway.reconfigure(|text| text.replace("id = \"clinic\"\n", &table));
    (gateway, lab.credentials)
}

#[test]
fn limits_of_requests_are_one_tenants_own() {
    let (gateway, lab) = limited("requests_per_second = 2");
    let clinic = gateway.account();
    let free = clinic.with(lab);
    free.run_script("limits.py", &["free", "limits-lab"]);
    let scratch = World::get().scratch();
    clinic.run_aws(scratch.path(), &["s3", "mb", "s3://limits"]);
    clinic.run_script("limits.py", &["limited", "limits"]);
    free.run_script("limits.py", &["free", "limits-lab"]);
    let counted = gateway.sample("sealgate_limited_total{limit=\"requests_per_second\"}");
    assert!(counted.is_some_and(|count| count > 0), "{counted:?}");
}

#[test]
fn limits_of_size_hold_for_objects_however_they_are_uploaded() {
    let (gateway, _) = limited("largest_object_bytes = 6291456");
    gateway
        .account()
        .run_script("limits.py", &["size", "limits"]);
}

#[test]
fn limits_of_bytes_are_kept_on_average() {
    let (gateway, _) = limited("bytes_per_second = 1048576");
    gateway
        .account()
        .run_script("limits.py", &["bytes", "limits"]);
}

#[test]
fn limits_of_requests_at_once_count_answers_until_they_have_left() {
    let (gateway, _) = limited("requests_at_once = 1");
    gateway
        .account()
        .run_script("limits.py", &["at-once", "limits"]);
}

/// Counted once by whichever run has the turn, told by all: nothing is refused, and the trail has each crossing once.
#[test]
fn limits_of_stored_bytes_refuse_nothing_and_are_told() {
    for upstream in [Upstream::Embedded, Upstream::SeaweedFs] {
        let principals = [
            Principal::new("demo", "demo-admin", "tenant-admin"),
            Principal::new("lab", "lab-admin", "tenant-admin"),
        ];
        let mut served = Administered::serve(upstream, &principals);
        let limit = |served: &mut Administered, bytes: &str| {
            served.gateway.reconfigure(|text| {
                let text = text.replace("limits = { stored_bytes = 3000000 }\n", "");
                let table = format!("id = \"demo\"\nlimits = {{ stored_bytes = {bytes} }}\n");
                text.replace("id = \"demo\"\n", &table)
            });
        };
        let scratch = World::get().scratch();
        let account = served.gateway.account();
        std::fs::write(scratch.path().join("mebibyte"), vec![7; 1 << 20]).expect("it is written");
        account.run_aws(scratch.path(), &["s3", "mb", "s3://one"]);
        account.run_aws(scratch.path(), &["s3", "mb", "s3://two"]);
        let versions = ["s3api", "put-bucket-versioning", "--bucket", "two"];
        let versions = [
            &versions[..],
            &["--versioning-configuration", "Status=Enabled"],
        ]
        .concat();
        account.run_aws(scratch.path(), &versions);
        for key in ["s3://one/a", "s3://two/b", "s3://two/b"] {
            account.run_aws(scratch.path(), &["s3", "cp", "mebibyte", key]);
        }
        assert!(served.json("ada", &["tenant", "show", "demo"])["stored"].is_null());

        limit(&mut served, "3000000");
        let sample = |served: &Administered, name: &str| {
            served.gateway.sample(&format!("{name}{{tenant=\"demo\"}}"))
        };
        soon("it is counted", || {
            sample(&served, "sealgate_stored_bytes").is_some()
        });
        // Three times a mebibyte and what sealing adds: less than a hundredth.
        let bytes = sample(&served, "sealgate_stored_bytes");
        assert!(
            bytes > Some(3 << 20) && bytes < Some(3_200_000),
            "{bytes:?}"
        );
        assert_eq!(
            sample(&served, "sealgate_stored_limit_bytes"),
            Some(3_000_000)
        );
        let other = served
            .gateway
            .sample("sealgate_stored_bytes{tenant=\"lab\"}");
        assert_eq!(other, None);
        let stored = served.json("ada", &["tenant", "show", "demo"])["stored"].clone();
        assert_eq!(stored["objects"], 3, "{stored}");
        assert_eq!(stored["exceeds"], true, "{stored}");
        let shown = served.run("ada", &["tenant", "show", "demo"]);
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.contains("MORE THAN the limit of 3000000"), "{shown}");
        let crossings = |served: &Administered, op: &str| {
            let lines = served.gateway.journal().into_iter();
            lines.filter(|line| line["op"] == op).count()
        };
        soon("it is on the trail", || {
            crossings(&served, "limits:StoredBytesExceeded") == 1
        });
        served
            .gateway
            .account()
            .run_aws(scratch.path(), &["s3", "cp", "mebibyte", "s3://one/c"]);

        // Another run tells what was counted, and counts when it is time to.
        limit(&mut served, "4000000");
        soon("it is told", || {
            sample(&served, "sealgate_stored_bytes") == bytes
        });
        soon("it is kept again", || {
            crossings(&served, "limits:StoredBytesKept") == 1
        });
        assert_eq!(crossings(&served, "limits:StoredBytesExceeded"), 1);
        assert_eq!(
            served.json("ada", &["tenant", "show", "demo"])["stored"]["exceeds"],
            false
        );
    }
}

fn soon(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_mins(2), "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
