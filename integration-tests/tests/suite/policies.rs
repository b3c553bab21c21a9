//! What policies decide, asked with real clients: a bucket's, and a tenant's own from files.

use std::fs;

use integration_tests::gateway::{Gateway, Principal, Upstream};

use crate::{on_both_upstreams, scan};

on_both_upstreams! {
    a_bucket_policy_decides_for_others_of_the_tenant => bucket_policies;
    what_arrives_is_held_to_the_tenants_policies => intake;
    what_an_upload_is_is_told_by_its_bytes => sniffed;
}

fn bucket_policies(upstream: Upstream) {
    let owner = Principal::new("clinic", "owner", "tenant-admin");
    let guest = Principal::new("clinic", "guest", "clinician");
    let gateway = Gateway::serve(upstream, &[owner, guest.clone()]);
    run(&gateway, "bucket_policies.py", "bucket-policies", &guest);
    let journal = gateway.journal();
    let of = |kind: &str| {
        let acts = journal.iter().filter(|line| line["kind"] == kind);
        acts.filter(|line| line["bucket"] == "bucket-policies")
            .count()
    };
    assert!(of("policy.put") > 0 && of("policy.delete") > 0);
}

fn intake(upstream: Upstream) {
    let owner = Principal::new("clinic", "owner", "tenant-admin");
    let kiosk = Principal::new("clinic", "kiosk", "uploader");
    let mut gateway = Gateway::serve(upstream, &[owner, kiosk.clone()]);
    fs::write(gateway.directory().join("intake.cedar"), INTAKE).expect("a file can be written");
    // The tables of a tenant may stand behind its credentials.
    gateway.reconfigure(|text| {
        format!("{text}\n[tenants.policies]\nfiles = [\"intake.cedar\"]\nshipped_roles = false\n")
    });
    run(&gateway, "policies_intake.py", "intake", &kiosk);
    let trail: String = gateway.journal().iter().map(ToString::to_string).collect();
    for rule in [
        "\"intake/kept\"",
        "\"intake/no-overwrite\"",
        "\"default-deny\"",
    ] {
        assert!(trail.contains(rule), "the trail names {rule}");
    }
}

fn sniffed(upstream: Upstream) {
    let owner = Principal::new("clinic", "owner", "tenant-admin");
    let kiosk = Principal::new("clinic", "kiosk", "uploader");
    let mut gateway = Gateway::serve(upstream, &[owner, kiosk.clone()]);
    let template = scan::root().join("policies/templates/attestation-intake.cedar");
    let files = gateway.directory().to_owned();
    fs::copy(template, files.join("attestation-intake.cedar")).expect("the template is there");
    fs::write(files.join("owner.cedar"), OWNER).expect("a file can be written");
    gateway.reconfigure(|text| {
        format!(
            "{text}\n[tenants.policies]\nfiles = [\"attestation-intake.cedar\", \"owner.cedar\"]\nshipped_roles = false\n"
        )
    });
    run(&gateway, "policies_sniffed.py", "sniffed", &kiosk);
    let trail: String = gateway.journal().iter().map(ToString::to_string).collect();
    for rule in [
        "\"attestation-intake/intake\"",
        "\"attestation-intake/is-what-it-says\"",
        "\"attestation-intake/begins-with-part-1\"",
    ] {
        assert!(trail.contains(rule), "the trail names {rule}");
    }
}

fn run(gateway: &Gateway, script: &str, bucket: &str, other: &Principal) {
    let credentials = &other.credentials;
    let (id, secret) = (credentials.access_key_id(), credentials.secret_access_key());
    gateway.account().run_script(script, &[bucket, id, secret]);
}

const OWNER: &str = r#"@id("owner") permit (principal in Role::"tenant-admin", action, resource);"#;

const INTAKE: &str = r#"
@id("owner")
permit (principal in Role::"tenant-admin", action, resource);

@id("kept")
permit (principal in Role::"uploader", action == Action::"s3:PutObject", resource)
when { resource.key like "in/*" }
when
{
  (context has upload && context.upload != "create") ||
  (context has contentType && context.contentType == "text/plain" && context.reqTags.hasTag("case"))
}
when { context has checksumAlg || context has copySource || (context has upload && context.upload == "complete") }
when { if context has size then context.size <= 6291456 else true };

@id("copied")
permit (principal in Role::"uploader", action == Action::"s3:GetObject", resource)
when { context has copySource };

@id("no-overwrite")
forbid (principal in Role::"uploader", action == Action::"s3:PutObject", resource)
when { context has overwrites && context.overwrites };
"#;
