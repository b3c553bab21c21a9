//! What administrators declare of buckets, by the command line, and what clients then may and may not do there.

use std::time::{Duration, Instant};

use integration_tests::administered::Administered;
use integration_tests::gateway::{Principal, Upstream};
use integration_tests::tools;
use integration_tests::world::World;
use serde_json::Value;

use crate::on_both_upstreams;

on_both_upstreams! {
    declared_buckets_bind_whoever_uses_them => declared;
}

fn declared(upstream: Upstream) {
    let demo = [Principal::new("demo", "demo-admin", "tenant-admin")];
    let served = Administered::serve(upstream, &demo);
    let scratch = World::get().scratch();
    std::fs::write(scratch.path().join("film"), "film").expect("a file can be written");
    let aws = |arguments: &[&str]| {
        let mut command = served.gateway.account().program(&tools::tool("aws"));
        let ran = command.current_dir(scratch.path()).args(arguments).output();
        ran.expect("aws-cli runs").status.success()
    };
    let put = |place: &str| aws(&["s3", "cp", "film", place]);
    let owner = |arguments: &[&str]| {
        let ran = served.run("demo-owner", &[&["bucket"], arguments].concat());
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
        String::from_utf8(ran.stdout).expect("it prints text")
    };

    // What would change is shown, and not done.
    let create = ["create", "demo", "films", "--class", "attestation"];
    let shown = owner(&[&create[..], &["--dry-run"]].concat());
    assert!(shown.contains("class: null -> \"attestation\""), "{shown}");
    served.refused("demo-owner", &["bucket", "show", "demo", "films"]);
    // Before the bucket is there, so that no upload comes too early.
    let done = owner(&create);
    assert!(
        done.contains("class: null -> \"attestation\"") && done.contains("changed: version 1"),
        "{done}"
    );
    let again = served.refused("demo-owner", &[&["bucket"], &create[..]].concat());
    assert!(again.contains("bucket set"), "{again}");
    served.refused(
        "ann",
        &["bucket", "set", "demo", "films", "--class", "general"],
    );
    assert!(aws(&["s3", "mb", "s3://films"]) && put("s3://films/film"));
    let journal = served.gateway.journal();
    let yields = |line: &&Value| line["op"] == "s3:PutObject" && line["receipt"].is_string();
    assert_eq!(journal.iter().filter(yields).count(), 1);

    // Where objects may lie: the store of these tests is in us-east-1.
    owner(&["create", "demo", "abroad", "--residency", "eu-central-1"]);
    assert!(!aws(&["s3", "mb", "s3://abroad"]));
    assert!(aws(&["s3", "mb", "s3://held"]) && put("s3://held/film"));
    owner(&[
        "create",
        "demo",
        "held",
        "--residency",
        "eu-central-1",
        "--residency",
        "eu-west-1",
    ]);
    soon("what is declared is not followed", || {
        !put("s3://held/other")
    });
    assert!(aws(&["s3", "cp", "s3://held/film", "-"]));
    let listed = served.json("ann", &["bucket", "list", "demo"]);
    let names = listed["buckets"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| &one["name"]);
    assert!(names.eq(["abroad", "films", "held"]), "{listed}");
    // Closer needs nobody's leave, and farther does.
    owner(&["set", "demo", "held", "--residency", "eu-west-1"]);
    let farther = ["bucket", "set", "demo", "held", "--residency", "us-east-1"];
    let asked = served.json("demo-owner", &farther);
    let text = |name| asked[name].as_str().expect("it is text");
    assert!(!put("s3://held/other"));
    for who in ["ben", "cleo"] {
        served.json(
            who,
            &[
                "admin",
                "approval",
                "give",
                text("id"),
                text("parameters_hash"),
            ],
        );
    }
    served.json(
        "demo-owner",
        &[&farther[..], &["--approval", text("id")]].concat(),
    );
    soon("what is declared is not followed", || {
        put("s3://held/other")
    });

    // The same keys, split.
    owner(&["create", "demo", "split", "--key-scope", "clinics/{scope}/"]);
    assert!(aws(&["s3", "mb", "s3://split"]) && put("s3://split/clinics/17/film"));
    served.json(
        "ada",
        &["keys", "show", "--tenant", "demo", "--scope", "clinics/17/"],
    );
    served.refused(
        "ada",
        &["keys", "show", "--tenant", "demo", "--scope", "clinics/18/"],
    );
    let wrong = served.refused(
        "demo-owner",
        &["bucket", "create", "demo", "new", "--key-scope", "new/"],
    );
    assert!(wrong.contains("key_scope"), "{wrong}");
}

/// A class is what policies make of it; what a new version of them changes is shown line by line.
#[test]
fn declared_classes_are_what_policies_ask_for() {
    let demo = [Principal::new("demo", "demo-admin", "tenant-admin")];
    let served = Administered::serve(Upstream::Embedded, &demo);
    let scratch = World::get().scratch();
    let file = scratch.path().join("clinic.cedar");
    let frozen = "@id(\"frozen\")\nforbid (principal, action in Action::\"write\", resource)\n\
                  when { resource has class && resource.class == \"frozen\" };\n";
    std::fs::write(&file, frozen).expect("a file can be written");
    let path = file.display().to_string();
    let put = ["policy", "put", "--tenant", "demo", &path];
    let first = served.run("demo-owner", &put);
    assert!(first.status.success(), "{first:?}");
    let same = served.run("demo-owner", &put);
    assert!(
        String::from_utf8_lossy(&same.stdout).contains("nothing changes"),
        "{same:?}"
    );
    std::fs::write(&file, frozen.replace("\"frozen\" }", "\"cold\" }"))
        .expect("a file can be written");
    let trial = served.run("demo-owner", &[&put[..], &["--dry-run"]].concat());
    let told = String::from_utf8_lossy(&trial.stdout).into_owned();
    assert!(
        told.contains("\n-when { resource has class && resource.class == \"frozen\" };")
            && told.contains("\n+when { resource has class && resource.class == \"cold\" };"),
        "{told}"
    );
    let account = served.gateway.account();
    let write = |bucket: &str| {
        let mut command = account.program(&tools::tool("aws"));
        command.args(["s3", "cp", &path, &format!("s3://{bucket}/x")]);
        command.output().is_ok_and(|output| output.status.success())
    };
    account.run_aws(scratch.path(), &["s3", "mb", "s3://records"]);
    assert!(write("records"));
    served.json(
        "demo-owner",
        &["bucket", "create", "demo", "records", "--class", "frozen"],
    );
    soon("what is declared is not followed", || !write("records"));
}

/// A class that keeps what is in a bucket is not one person's to take away, where policies say it neither.
#[test]
fn declared_with_policies_a_class_that_keeps_stays_without_leave() {
    let demo = [Principal::new("demo", "demo-admin", "tenant-admin")];
    let served = Administered::serve(Upstream::Embedded, &demo);
    let scratch = World::get().scratch();
    let file = scratch.path().join("deals.cedar");
    std::fs::write(
        &file,
        "@id(\"nobody\")\nforbid (principal == Principal::\"nobody\", action, resource);\n",
    )
    .expect("a file can be written");
    let path = file.display().to_string();
    let put = ["policy", "put", "--tenant", "demo", &path];
    served.json(
        "demo-owner",
        &[&put[..], &["--class", "deals=contract"]].concat(),
    );
    let account = served.gateway.account();
    account.run_aws(scratch.path(), &["s3", "mb", "s3://deals"]);
    // Whether the last upload yielded a receipt.
    let yields = || {
        account.run_aws(scratch.path(), &["s3", "cp", &path, "s3://deals/deal"]);
        let journal = served.gateway.journal();
        let mut uploads = journal.iter().filter(|line| line["op"] == "s3:PutObject");
        uploads
            .next_back()
            .is_some_and(|line| line["receipt"].is_string())
    };
    soon("what is declared is not followed", yields);
    served.json("demo-owner", &put);
    let shown = served.json("demo-owner", &["policy", "get", "--tenant", "demo"]);
    assert_eq!(shown["policies"]["classes"]["deals"], "contract", "{shown}");
    assert!(yields());
    served.asked_by("demo-owner", &put);
    soon("what is declared is not followed", || !yields());
}

fn soon(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_mins(2), "{what}");
    }
}
