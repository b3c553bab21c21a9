//! Administrators who sign in with an identity provider, and who connect with certificates.

use std::process::{Command, Output};

use integration_tests::authority::{Authority, Pair};
use integration_tests::gateway::{Gateway, Principal, Upstream};
use integration_tests::identity_provider::IdentityProvider;
use integration_tests::tools;
use integration_tests::world::World;

/// Tokens of a real provider at the admin API, fresh second factors for decisions of several people, and nobody who
/// is administrator and user.
#[test]
fn administrators_sign_in_with_an_identity_provider() {
    let provider = IdentityProvider::start();
    let admin = Principal::new("clinic", "clinic-admin", "tenant-admin");
    let issuer = provider.issuer();
    let mut gateway = Gateway::serve_more(Upstream::Embedded, &[admin], |directory| {
        let mut section = "[admin]\nlisten = \"127.0.0.1:0\"\n".to_owned();
        let token = directory.join("hanna.token");
        let mut declare = Command::new(tools::gateway());
        declare
            .args(["admin", "credential", "create", "hanna", "--declare"])
            .args(["--role", "security-officer", "--out"])
            .arg(&token);
        let made = declare.output().expect("the gateway's binary runs");
        assert!(made.status.success(), "{made:?}");
        section += &String::from_utf8(made.stdout).expect("it prints text");
        let provider = format!(
            "[[admin.identity_providers]]\nname = \"staff\"\nissuer = \"{issuer}\"\n\
             audiences = [\"another\"]\nkind = \"human\"\n\
             [[admin.identity_providers.roles]]\nrole = \"security-officer\"\nclaim = \"groups\"\nvalues = [\"security\"]\n\
             [[admin.identity_providers.roles]]\nrole = \"tenant-owner\"\ntenant = \"clinic\"\n\
             claim = \"groups\"\nvalues = [\"clinic-owners\"]\n\
             [[admin.identity_providers.roles]]\nrole = \"tenant-owner\"\ntenant = \"ward\"\n\
             claim = \"groups\"\nvalues = [\"ward-owners\"]\n"
        );
        section + &provider
    });
    let users = format!(
        "[[tenants.identity_providers]]\nname = \"sso\"\nissuer = \"{issuer}\"\naudiences = [\"sealgate\"]\n\
         kind = \"human\"\n\
         [[tenants.identity_providers.roles]]\nrole = \"reader\"\nclaim = \"groups\"\nvalues = [\"readers\"]\n\
         [[tenants]]\nid = \"lab\"\n"
    );
    gateway.reconfigure(|text| text + &users);
    let hashed = gateway.directory().join("hanna.token");
    let arguments = [
        issuer,
        &gateway.admin_endpoint(),
        &hashed.display().to_string(),
    ];
    gateway
        .account()
        .run_script("administrators.py", &arguments);
    let journal = gateway.journal();
    let approved = journal.iter().filter(|line| line["op"] == "admin:Approve");
    assert!(approved.filter(|line| line["status"] == 401).count() >= 2);
    // Who it was is sealed.
    assert!(!journal.iter().any(|line| line.to_string().contains("olga")));
}

/// With authorities of clients set, nobody reaches the admin API without a certificate of theirs.
#[test]
fn administrators_connect_with_certificates() {
    let world = World::get();
    let folders = [world.scratch(), world.scratch()];
    let [mine, strangers] = folders.each_ref().map(tempfile::TempDir::path);
    let mine = world.authority().issue(mine);
    let strange = Authority::new(strangers).issue(strangers);
    let demo = Principal::new("demo", "demo-admin", "tenant-admin");
    let gateway = Gateway::serve_more(Upstream::Embedded, &[demo], |directory| {
        let server = world.authority().issue(directory);
        let mut declare = Command::new(tools::gateway());
        declare
            .args(["admin", "credential", "create", "ann", "--declare"])
            .args(["--role", "auditor", "--out"])
            .arg(directory.join("ann.token"));
        let made = declare.output().expect("the gateway's binary runs");
        format!(
            "[admin]\nlisten = \"127.0.0.1:0\"\n\
             [admin.tls]\ncertificate = \"{}\"\nkey = \"{}\"\nclient_authorities = \"{}\"\n{}",
            server.certificate.display(),
            server.key.display(),
            world.authority().file().display(),
            String::from_utf8(made.stdout).expect("it prints text"),
        )
    });
    let whoami = |shown: Option<&Pair>| -> Output {
        let mut command = Command::new(tools::gateway());
        command
            .args(["admin", "whoami", "--json"])
            .env("SEALGATE_ADMIN_URL", gateway.admin_endpoint())
            .env(
                "SEALGATE_ADMIN_TOKEN_FILE",
                gateway.directory().join("ann.token"),
            )
            .env("SEALGATE_ADMIN_CA_FILE", world.authority().file());
        if let Some(shown) = shown {
            command
                .env("SEALGATE_ADMIN_CERTIFICATE_FILE", &shown.certificate)
                .env("SEALGATE_ADMIN_KEY_FILE", &shown.key);
        }
        command.output().expect("the gateway's binary runs")
    };
    let known = whoami(Some(&mine));
    assert!(known.status.success(), "{known:?}");
    assert!(!whoami(None).status.success());
    assert!(!whoami(Some(&strange)).status.success());
    // Which certificate it was stands in the trail.
    let journal = gateway.journal();
    let mut lines = journal.iter().filter(|line| line["op"] == "admin:WhoAmI");
    let shown = lines.next().expect("it is on record");
    let fingerprint = shown["detail"]["certificate"].as_str().unwrap_or_default();
    assert_eq!(fingerprint.len(), 64, "{shown}");
    // Whoever shows none does not get as far as asking.
    assert!(lines.next().is_none());
}
