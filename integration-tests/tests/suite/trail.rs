//! Every access is on the trail: who, whose, what, where, and how it ended.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use integration_tests::gateway::{Gateway, Principal, Upstream, find};
use serde_json::Value;

use crate::on_both_upstreams;

on_both_upstreams! {
    no_name_is_in_clear_on_the_trail => sealed;
    a_put_and_a_get_are_on_the_trail => recorded;
    a_refused_request_is_on_the_trail => refused;
    a_purpose_and_the_objects_key_are_on_the_trail => purposes;
    without_a_journal_nothing_is_served => unavailable;
    buckets_may_choose_to_go_on => going_on;
    what_went_on_is_on_record_when_it_stops => stopping;
    what_a_crash_interrupts_is_reconciled => reconciled;
}

fn recorded(upstream: Upstream) {
    let mut gateway = serve(upstream);
    gateway.account().run_script("objects.py", &["trail"]);
    let journal = gateway.trail();
    let first = journal.first().and_then(|line| line.get("kind"));
    assert_eq!(first, Some(&"replica.start".into()));
    for operation in ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"] {
        let told = about(&journal, operation, "described");
        for (field, value) in [
            ("/tenant", "clinic"),
            ("/sealed/actor.name", "clinic-admin"),
            ("/sealed/src.ip", "127.0.0.1"),
            ("/bucket", "trail"),
        ] {
            let all = told.iter().filter_map(|line| line.pointer(field));
            assert!(
                all.clone().count() > 0,
                "{operation} without {field}: {told:?}"
            );
            assert!(
                all.clone().all(|seen| seen == value),
                "{operation}: {told:?}"
            );
        }
        let ended_well = |line: &Value| line["status"].as_u64().is_some_and(|s| s / 100 == 2);
        assert!(told.iter().any(ended_well), "{operation}: {told:?}");
    }
    // A small read is one line, and says who that was.
    let reads = about(&journal, "s3:GetObject", "described");
    assert!(
        reads.iter().all(|line| line["kind"] == "complete"),
        "{reads:?}"
    );
    for line in &reads {
        assert_eq!(
            line["actor"]["roles"],
            serde_json::json!(["tenant-admin"]),
            "{line}"
        );
        assert!(
            line["actor"]["type"].is_string() && line["tls"]["ver"] == 0,
            "{line}"
        );
    }
    // Whoever opens what is sealed is on record, before anything is shown.
    let again = gateway.trail();
    let searches = again.iter().filter(|line| line["kind"] == "audit.search");
    assert_eq!(searches.count(), 2, "of this read and the one before");
    // The GET after the delete ended otherwise, and that is there too.
    let gets = about(&journal, "s3:GetObject", "described");
    assert!(gets.iter().any(|line| line["status"] == 404), "{gets:?}");
}

fn refused(upstream: Upstream) {
    let mut gateway = serve(upstream);
    let account = gateway.account().clone();
    account.run_script("restart.py", &["before", "trail"]);
    let uploader = Principal::new("clinic", "clinic-uploader", "uploader");
    account
        .with(uploader.credentials)
        .run_script("roles.py", &["trail", "earlier", "may-write"]);
    let gets = about(&gateway.trail(), "s3:GetObject", "earlier");
    assert!(
        gets.iter()
            .any(|line| name_in(line, "actor.name") == Some(uploader.name) && line["status"] == 403),
        "{gets:?}"
    );
    assert!(gets.iter().all(|line| line["status"] != 200), "{gets:?}");
}

/// The key is the one that the client was told of. What is no code of a purpose is refused, and not written down.
fn purposes(upstream: Upstream) {
    let mut gateway = serve(upstream);
    let account = gateway.account().clone();
    let told = account.run_script("purposes.py", &["stated"]);
    let key = told
        .trim()
        .rsplit('/')
        .next()
        .expect("a key's id")
        .to_owned();
    let journal = gateway.trail();
    for (operation, name) in [
        ("s3:PutObject", "chart"),
        ("s3:GetObject", "chart"),
        ("s3:CopyObject", "copy"),
        ("s3:CompleteMultipartUpload", "parts"),
    ] {
        let lines = about(&journal, operation, name);
        let ended: Vec<&Value> = lines.iter().filter(|line| line["status"] == 200).collect();
        assert!(!ended.is_empty(), "{operation}");
        for line in ended {
            assert_eq!(line["purpose"], "TREAT", "{line}");
            assert_eq!(line["key"]["kek"], *key, "{line}");
            assert_eq!(line["key"]["suite"], "aes-256-gcm-siv", "{line}");
        }
    }
    let clear: Vec<String> = gateway.journal().iter().map(Value::to_string).collect();
    assert!(clear.iter().all(|line| !line.contains("her chart")));
    let gets = about(&journal, "s3:GetObject", "chart");
    assert!(gets.iter().any(|line| line["status"] == 400), "{gets:?}");
}

/// Where nothing can be put on record, nothing is done and no byte is read; and it goes on by itself afterwards.
fn unavailable(upstream: Upstream) {
    let gateway = serve(upstream);
    gateway
        .account()
        .run_script("unrecorded.py", &["before", "unrecorded"]);
    assert_eq!(gateway.watched("/readyz").status(), 200);
    let journal = gateway.directory().join("audit");
    let aside = gateway.directory().join("aside");
    std::fs::rename(&journal, &aside).expect("it can be moved");
    std::fs::write(&journal, "a file in its place").expect("it can be written");
    gateway
        .account()
        .run_script("unrecorded.py", &["without", "unrecorded"]);
    assert_eq!(gateway.watched("/readyz").status(), 503);
    assert!(
        gateway
            .sample("sealgate_audit_unrecorded_events")
            .is_some_and(|count| count > 2)
    );
    std::fs::remove_file(&journal).expect("it can be removed");
    std::fs::rename(&aside, &journal).expect("it can be moved");
    gateway
        .account()
        .run_script("unrecorded.py", &["after", "unrecorded"]);
    assert_eq!(gateway.watched("/readyz").status(), 200);
}

/// Where a bucket asks for it, accesses go on without the journal, and are on record once it is back.
fn going_on(upstream: Upstream) {
    let mut gateway = went_on(upstream);
    let limit = Instant::now() + Duration::from_mins(1);
    while gateway.watched("/readyz").status() != 200 || !told(&gateway, "audit.config") {
        assert!(
            Instant::now() < limit,
            "what was remembered is not recorded"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    all_went_on(&mut gateway);
}

/// The same where it is told to stop as soon as the journal is back.
fn stopping(upstream: Upstream) {
    let mut gateway = went_on(upstream);
    gateway.process_mut().interrupt(Duration::from_secs(30));
    assert!(told(&gateway, "replica.stop"));
    gateway.restart();
    all_went_on(&mut gateway);
}

/// A gateway that went on without a journal, which is back now.
fn went_on(upstream: Upstream) -> Gateway {
    let mut gateway = serve(upstream);
    gateway.reconfigure(|text| {
        let bucket = |name: &str, durability: &str| {
            format!(
                "[[audit.buckets]]\ntenant = \"clinic\"\nbucket = \"{name}\"\nclass = \"general\"\n\
                 durability = \"{durability}\"\n"
            )
        };
        text + &bucket("reads-go-on", "strict-writes") + &bucket("all-goes-on", "availability")
    });
    gateway.account().run_script("going_on.py", &["before"]);
    let journal = gateway.directory().join("audit");
    let aside = gateway.directory().join("aside");
    std::fs::rename(&journal, &aside).expect("it can be moved");
    std::fs::write(&journal, "a file in its place").expect("it can be written");
    gateway.account().run_script("going_on.py", &["without"]);
    std::fs::remove_file(&journal).expect("it can be removed");
    std::fs::rename(&aside, &journal).expect("it can be moved");
    gateway
}

fn all_went_on(gateway: &mut Gateway) {
    let mut trail = gateway.trail();
    // What was refused meanwhile is reconciled, in lines that belong to no request.
    trail.retain(|line| line["req"].is_string());
    let late = about(&trail, "s3:PutObject", "late");
    let ended = |line: &Value| line["bucket"] == "all-goes-on" && line["status"] == 200;
    assert!(late.iter().any(ended), "{late:?}");
    assert!(
        late.iter().all(|line| line["status"] != 200 || ended(line)),
        "{late:?}"
    );
}

fn told(gateway: &Gateway, kind: &str) -> bool {
    gateway.journal().iter().any(|line| line["kind"] == kind)
}

/// kill -9 amid uploads, deletes and reads, at times that nobody chose: whatever was confirmed has its outcome, whatever
/// byte of plaintext came has its intent or its line, and of each thing that was begun the next run finds out how it ended.
fn reconciled(upstream: Upstream) {
    let mut gateway = serve(upstream);
    gateway
        .account()
        .run_script("restart.py", &["before", "reconciled"]);
    let told: String = (0..KILLS)
        .map(|round| killed(&mut gateway, round))
        .collect();
    let limit = Instant::now() + Duration::from_mins(1);
    while gateway.sample("sealgate_audit_open_intents") != Some(0) {
        assert!(Instant::now() < limit, "intents stay open");
        std::thread::sleep(Duration::from_millis(100));
    }
    let trail = gateway.trail();
    for (did, kinds, status) in [
        ("put", ["outcome", "outcome"], Some(200)),
        ("delete", ["outcome", "outcome"], Some(204)),
        ("read", ["intent", "complete"], None),
    ] {
        let recorded: BTreeSet<&str> = trail
            .iter()
            .filter(|line| kinds.iter().any(|kind| line["kind"] == *kind))
            .filter(|line| status.is_none_or(|status| line["status"] == status))
            .filter_map(|line| line["req"].as_str())
            .collect();
        let requests = told.lines().filter_map(|line| {
            let mut words = line.split(' ');
            words.next().filter(|word| *word == did)?;
            words.next()
        });
        let requests: BTreeSet<&str> = requests.collect();
        assert!(requests.len() > 5, "{did}: {told}");
        assert!(
            requests.is_subset(&recorded),
            "{did} without a record: {:?}",
            requests.difference(&recorded)
        );
    }
    let ids = |kinds: &[&str], field: &str| -> BTreeSet<String> {
        let of_kind = |line: &&Value| kinds.iter().any(|kind| line["kind"] == *kind);
        let lines = trail.iter().filter(of_kind);
        lines
            .filter_map(|line| line[field].as_str().map(str::to_owned))
            .collect()
    };
    let open: BTreeSet<String> = ids(&["intent"], "id")
        .difference(&ids(&["outcome", "reconcile"], "intent_ref"))
        .cloned()
        .collect();
    let told: Vec<&Value> = trail
        .iter()
        .filter(|line| line["id"].as_str().is_some_and(|id| open.contains(id)))
        .collect();
    assert!(told.is_empty(), "{told:?}");
}

/// Works with the gateway until it is killed, and gives what clients were told.
fn killed(gateway: &mut Gateway, round: u32) -> String {
    let before = gateway.journal().len();
    let account = gateway.account().clone();
    let number = round.to_string();
    let working =
        std::thread::spawn(move || account.run_script("interrupted.py", &["reconciled", &number]));
    let limit = Instant::now() + Duration::from_mins(1);
    while gateway.journal().len() < before + 150 {
        assert!(Instant::now() < limit, "nothing is done");
        std::thread::sleep(Duration::from_millis(20));
    }
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    std::thread::sleep(Duration::from_millis(u64::from(now.subsec_nanos() % 97)));
    gateway.restart();
    working.join().expect("it ran")
}

const KILLS: u32 = 3;

/// Who reads the journal without a key learns no object's name, no person's and no address.
fn sealed(upstream: Upstream) {
    let mut gateway = serve(upstream);
    gateway.account().run_script("objects.py", &["trail"]);
    let opened = gateway.trail();
    let names: BTreeSet<&str> = opened
        .iter()
        .filter_map(|line| line["sealed"].as_object())
        .flat_map(|sealed| sealed.values().filter_map(Value::as_str))
        .filter(|name| name.len() > 5)
        .collect();
    assert!(
        names.contains("described") && names.contains("clinic-admin"),
        "{names:?}"
    );
    let mut read = 0;
    find(&gateway.directory().join("audit"), &mut |path| {
        let bytes = std::fs::read(path).expect("it can be read");
        read += bytes.len();
        let text = String::from_utf8_lossy(&bytes);
        for name in &names {
            assert!(!text.contains(*name), "{name} in {}", path.display());
        }
    });
    assert!(read > 10_000, "{read}");
}

fn serve(upstream: Upstream) -> Gateway {
    let principals = [
        Principal::new("clinic", "clinic-admin", "tenant-admin"),
        Principal::new("clinic", "clinic-uploader", "uploader"),
    ];
    Gateway::serve(upstream, &principals)
}

/// All lines of the requests that did `operation` on `key`: a request's lines share `req`.
fn about(journal: &[Value], operation: &str, key: &str) -> Vec<Value> {
    let requests: Vec<&Value> = journal
        .iter()
        .filter(|line| line["op"] == operation && name_in(line, "obj.key") == Some(key))
        .map(|line| &line["req"])
        .collect();
    assert!(
        !requests.is_empty() && requests.iter().all(|request| request.is_string()),
        "no {operation} of {key} with a request id among {} lines",
        journal.len()
    );
    let told = journal
        .iter()
        .filter(|line| requests.contains(&&line["req"]));
    told.cloned().collect()
}

/// What was sealed in a line.
fn name_in<'a>(line: &'a Value, field: &str) -> Option<&'a str> {
    line.get("sealed")?.get(field)?.as_str()
}
