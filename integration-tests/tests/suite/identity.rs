//! Who signs in, and with what: sessions for tokens of a real identity provider, by real SDKs.

use integration_tests::authority::Authority;
use integration_tests::gateway::{Gateway, Principal, Upstream};
use integration_tests::identity_provider::IdentityProvider;
use integration_tests::world::World;

use crate::on_both_upstreams;

on_both_upstreams! {
    identity_sessions_for_tokens => sessions;
    identity_sessions_with_policies => restricted;
}

/// What a session's policy takes away stays away, in every form of signature and from session to session.
fn restricted(upstream: Upstream) {
    let provider = IdentityProvider::start();
    let gateway = served(upstream, provider.issuer(), "");
    let arguments = [provider.issuer(), "restricted"];
    gateway
        .account()
        .run_script("session_policies.py", &arguments);
    // Who reads the trail sees why.
    let is_denied = |line: &serde_json::Value| {
        line["decision"] == "deny" && line["policies"].to_string().contains("session-policy")
    };
    assert!(gateway.journal().iter().any(is_denied));
}

fn sessions(upstream: Upstream) {
    let provider = IdentityProvider::start();
    let gateway = served(upstream, provider.issuer(), "");
    gateway
        .account()
        .run_script("identity.py", &[provider.issuer(), "sessions"]);
    let journal = gateway.journal();
    let of = |operation: &str| {
        journal
            .iter()
            .filter(|line| line["op"] == operation)
            .count()
    };
    assert!(of("sts:AssumeRoleWithWebIdentity") > 30 && of("sts:AssumeRole") >= 4);
    // Each session that was made has a line of its own, and so has each that was not.
    for (kind, status) in [("session.issued", 2), ("session.refused", 4)] {
        let mut acts = journal.iter().filter(|line| line["kind"] == kind);
        assert!(acts.clone().count() > 3, "{kind}");
        assert!(
            acts.all(|line| line["status"].as_u64().is_some_and(|s| s / 100 == status)),
            "{kind}"
        );
    }
    // The trail knows the session of each access by its public half, and seals who it is.
    let in_sessions = journal.iter().filter(|line| {
        let session = line["cred"]
            .as_str()
            .is_some_and(|id| id.starts_with("ASIA"));
        session && line["op"] == "s3:GetObject" && line["decision"] == "allow"
    });
    assert!(in_sessions.count() > 0);
    assert!(
        !journal
            .iter()
            .any(|line| line.to_string().contains("sso/alice"))
    );
}

/// A gateway for the tenants `clinic`, which trusts the provider, and `lab`, which does not.
fn served(upstream: Upstream, issuer: &str, more: &str) -> Gateway {
    let admin = Principal::new("clinic", "clinic-admin", "tenant-admin");
    let mut gateway = Gateway::serve(upstream, &[admin]);
    let declared = format!(
        "[[tenants.identity_providers]]\n\
         name = \"sso\"\nissuer = \"{issuer}\"\naudiences = [\"sealgate\"]\nkind = \"human\"\n\
         claims = [\"clinicId\"]\n{more}\n\
         [[tenants.identity_providers.roles]]\nrole = \"reader\"\nclaim = \"groups\"\nvalues = [\"readers\"]\n\
         [[tenants.identity_providers.roles]]\nrole = \"writer\"\nclaim = \"groups\"\nvalues = [\"writers\"]\n\
         [[tenants]]\nid = \"lab\"\n"
    );
    gateway.reconfigure(|text| text + &declared);
    gateway
}

/// A workload's key that is good over connections with its own certificate only.
#[test]
fn identity_of_workloads_by_their_certificates() {
    let world = World::get();
    let folders = [world.scratch(), world.scratch(), world.scratch()];
    let [mine, others, strangers] = folders.each_ref().map(tempfile::TempDir::path);
    let (mine, others) = (
        world.authority().issue(mine),
        world.authority().issue(others),
    );
    let strange = Authority::new(strangers).issue(strangers);
    let admin = Principal::new("clinic", "clinic-admin", "tenant-admin");
    let mut gateway = Gateway::serve_with(Upstream::Embedded, &[admin], |directory| {
        let server = world.authority().issue(directory);
        format!(
            "[listen.tls]\ncertificate = \"{}\"\nkey = \"{}\"\nclient_authorities = \"{}\"\n\
             [upstream.embedded]\npath = \"bucket\"\n",
            server.certificate.display(),
            server.key.display(),
            world.authority().file().display()
        )
    });
    let text = |path: &std::path::Path| path.display().to_string();
    let certificate = text(&mine.certificate);
    let script = "client_certificate.py";
    let fingerprint = gateway
        .account()
        .run_script(script, &["fingerprint", &certificate]);
    let bound = format!("role = \"tenant-admin\"\ncertificate = \"{fingerprint}\"\n");
    gateway.reconfigure(|config| config.replace("role = \"tenant-admin\"\n", &bound));
    let account = gateway.account();
    let (key, other, other_key) = (
        text(&mine.key),
        text(&others.certificate),
        text(&others.key),
    );
    account.run_script(script, &["use", &certificate, &key, &other, &other_key]);
    let (strange, strange_key) = (text(&strange.certificate), text(&strange.key));
    account.run_script(script, &["strange", &strange, &strange_key]);
}
