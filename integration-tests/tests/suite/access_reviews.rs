//! Access reviews say who may do what, as the policies decide it, and their hash is of that; what roles include is part of
//! it.

use std::time::{Duration, Instant};

use integration_tests::administered::Administered;
use integration_tests::client::Credentials;
use integration_tests::gateway::{Principal, Upstream};
use integration_tests::tools;
use integration_tests::world::World;
use serde_json::{Value, json};

fn review(served: &Administered) -> Value {
    served.json("demo-owner", &["access-review", "show", "demo"])
}

/// What the review says that somebody of a list may do with the bucket `held`: when, and which actions.
fn may<'v>(review: &'v Value, list: &str, name: &str, bucket: &str) -> Vec<(&'v Value, &'v Value)> {
    let listed = review["review"][list].as_array().expect("there is a list");
    let one = listed.iter().find(|one| one["name"] == name);
    let access = one.expect("it is listed")["access"].as_array();
    let access = access.expect("the review is complete").iter();
    let here = access.filter(|entry| {
        let on = entry["on"].as_array();
        on.is_some_and(|on| on.contains(&json!(bucket)))
    });
    here.map(|entry| (&entry["when"], &entry["actions"]))
        .collect()
}

#[test]
fn a_review_tells_what_each_may_do_and_is_of_that() {
    let served = Administered::serve(
        Upstream::Embedded,
        &[Principal::new("demo", "demo-admin", "tenant-admin")],
    );
    let scratch = World::get().scratch();
    let account = served.gateway.account();
    account.run_aws(scratch.path(), &["s3", "mb", "s3://held"]);
    for (name, role) in [("mill", "reader"), ("ward", "clinician")] {
        served.json(
            "demo-owner",
            &[
                "user", "set", "demo", name, "--kind", "service", "--role", role,
            ],
        );
    }
    let first = review(&served);
    assert_eq!(
        may(&first, "users", "mill", "held"),
        [(&json!("always"), &json!(["list", "read"]))]
    );
    assert_eq!(may(&first, "users", "ward", "held"), []);
    let admin = may(&first, "users", "demo-admin", "any other bucket");
    assert!(
        admin.iter().any(|(when, actions)| **when == "always"
            && actions
                .as_array()
                .is_some_and(|all| all.contains(&json!("manage-bucket")))),
        "{admin:?}"
    );
    assert_eq!(first["review"]["complete"], true);
    // Nobody has used these; whoever made the bucket has.
    let users = first["review"]["users"].as_array().expect("a list");
    let unused: Vec<&Value> = users
        .iter()
        .filter(|one| one["unused"] == true)
        .map(|one| &one["name"])
        .collect();
    assert_eq!(unused, ["mill", "ward"]);
    // To look again changes nothing.
    assert_eq!(review(&served)["sha256"], first["sha256"]);

    // The policy of a bucket is part of it.
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::demo:user/ward" }, "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::held/*",
        "Condition": { "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } },
    }] });
    let file = scratch.path().join("policy.json");
    std::fs::write(&file, policy.to_string()).expect("a file can be written");
    account.run_aws(
        scratch.path(),
        &[
            "s3api",
            "put-bucket-policy",
            "--bucket",
            "held",
            "--policy",
            "file://policy.json",
        ],
    );
    let second = review(&served);
    assert_eq!(
        may(&second, "users", "ward", "held"),
        [(&json!("if"), &json!(["s3:GetObject"]))]
    );
    assert_eq!(may(&second, "users", "ward", "any other bucket"), []);
    let (before, now) = (&first["sha256"], &second["sha256"]);
    assert_ne!(before, now);
    let before = before.as_str().expect("it has a hash");
    let refusal = served.refused("demo-owner", &["access-review", "sign", "demo", before]);
    assert!(refusal.contains("something has changed"), "{refusal}");

    let csv = served.run("demo-owner", &["access-review", "show", "demo", "--csv"]);
    let csv = String::from_utf8_lossy(&csv.stdout).into_owned();
    let mut lines = csv.lines();
    let names = lines.next().expect("there is a first line");
    assert!(names.starts_with("list,name,") && names.ends_with(",on,when,actions,policies,unless"));
    let columns = names.split(',').count();
    let ward = lines.find(|line| line.starts_with("users,ward,"));
    let ward: Vec<&str> = ward.expect("a line for it").split(',').collect();
    assert_eq!(ward.len(), columns);
    assert_eq!(
        ward[columns - 5..columns - 2],
        ["held", "if", "s3:GetObject"]
    );
}

/// A role that a tenant makes up means something by what it includes, for clients and for reviews, until it does not.
#[test]
fn a_role_includes_others_and_bounds_its_sessions() {
    let served = Administered::serve(
        Upstream::Embedded,
        &[Principal::new("demo", "demo-admin", "tenant-admin")],
    );
    let scratch = World::get().scratch();
    let account = served.gateway.account();
    account.run_aws(scratch.path(), &["s3", "mb", "s3://held"]);
    served.json(
        "demo-owner",
        &[
            "user", "set", "demo", "mill", "--kind", "service", "--role", "ward",
        ],
    );
    let made = served.json("demo-owner", &["credential", "create", "demo", "mill"]);
    let text = |name: &str| made[name].as_str().expect("it is text").to_owned();
    let mill = account.with(Credentials::new(
        &text("access_key_id"),
        &text("secret_access_key"),
    ));
    let aws = |arguments: &[&str]| {
        let mut command = mill.program(&tools::tool("aws"));
        command.args(arguments).output().expect("the client runs")
    };
    let lists = || aws(&["s3", "ls", "s3://held"]).status.success();
    assert!(!lists());
    let refusal = served.refused(
        "ann",
        &["role", "set", "demo", "ward", "--includes", "reader"],
    );
    assert!(refusal.contains("not for the role auditor"), "{refusal}");
    let set = [
        "role",
        "set",
        "demo",
        "ward",
        "--description",
        "looks after records",
        "--includes",
        "reader",
        "--idle-minutes",
        "5",
        "--session-minutes",
        "20",
    ];
    served.json("demo-owner", &set);
    soon("the role includes nothing", lists);
    assert!(!aws(&["s3", "mb", "s3://other"]).status.success());
    let looked = review(&served);
    assert_eq!(
        may(&looked, "users", "mill", "held"),
        [(&json!("always"), &json!(["list", "read"]))]
    );
    assert_eq!(looked["review"]["roles"][0]["value"]["idle_minutes"], 5);

    let assume = [
        "sts",
        "assume-role",
        "--role-arn",
        "arn:aws:iam::demo:role/ward",
        "--role-session-name",
        "rounds",
    ];
    let long = aws(&[&assume[..], &["--duration-seconds", "3600"]].concat());
    let long = String::from_utf8_lossy(&long.stderr).into_owned();
    assert!(long.contains("from 900 to 1200"), "{long}");
    assert!(aws(&assume).status.success());

    served.json("demo-owner", &["role", "delete", "demo", "ward"]);
    soon("what was taken away is permitted", || !lists());
    assert_eq!(may(&review(&served), "users", "mill", "held"), []);
}

fn soon(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_mins(2), "{what}");
    }
}
