//! Verifying, opening and inspecting single objects that were downloaded from a store, whole and spoiled.

use std::fs;

use integration_tests::cipher_suite::CipherSuite;
use integration_tests::gateway::{Gateway, Principal};
use integration_tests::world::World;

use super::{Run, config_of, prefix_of, sealgate, store_arguments};
use crate::on_both_suites;

on_both_suites! {
    a_downloaded_object_verifies_and_opens
    a_spoiled_object_does_not_verify_and_does_not_open
}

/// Objects as they were downloaded from SeaweedFS, with the gateway that wrote them.
struct Taken {
    gateway: Gateway,
    directory: tempfile::TempDir,
}

impl Taken {
    fn new(suite: CipherSuite) -> Self {
        let ours = Principal::new("demo", "demo-admin", "tenant-admin");
        let store = World::get().seaweedfs().endpoint();
        let gateway = Gateway::serve_through_with(store, &[ours], suite.settings());
        let directory = World::get().scratch();
        let place = directory.path().display().to_string();
        let arguments = ["taken", place.as_str(), &prefix_of(&gateway)];
        let store = store_arguments();
        let store = store.iter().map(String::as_str);
        let arguments: Vec<&str> = arguments.into_iter().chain(store).collect();
        gateway.account().run_script("tools_take.py", &arguments);
        Self { gateway, directory }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.directory.path().join(name)).expect("it was taken")
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.directory.path().join(name), bytes).expect("a file can be written");
        self.path(name)
    }

    /// `object open` of a stored file, by copies of the documents and the root keys.
    fn open(&self, stored: &str, head: &str, key: &str, out: &str) -> Run {
        let (head, system, out) = (self.path(head), self.path("system-bucket"), self.path(out));
        let root_keys = self.gateway.directory().join("root-keys.json");
        let root_keys = root_keys.display().to_string();
        sealgate(&[
            "object",
            "open",
            stored,
            "--head",
            &head,
            "--system",
            &system,
            "--root-keys",
            &root_keys,
            "--tenant",
            "demo",
            "--bucket",
            "taken",
            "--key",
            key,
            "--out",
            &out,
            "--json",
        ])
    }
}

fn a_downloaded_object_verifies_and_opens(suite: CipherSuite) {
    let taken = Taken::new(suite);
    let keys = taken.path("audit-keys");
    sealgate(&[
        "keys",
        "export-audit",
        "--config",
        &config_of(&taken.gateway),
        "--out",
        &keys,
    ])
    .expect(0);
    for (name, key) in [
        ("empty", "empty"),
        ("one-frame", "one frame"),
        ("frames", "frames"),
        ("told", "räksmörgås/told"),
        ("parts", "parts"),
    ] {
        let (stored, head) = (format!("{name}.stored"), format!("{name}.json"));
        let verify = [
            "object",
            "verify",
            &taken.path(&stored),
            "--head",
            &taken.path(&head),
        ];
        let found = sealgate(&[verify.as_slice(), &["--json", "--audit-key", &keys]].concat());
        let found = found.expect(0).json();
        assert_eq!(found["audit_mac"], "verified", "{found}");
        assert_eq!(found["header"], "agrees", "{found}");
        let plain = taken.read(&format!("{name}.plain"));
        assert_eq!(found["plaintext"], plain.len(), "{found}");
        assert_eq!(found["suite"], suite.id(), "{found}");
        sealgate(&verify).expect(0);

        let opened = taken.open(&taken.path(&stored), &head, key, "opened");
        let opened = opened.expect(0).json();
        assert_eq!(taken.read("opened"), plain, "{name}");
        if name == "told" {
            assert_eq!(opened["headers"]["content-type"], "text/x-told");
            assert_eq!(opened["headers"]["x-amz-meta-author"], "Ada");
        }
        taken
            .open(&taken.path(&stored), &head, key, "opened")
            .expect(1);
        assert_eq!(
            taken.read("opened"),
            plain,
            "it is replaced only when asked to"
        );
        fs::remove_file(taken.path("opened")).expect("it is there");
    }
    // The same straight from the store, with the gateway's configuration.
    let config = config_of(&taken.gateway);
    let source = "s3://taken/räksmörgås/told";
    sealgate(&[
        "object",
        "verify",
        source,
        "--config",
        &config,
        "--audit-key",
        &keys,
    ])
    .expect(0);
    let out = taken.path("opened");
    sealgate(&["object", "open", source, "--config", &config, "--out", &out]).expect(0);
    assert_eq!(taken.read("opened"), taken.read("told.plain"));
}

fn a_spoiled_object_does_not_verify_and_does_not_open(suite: CipherSuite) {
    let taken = Taken::new(suite);
    let keys = taken.path("audit-keys");
    sealgate(&[
        "keys",
        "export-audit",
        "--config",
        &config_of(&taken.gateway),
        "--out",
        &keys,
    ])
    .expect(0);
    for (name, part) in [("frames", 0), ("parts", 5_245_168)] {
        let good = taken.read(&format!("{name}.stored"));
        let (length, head) = (good.len(), format!("{name}.json"));
        let parts = if name == "parts" { 3 } else { 1 };
        let (trailer, manifest) = (length - 368, length - 368 - 56 * parts);
        // Part header; nonce, text and tag of frames; padding; manifest; of the trailer all that is in clear.
        let flipped = [
            part,
            part + 5,
            part + 15,
            part + 20,
            part + 40,
            part + 48,
            part + 70,
            part + 65_611,
            manifest - 40,
            manifest - 1,
            manifest + 1,
            manifest + 20,
            manifest + 50,
            trailer,
            trailer + 5,
            trailer + 15,
            trailer + 19,
            trailer + 31,
            trailer + 33,
            trailer + 50,
            trailer + 90,
            trailer + 113,
            trailer + 153,
            length - 1,
        ];
        let mut spoiled: Vec<(String, Vec<u8>)> = Vec::new();
        for at in flipped {
            let mut body = good.clone();
            body[at] ^= 0x01;
            spoiled.push((format!("{name}: bit flipped at {at}"), body));
        }
        let mut swapped = good.clone();
        let (one, two) = (part + 48, part + 48 + 65_564);
        swapped.copy_within(one..one + 65_564, two);
        spoiled.push((format!("{name}: a frame twice"), swapped));
        spoiled.push((format!("{name}: cut"), good[..length - 1].to_vec()));
        spoiled.push((format!("{name}: longer"), [good.as_slice(), b"x"].concat()));
        spoiled.push((format!("{name}: no trailer"), good[..trailer].to_vec()));
        spoiled.push((format!("{name}: another's"), taken.read("told.stored")));
        for (what, body) in spoiled {
            let stored = taken.write("spoiled", &body);
            let found = sealgate(&[
                "object",
                "verify",
                &stored,
                "--head",
                &taken.path(&head),
                "--audit-key",
                &keys,
                "--json",
            ]);
            assert_eq!(found.code, Some(3), "{what}: {found:?}");
            assert_eq!(found.json()["whole"], false, "{what}");
            let opened = taken.open(&stored, &head, name, "opened");
            assert_eq!(opened.code, Some(3), "{what}: {opened:?}");
            assert!(nothing_opened(&taken), "{what}");
        }
    }
    // Of several damaged parts each is named.
    let mut body = taken.read("parts.stored");
    body[100] ^= 1;
    body[2 * 5_245_168 + 28 + 200] ^= 1;
    let found = sealgate(&["object", "verify", &taken.write("spoiled", &body), "--json"]);
    let told = found.expect(3).out;
    assert!(
        told.contains("part 1 ") && told.contains("part 3 ") && !told.contains("part 2 "),
        "{told}"
    );
    // Whole, but not what it is asked to be.
    let stored = taken.path("frames.stored");
    taken
        .open(&stored, "frames.json", "another key", "opened")
        .expect(3);
    assert!(nothing_opened(&taken));
    sealgate(&["object", "verify", &taken.path("frames.plain")]).expect(3);
    sealgate(&["object", "verify", &taken.path("no such file")]).expect(1);
}

/// Neither the plaintext nor anything unfinished is left.
fn nothing_opened(taken: &Taken) -> bool {
    let names = fs::read_dir(taken.directory.path()).expect("it can be read");
    let mut names = names.flatten().map(|entry| entry.file_name());
    !names.any(|name| name.to_string_lossy().contains("opened"))
}
