//! The evidence pack as an auditor meets it: made by the command line, checked by two verifiers that know the deployment's
//! public key and nothing else, whole and spoiled.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use integration_tests::administered::Administered;
use integration_tests::gateway::{Principal, Upstream};
use integration_tests::tools;
use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::search::{of, search, wait};
use crate::verifier::proofs;

/// The files of a pack, by name.
type Files = BTreeMap<String, Vec<u8>>;

#[test]
fn an_evidence_pack_is_what_the_deployment_signed() {
    let demo = Principal::new("demo", "demo-admin", "tenant-admin");
    let rival = Principal::new("rival", "rival-admin", "tenant-admin");
    let principals = [demo.clone(), rival.clone()];
    let served = Administered::serve(Upstream::SeaweedFs, &principals);
    let account = served.gateway.account();
    account.run_script("objects.py", &["evident"]);
    let theirs = account.with(rival.credentials.clone());
    theirs.run_script("objects.py", &["rivals"]);
    served.json("ada", &["keys", "rotate", "--tenant", "demo"]);
    let run = |arguments: &[&str]| {
        let output = Command::new(tools::gateway())
            .args(arguments)
            .arg("--config")
            .arg(served.gateway.config())
            .output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("it prints text")
    };
    let key = run(&["audit", "key"]);
    let key = key.trim();
    // Somebody with the keys opens lines meanwhile: their log lies in another place.
    run(&["audit", "read", "--tenant", "demo"]);
    wait("it is signed", || {
        let has = |about: &str, what: &str| {
            let found = of(&search(&served, &["--about", about]));
            found.iter().any(|line| line["op"] == what)
        };
        has("keys", "admin:RotateKey")
            && has("searches", "audit.search")
            && has("deletions", "s3:DeleteObject")
    });

    for who in ["ovid", "demo-owner"] {
        let out = served.gateway.directory().join(who);
        let refused = served.refused(who, &make(&out).each_ref().map(String::as_str));
        assert!(refused.contains("AccessDenied"), "{refused}");
        assert!(!out.exists(), "nothing is left of it");
    }
    let pack = served.gateway.directory().join("pack.zip");
    let made = served.json("ann", &make(&pack).each_ref().map(String::as_str));
    assert_eq!(made["tenant"], "demo");
    let again = served.refused("ann", &make(&pack).each_ref().map(String::as_str));
    assert!(again.contains("exists"), "{again}");
    agree(&pack, key, &[], 0);
    let bytes = fs::read(&pack).expect("it was written");
    shows_what_it_should(&served, &unpacked(&bytes));
    spoiled(&pack, &bytes, key);
    wait("it is on record who made it, and for when", || {
        of(&search(&served, &["--about", "searches"]))
            .iter()
            .any(|line| {
                let reason = line["sealed"]["reason"].as_str().unwrap_or_default();
                line["op"] == "admin:MakeEvidence"
                    && line["kind"] == "audit.search"
                    && line["sealed"]["actor.name"] == "ann"
                    && reason.contains("2020-01-01")
            })
    });
}

fn make(out: &Path) -> [String; 6] {
    let out = out.display().to_string();
    ["evidence", "demo", "--from", "2020-01-01", "--out", &out].map(str::to_owned)
}

/// All that is done to a pack is named, by both.
fn spoiled(pack: &Path, bytes: &[u8], key: &str) {
    let files = unpacked(bytes);
    let spoil = |name: &str, change: &dyn Fn(&mut Files)| {
        let mut files = files.clone();
        change(&mut files);
        let spoiled = pack.with_file_name(format!("{name}.zip"));
        fs::write(&spoiled, packed(&files)).expect("it can be written");
        spoiled
    };
    agree(&spoil("same", &|_| ()), key, &[], 0);
    let altered = spoil("altered", &|files| {
        let text = files.get_mut("users.json").expect("it is there");
        text[0] ^= 1;
    });
    agree(&altered, key, &[("file-altered", "users.json")], 3);
    let removed = spoil("removed", &|files| {
        files.remove("reports/denials.json");
    });
    agree(
        &removed,
        key,
        &[("file-missing", "reports/denials.json")],
        4,
    );
    let added = spoil("added", &|files| {
        files.insert("more.json".to_owned(), b"{}".to_vec());
    });
    agree(&added, key, &[("file-added", "more.json")], 3);
    let unsigned = spoil("unsigned", &|files| {
        files.remove("MANIFEST");
    });
    agree(&unsigned, key, &[("manifest", "MANIFEST")], 3);
    // The manifest fits to what somebody made of the file, and is not the deployment's any more.
    let resigned = spoil("resigned", &|files| {
        let text = String::from_utf8_lossy(&files["MANIFEST"]).replacen("2020", "2021", 1);
        files.insert("MANIFEST".to_owned(), text.into_bytes());
    });
    agree(&resigned, key, &[("manifest", "MANIFEST")], 3);
    // A byte of the file itself, in what is packed.
    let mut flipped = bytes.to_vec();
    let mut zip = ZipArchive::new(Cursor::new(bytes)).expect("it is a zip");
    let at = zip.by_name("keys.json").expect("it is there");
    let middle = at.data_start().expect("it lies somewhere") + at.compressed_size() / 2;
    drop(at);
    flipped[usize::try_from(middle).expect("it fits")] ^= 0x10;
    let file = pack.with_file_name("flipped.zip");
    fs::write(&file, flipped).expect("it can be written");
    agree(&file, key, &[("file-altered", "keys.json")], 3);
    // Somebody else's key: that of the published example of signed notes.
    let foreign = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    agree(pack, foreign, &[("manifest", "MANIFEST")], 3);
}

/// What is in it, and what is not.
fn shows_what_it_should(served: &Administered, files: &Files) {
    let json = |name: &str| -> Value {
        let bytes = files.get(name).expect(name);
        serde_json::from_slice(bytes).expect("it is JSON")
    };
    let kinds = |name: &str| -> Vec<String> {
        let logs = json(name)["logs"].as_array().cloned().expect("a list");
        let lines = logs
            .iter()
            .filter_map(|log| log["lines"].as_array().cloned());
        let lines = lines.flatten().filter_map(|line| {
            let line: Value = serde_json::from_str(line["line"].as_str()?).ok()?;
            Some(line["kind"].as_str()?.to_owned())
        });
        lines.collect()
    };
    for (name, kind) in [
        ("reports/keys.json", "key.rotate"),
        ("reports/trail.json", "replica.start"),
        ("reports/searches.json", "audit.search"),
        ("samples/reads.json", "complete"),
        ("samples/writes.json", "outcome"),
        ("extract.json", "intent"),
    ] {
        assert!(kinds(name).iter().any(|one| one == kind), "{name}: {kind}");
    }
    let summary = json("summary.json");
    assert_eq!(summary["complete"], true, "{summary}");
    assert_eq!(summary["extract"]["included"], true, "{summary}");
    assert!(
        summary["lines"]["tls_versions"]["0"].as_u64() > Some(10),
        "{summary}"
    );
    assert!(summary["lines"]["operations"]["s3:GetObject"].as_u64() > Some(5));
    let started = served.gateway.journal();
    let started = started.iter().find(|line| line["kind"] == "replica.start");
    let configuration = json("configuration.json");
    assert_eq!(
        Some(&configuration["sha256_of_all"]),
        started.map(|line| &line["detail"]["config"])
    );
    let endpoints = json("endpoints.json").to_string();
    assert!(endpoints.contains("\"what\":\"store\""), "{endpoints}");
    let review = json("access-review.json").to_string();
    assert!(review.contains("demo-admin"), "{review}");
    // What lines say that decided stands there by its id.
    let policies = String::from_utf8_lossy(&files["policies-in-effect.cedar"]);
    let journal = served.gateway.journal();
    let decided = journal.iter().filter(|line| line["op"] == "s3:GetObject");
    let decided: Vec<&str> = decided
        .filter_map(|line| line["policies"][0].as_str())
        .collect();
    assert!(!decided.is_empty(), "something was read");
    for id in decided {
        assert!(policies.contains(&format!("// {id}\n")), "{id}: {policies}");
    }
    let verifier = tools::gateway().with_file_name("sealgate-verify");
    let hashed = Command::new("sha256sum").arg(verifier).output();
    let hashed = String::from_utf8(hashed.expect("it runs").stdout).expect("text");
    let build = json("build.json").to_string();
    assert!(
        build.contains(hashed.split(' ').next().expect("a hash")),
        "{build}"
    );
    // Nothing sealed is opened, nothing secret is shown, and no other tenant.
    let secret = served
        .gateway
        .account()
        .credentials
        .secret_access_key()
        .to_owned();
    for (name, bytes) in files {
        let text = String::from_utf8_lossy(bytes);
        for word in ["rival", "described", secret.as_str()] {
            assert!(!text.contains(word), "{name} has {word}");
        }
    }
    assert!(!String::from_utf8_lossy(&files["extract.json"]).contains("demo-admin"));
}

/// Both verifiers name these findings and no others that matter, and end with this code.
fn agree(pack: &Path, key: &str, expected: &[(&str, &str)], code: i32) {
    let expected: Vec<(String, String)> = expected
        .iter()
        .map(|(code, what)| ((*code).to_owned(), (*what).to_owned()))
        .collect();
    let (ours, said) = verify(pack, key);
    let report: Value = serde_json::from_str(&said).expect("it prints JSON");
    let findings = report["findings"].as_array().cloned().expect("a list");
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let found = findings
        .iter()
        .map(|one| (text(one, "code"), text(one, "what")))
        .filter(|(code, _)| code != "running");
    assert_eq!(found.collect::<Vec<_>>(), expected, "{}", pack.display());
    assert_eq!(ours, Some(code), "{said}");
    let (theirs, said) = proofs(pack, key, None);
    let found: Vec<(String, String)> = serde_json::from_str(&said).expect("it prints JSON");
    let found: Vec<_> = found.into_iter().filter(|one| one.0 != "running").collect();
    assert_eq!((found, theirs), (expected, code), "{}", pack.display());
}

fn verify(pack: &Path, key: &str) -> (Option<i32>, String) {
    let verifier: PathBuf = tools::gateway().with_file_name("sealgate-verify");
    let output = Command::new(verifier)
        .arg("evidence")
        .arg(pack)
        .args(["--json", "--key", key])
        .output()
        .expect("the verifier runs");
    let said = String::from_utf8(output.stdout).expect("it prints text");
    (output.status.code(), said)
}

fn unpacked(bytes: &[u8]) -> Files {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).expect("it is a zip");
    let numbers = 0..zip.len();
    let files = numbers.map(|number| {
        let mut file = zip.by_index(number).expect("it is there");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("it can be read");
        (file.name().expect("a name").into_owned(), bytes)
    });
    files.collect()
}

fn packed(files: &Files) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = SimpleFileOptions::default();
        zip.start_file(name.as_str(), options).expect("it begins");
        zip.write_all(bytes).expect("it is written");
    }
    zip.finish().expect("it ends").into_inner()
}
