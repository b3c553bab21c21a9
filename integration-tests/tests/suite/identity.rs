//! Who signs in, and with what: sessions for tokens of a real identity provider, by real SDKs.

use integration_tests::gateway::{Gateway, Principal, Upstream};
use integration_tests::identity_provider::IdentityProvider;

use crate::on_both_upstreams;

on_both_upstreams! {
    identity_sessions_for_tokens => sessions;
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
    // The trail knows the session of each access, by its public half.
    let read = journal.iter().find(|line| {
        line["op"] == "s3:GetObject"
            && line["principal"] == "sso/alice"
            && line["decision"] == "allow"
    });
    let credential = read.map(|line| line["credential"].as_str().unwrap_or_default().to_owned());
    assert!(credential.is_some_and(|id| id.starts_with("ASIA")));
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
