//! Over TLS: the payload forms that SDKs choose there, certificates that are exchanged, stores behind TLS.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use integration_tests::authority::Authority;
use integration_tests::gateway::{Gateway, Upstream};
use integration_tests::tools;
use integration_tests::world::World;

use crate::{on_both_upstreams, shared_by_tls};

on_both_upstreams! {
    handshakes => |upstream| run(upstream, "tls");
    objects => |upstream| run(upstream, "objects");
    multipart => |upstream| run(upstream, "multipart");
    presigned => |upstream| run(upstream, "presigned");
    copies => |upstream| run(upstream, "copies");
    held_back => |upstream| run(upstream, "held_back");
    uploads_without_content_length => |upstream| run(upstream, "unsized");
    certificates_are_exchanged_while_connections_go_on => exchanged;
}

fn run(upstream: Upstream, name: &str) {
    let bucket = format!("tls-{}", name.replace('_', "-"));
    let mut arguments = vec![bucket.as_str()];
    if upstream == Upstream::SeaweedFs {
        arguments.push("file-tree");
    }
    let script = format!("{name}.py");
    shared_by_tls(upstream)
        .account()
        .run_script(&script, &arguments);
}

fn exchanged(upstream: Upstream) {
    let gateway = Gateway::start_tls(upstream);
    let mut folder = None;
    integration_tests::gateway::find(gateway.directory(), &mut |path| {
        if path.ends_with("server-key.pem") {
            folder = path.parent().map(PathBuf::from);
        }
    });
    let folder = folder.expect("the key lies in the gateway's directory");
    let other = World::get().scratch();
    let authority = Authority::new(other.path());
    authority.issue(other.path());
    let process = gateway.process().id().to_string();
    let [folder, other] = [&folder, other.path()].map(|path| path.display().to_string());
    let arguments = [process.as_str(), folder.as_str(), other.as_str()];
    gateway.account().run_script("exchanged.py", &arguments);
}

#[test]
fn config_check_tells_what_is_wrong_with_a_certificate() {
    let scratch = World::get().scratch();
    let here = scratch.path();
    let authority = Authority::new(here);
    let pair = authority.issue(here);
    let other = World::get().scratch();
    let stranger = authority.issue(other.path());
    let check = |certificate: &Path, key: &Path| {
        let config = here.join("sealgate.toml");
        let text = format!(
            "[listen]\ns3 = \"127.0.0.1:0\"\n[listen.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n\
             [upstream.embedded]\npath = \"bucket\"\n[kms.dangerous_local_file]\npath = \"root-keys\"\n\
             [audit]\njournal = \"audit\"\n",
            certificate.display(),
            key.display()
        );
        fs::write(&config, text).expect("a file can be written");
        let output = Command::new(tools::gateway())
            .args(["config", "check"])
            .arg(&config)
            .output()
            .expect("the gateway starts");
        let told = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&told).into_owned()
    };
    let told = check(&pair.certificate, &pair.key);
    assert!(told.contains("no problems"), "{told}");
    let told = check(&pair.certificate, &stranger.key);
    assert!(
        told.contains("listen.tls.certificate: the certificate and the key do not go together"),
        "{told}"
    );
    let told = check(&pair.certificate, &here.join("nothing.pem"));
    assert!(
        told.contains("listen.tls.key: ") && told.contains("cannot be read"),
        "{told}"
    );
    let told = check(&pair.certificate, &pair.certificate);
    assert!(told.contains("listen.tls.key: "), "{told}");
}

#[test]
fn a_store_whose_certificate_is_not_trusted_is_not_spoken_to() {
    let scratch = World::get().scratch();
    let stranger = Authority::new(scratch.path());
    let store = World::get().seaweedfs();
    let config = scratch.path().join("sealgate.toml");
    let told = |ca_file: &str| {
        let text = format!(
            "[listen]\ns3 = \"127.0.0.1:0\"\n[upstream.s3]\nendpoint = \"{}\"\nregion = \"us-east-1\"\n\
             access_key_id = \"{}\"\nsecret_access_key = \"{}\"\n{ca_file}\
             [kms.dangerous_local_file]\npath = \"root-keys\"\n[audit]\njournal = \"audit\"\n",
            store.secure_endpoint(),
            store.credentials().access_key_id(),
            store.credentials().secret_access_key(),
        );
        fs::write(&config, text).expect("a file can be written");
        let output = Command::new("timeout")
            .arg(LIMIT.as_secs().to_string())
            .arg(tools::gateway())
            .args(["serve", "--config"])
            .arg(&config)
            .output()
            .expect("the gateway starts");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for ca_file in [
        String::new(),
        format!("ca_file = \"{}\"\n", stranger.file().display()),
    ] {
        let told = told(&ca_file);
        assert!(told.contains("invalid peer certificate"), "{ca_file}{told}");
    }
}

#[test]
fn dev_with_tls_is_served_the_same_by_its_configuration() {
    let mut gateway = Gateway::start_tls(Upstream::Embedded);
    let trusted = gateway.account().authority.clone();
    let before = trusted
        .as_ref()
        .map(|file| fs::read(file).expect("it is there"));
    gateway.restart();
    assert_eq!(gateway.account().authority, trusted);
    let after = trusted
        .as_ref()
        .map(|file| fs::read(file).expect("it is there"));
    assert!(
        before.is_some() && before == after,
        "clients trust it still"
    );
    gateway.account().run_script("objects.py", &["again"]);
}

const LIMIT: Duration = Duration::from_mins(1);
