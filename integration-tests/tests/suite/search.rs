//! Auditors' questions, asked of a running gateway by the command line: who did what, and whether the answer is whole.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use integration_tests::administered::Administered;
use integration_tests::gateway::{Principal, Upstream};
use integration_tests::tools;
use serde_json::{Value, json};

use crate::verifier::proofs;

#[test]
fn the_questions_of_auditors_have_answers_with_proofs() {
    let rival = Principal::new("rival", "rival-admin", "tenant-admin");
    let uploader = Principal::new("demo", "demo-uploader", "uploader");
    let principals = [
        Principal::new("demo", "demo-admin", "tenant-admin"),
        uploader.clone(),
        rival.clone(),
    ];
    let served = Administered::serve(Upstream::Embedded, &principals);
    let account = served.gateway.account();
    account.run_script("objects.py", &["searched"]);
    account.run_script("restart.py", &["before", "denied"]);
    account
        .with(uploader.credentials)
        .run_script("roles.py", &["denied", "earlier", "may-write"]);
    account
        .with(rival.credentials)
        .run_script("objects.py", &["rivals"]);
    // Lines are found once they are signed.
    let object = ["--object", "searched/described"];
    wait("it is signed", || {
        let found = search(&served, &object);
        found["lines"]
            .as_array()
            .is_some_and(|lines| lines.iter().any(|line| line["op"] == "s3:DeleteObject"))
            && !of(&search(
                &served,
                &["--principal", "demo-uploader", "--about", "denials"],
            ))
            .is_empty()
    });

    // 1: who touched it, opened. 2: what somebody did.
    let touched = search(&served, &object);
    assert_eq!(touched["completeness"]["complete"], true, "{touched}");
    for line in of(&touched) {
        assert_eq!(line["sealed"]["obj.key"], "described", "{line}");
        assert_eq!(line["sealed"]["actor.name"], "demo-admin", "{line}");
    }
    let by_uploader = search(&served, &["--principal", "demo-uploader"]);
    let all_by = |answer: &Value, who: &str| {
        of(answer)
            .iter()
            .all(|line| line["sealed"]["actor.name"] == who)
    };
    assert!(
        !of(&by_uploader).is_empty() && all_by(&by_uploader, "demo-uploader"),
        "{by_uploader}"
    );
    // 3: from an address and a network. 6: with a credential.
    for from_here in [["--address", "127.0.0.1"], ["--network", "127.0.0.0/24"]] {
        assert!(of(&search(&served, &from_here)).len() > 30);
        assert!(of(&search(&served, &["--address", "192.0.2.1"])).is_empty());
    }
    // And with a program on a system.
    let by_boto3 = of(&search(&served, &["--device", "boto3/linux"]));
    assert!(by_boto3.len() > 30, "{} lines", by_boto3.len());
    assert!(of(&search(&served, &["--device", "firefox/windows"])).is_empty());
    let credential = search(&served, &["--credential", "TESTDEMOUPLOADER"]);
    assert!(all_by(&credential, "demo-uploader") && !of(&credential).is_empty());
    // 4: denials. 9: deletions.
    let denials = search(&served, &["--about", "denials"]);
    assert!(!of(&denials).is_empty() && of(&denials).iter().all(|line| line["decision"] == "deny"));
    let deletions = search(&served, &["--about", "deletions"]);
    assert!(
        of(&deletions)
            .iter()
            .any(|line| line["sealed"]["obj.key"] == "described")
    );
    // 5: first networks. 10: bulk reads.
    let firsts = search(&served, &["--first-seen"]);
    let firsts = firsts["first_seen"].as_array().expect("a list").len();
    assert!(firsts >= 2, "two principals came from here");
    // The line where somebody is new says so, wherever it is shown, and the next does not.
    let novel = |line: &Value| line["novel"] == json!(["network", "device"]);
    let uploads = of(&search(&served, &["--principal", "demo-uploader"]));
    assert!(novel(&uploads[0]), "{}", uploads[0]);
    assert!(uploads[1..].iter().all(|line| line.get("novel").is_none()));
    let bulk = search(&served, &["--bulk", "5"]);
    assert_eq!(bulk["bulk"][0]["principal"], "demo-admin", "{bulk}");
    // By all that objects.py reads, small objects too, which are answered from memory.
    let bulk = search(&served, &["--bulk-bytes", "1196612"]);
    assert_eq!(bulk["bulk"][0]["principal"], "demo-admin", "{bulk}");
    assert!(
        bulk["bulk"][0]["bytes"].as_u64() >= Some(1_196_612),
        "{bulk}"
    );
    let none = search(&served, &["--bulk", "1000000"]);
    assert_eq!(none["bulk"], Value::Array(Vec::new()));
    // In no time that is over there was anything.
    assert!(of(&search(&served, &["--to", "2020-01-01"])).is_empty());

    // Others' auditors see nothing of it, and others' roles nothing at all.
    let rivals = served.json(
        "ann",
        &["audit", "search", "rival", "--object", "searched/described"],
    );
    assert!(of(&rivals).is_empty());
    for who in ["ovid", "demo-owner"] {
        let refused = served.refused(who, &["audit", "search", "demo"]);
        assert!(refused.contains("AccessDenied"), "{refused}");
    }
    proved(&served);
    recorded(&served);
}

/// 8: keys and policies. 7: what was done in an emergency.
#[test]
fn acts_on_keys_and_in_emergencies_are_found() {
    let served = Administered::serve(
        Upstream::Embedded,
        &[Principal::new("demo", "demo-admin", "tenant-admin")],
    );
    served
        .gateway
        .account()
        .run_script("restart.py", &["before", "calm"]);
    served.json("ada", &["keys", "rotate", "--tenant", "demo"]);
    let reason = "the ward has no other way to the record";
    let declare = [
        "emergency",
        "declare",
        "demo",
        "demo-admin",
        "--reason",
        reason,
    ];
    served.json("ada", &declare);
    // Within five seconds it holds; what is read then is read in an emergency.
    wait("what was read then is signed", || {
        served
            .gateway
            .account()
            .run_script("read_one.py", &["calm", "earlier"]);
        let urgent = search(&served, &["--about", "emergencies"]);
        of(&urgent)
            .iter()
            .any(|line| line["bucket"] == "calm" && line["op"] == "s3:GetObject")
    });
    let urgent = of(&search(&served, &["--about", "emergencies"]));
    assert!(
        urgent.iter().all(|line| line["op"] != "s3:PutObject"),
        "it was written before: {urgent:?}"
    );
    assert!(
        urgent
            .iter()
            .any(|line| line["op"] == "admin:DeclareEmergency")
    );
    let keys = search(&served, &["--about", "keys"]);
    assert!(of(&keys).iter().all(|line| line["op"] == "admin:RotateKey") && !of(&keys).is_empty());
    let csv = served.run(
        "ann",
        &["audit", "search", "demo", "--about", "keys", "--csv"],
    );
    let csv = String::from_utf8(csv.stdout).expect("it prints text");
    assert!(
        csv.starts_with("time,kind,operation,") && csv.contains(",admin:RotateKey,"),
        "{csv}"
    );
}

/// What a search writes with proofs, the verifier takes; and not once a byte of it is another.
fn proved(served: &Administered) {
    let file = served.gateway.directory().join("proved.json");
    let path = file.display().to_string();
    let arguments = ["--about", "denials", "--with-proof", &path];
    let found = of(&search(served, &arguments)).len();
    // The keys are in the embedded bucket, which is the gateway's while it runs; the trail names its deployment's key.
    let key = served.gateway.directory().join("key");
    let printed = deployment_key(served);
    std::fs::write(&key, printed).expect("a file can be written");
    let verify = |file: &Path| {
        Command::new(tools::gateway().with_file_name("sealgate-verify"))
            .arg("lines")
            .arg(file)
            .arg("--key")
            .arg(&key)
            .output()
            .expect("the verifier runs")
    };
    let output = verify(&file);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert!(
        said.contains(&format!("{found} lines, {found} of them signed")),
        "{said}"
    );
    let by_another = |file: &Path| {
        let key = std::fs::read_to_string(&key).expect("it was written");
        proofs(file, key.trim(), None).0
    };
    assert_eq!(by_another(&file), 0);
    let text = std::fs::read_to_string(&file).expect("it can be read");
    std::fs::write(&file, text.replacen("deny", "dENY", 1)).expect("it can be written");
    assert_eq!(verify(&file).status.code(), Some(3));
    assert_eq!(by_another(&file), 3);
}

/// Each search is on record: who searched, and, sealed, for what.
fn recorded(served: &Administered) {
    wait("searches are found", || {
        let searches = search(served, &["--about", "searches", "--limit", "10000"]);
        of(&searches).iter().any(|line| {
            let asked = line["sealed"]["reason"].as_str().unwrap_or_default();
            line["kind"] == "audit.search"
                && line["sealed"]["actor.name"] == "ann"
                && asked.contains("demo-uploader")
        })
    });
    let journal = served.gateway.journal();
    let clear: Vec<String> = journal.iter().map(ToString::to_string).collect();
    assert!(
        clear.iter().all(|line| !line.contains("demo-uploader")),
        "names are sealed"
    );
}

/// A copy of what the keys lie in, for a second process.
fn deployment_key(served: &Administered) -> String {
    let directory = served.gateway.directory();
    let copy = integration_tests::world::World::get().scratch();
    for name in ["bucket", "root-keys.json", "sealgate.toml"] {
        let copied = Command::new("cp")
            .arg("-r")
            .arg(directory.join(name))
            .arg(copy.path())
            .status();
        assert!(copied.is_ok_and(|status| status.success()), "{name}");
    }
    let config = copy.path().join("sealgate.toml");
    let printed = Command::new(tools::gateway())
        .args(["audit", "key", "--config"])
        .arg(config)
        .output()
        .expect("it runs");
    assert!(printed.status.success(), "{printed:?}");
    String::from_utf8(printed.stdout).expect("a key is text")
}

pub(crate) fn search(served: &Administered, arguments: &[&str]) -> Value {
    let arguments = [&["audit", "search", "demo"], arguments].concat();
    served.json("ann", &arguments)
}

pub(crate) fn of(answer: &Value) -> Vec<Value> {
    answer["lines"].as_array().cloned().unwrap_or_default()
}

pub(crate) fn wait(what: &str, done: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_mins(1);
    while !done() {
        assert!(Instant::now() < limit, "not after a minute: {what}");
        std::thread::sleep(Duration::from_millis(500));
    }
}
