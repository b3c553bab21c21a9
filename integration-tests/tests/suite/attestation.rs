//! The story of a video attestation, from the upload to the proof that needs no key and no gateway.

use std::fs;
use std::path::Path;
use std::process::Command;

use integration_tests::gateway::{Gateway, Principal, Upstream};
use integration_tests::tools;
use integration_tests::world::World;

use crate::on_both_upstreams;
use crate::verifier::proofs;

on_both_upstreams! {
    an_upload_is_proved_offline => proved;
}

fn proved(upstream: Upstream) {
    let mut gateway = Gateway::serve(
        upstream,
        &[Principal::new("clinic", "clinic-admin", "tenant-admin")],
    );
    gateway.reconfigure(|text| {
        text + "[[audit.buckets]]\ntenant = \"clinic\"\nbucket = \"attested\"\nclass = \"attestation\"\n"
    });
    let scratch = World::get().scratch();
    let directory = scratch.path().display().to_string();
    let take = |gateway: &Gateway, step: &str| {
        let arguments = [step, "attested", &directory];
        gateway.account().run_script("attestation.py", &arguments);
    };
    take(&gateway, "upload");
    // Another run, another log, other keys in memory: the receipt is the same.
    gateway.restart();
    take(&gateway, "again");
    gateway.process_mut().kill();
    let receipt = read(scratch.path(), "receipt-upload.json");
    assert_eq!(receipt, read(scratch.path(), "receipt-again.json"));

    let config = gateway.config().display().to_string();
    let (code, key) = run(&tools::gateway(), &["audit", "key", "--config", &config]);
    assert_eq!(code, 0, "{key}");
    let object = "s3://attested/interviews/ann.webm";
    let (code, printed) = run(
        &tools::gateway(),
        &["attestation", object, "--config", &config],
    );
    assert_eq!((code, printed.trim_end()), (0, receipt.trim_end()));

    let verify = |receipt: &str, file: &str| {
        let at = |name: &str| scratch.path().join(name).display().to_string();
        let (receipt, file) = (at(receipt), at(file));
        let (theirs, found) = proofs(Path::new(&receipt), key.trim(), Some(Path::new(&file)));
        let arguments = ["receipt", &receipt, "--key", key.trim(), "--file", &file];
        let (code, told) = run(
            &tools::gateway().with_file_name("sealgate-verify"),
            &arguments,
        );
        assert_eq!(code, theirs, "{told} {found}");
        (code, told)
    };
    let (code, told) = verify("receipt-upload.json", "video");
    assert_eq!(code, 0, "{told}");
    for part in [
        "interviews/ann.webm",
        "by clinic-admin",
        "this file is what was uploaded",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(verify("asked.json", "asked").0, 0);
    assert_eq!(verify("receipt-upload.json", "asked").0, 3);
    let mut video = fs::read(scratch.path().join("video")).expect("it was written");
    *video.get_mut(7_000_000).expect("it is longer") ^= 1;
    fs::write(scratch.path().join("video"), video).expect("it can be written");
    assert_eq!(
        verify("receipt-upload.json", "video").0,
        3,
        "one bit of the file"
    );
    let forged = receipt.replace("clinic-admin", "somebody-else");
    assert_ne!(forged, receipt);
    fs::write(scratch.path().join("forged.json"), forged).expect("it can be written");
    assert_eq!(verify("forged.json", "video").0, 3);

    // What it says is not in the store in clear.
    let digest = receipt
        .split("digest")
        .nth(1)
        .and_then(|rest| rest.get(6..70));
    let digest = digest.expect("a receipt tells the digest");
    for stored in gateway.stored() {
        integration_tests::gateway::find(&stored, &mut |path| {
            let bytes = fs::read(path).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(digest), "{}", path.display());
        });
    }
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).expect("the script wrote it")
}

fn run(program: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("it starts");
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8(told).expect("it prints text");
    (output.status.code().expect("it ends"), told)
}
