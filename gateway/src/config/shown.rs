//! The configuration as auditors are shown it: settings by name, and no secret. Structures are taken apart whole, so that the
//! compiler asks whoever adds a setting whether it is shown.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::endpoints::server_of;
use super::{
    ArchiveConfig, Config, CredentialConfig, IdentityProviderConfig, KeysConfig, MfaConfig,
    SessionBounds, Suites, TenantConfig, TenantLimits, TlsConfig, UpstreamConfig,
};
use crate::trail::Durability;

/// What is shown of a configuration.
#[derive(Debug)]
pub struct Shown {
    /// Of no tenant.
    deployment: Value,
    /// By tenant.
    tenants: BTreeMap<String, Value>,
    sha256: String,
}

impl Shown {
    /// What may be shown of this one.
    pub fn of(config: &Config) -> Self {
        let deployment = deployment(config);
        let tenants: BTreeMap<String, Value> = config
            .tenants
            .iter()
            .map(|one| (one.id.clone(), tenant(config, one)))
            .collect();
        let text = json!([deployment, tenants]).to_string();
        Self {
            deployment,
            tenants,
            sha256: hex::encode(Sha256::digest(text.as_bytes())),
        }
    }

    /// What a tenant's auditor is shown: nothing of other tenants.
    pub fn to(&self, tenant: &str) -> Value {
        let mut deployment = self.deployment.clone();
        let sinks = deployment.pointer_mut("/audit/sinks");
        for sink in sinks.and_then(Value::as_array_mut).into_iter().flatten() {
            only_of(tenant, sink);
        }
        let providers = deployment.pointer_mut("/admin/identity_providers");
        for provider in providers
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let rules = provider.get_mut("roles").and_then(Value::as_array_mut);
            let of = |rule: &Value| {
                rule.get("tenant")
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            };
            if let Some(rules) = rules {
                rules.retain(|rule| of(rule).is_none_or(|of| of == tenant));
            }
        }
        json!({
            "sha256_of_all": self.sha256,
            "deployment": deployment,
            "tenant": self.tenants.get(tenant),
        })
    }

    /// SHA-256 over all that is shown to anybody, in hexadecimal: two runs with the same one have the same settings.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// Whether a sink is told of this tenant, in place of the names of those that it is told of.
fn only_of(tenant: &str, sink: &mut Value) {
    let tenants = sink.get("tenants").and_then(Value::as_array);
    let told = tenants.is_none_or(|tenants| tenants.is_empty() || tenants.contains(&json!(tenant)));
    if let Some(members) = sink.as_object_mut() {
        members.remove("tenants");
        members.insert("of_this_tenant".to_owned(), json!(told));
    }
}

/// The programs whose build an auditor wants to know: this one, and the verifier beside it.
pub fn programs() -> Vec<(&'static str, PathBuf)> {
    let Ok(own) = std::env::current_exe() else {
        return Vec::new();
    };
    let verifier = own.with_file_name("sealgate-verify");
    vec![("sealgate", own), ("sealgate-verify", verifier)]
}

fn deployment(config: &Config) -> Value {
    let Config {
        listen,
        tls,
        requests_at_once,
        metrics,
        admin,
        base_domains,
        region,
        accommodations,
        signature_v2_headers,
        upstream,
        bucket_prefix,
        limits,
        kms,
        keys,
        audit,
        suites,
        guardrails,
        tenants: _,
    } = config;
    let files = guardrails.sources().iter().map(|source| &source.name);
    let sinks = audit.sinks.iter().map(|sink| {
        let only = sink.selection.only.iter().map(|about| about.as_str());
        json!({
            "name": sink.name,
            "format": format!("{:?}", sink.format),
            "only": only.collect::<Vec<_>>(),
            "tenants": sink.selection.tenants,
        })
    });
    json!({
        "listen": { "s3": listen, "tls": tls.as_ref().map(shown_tls), "requests_at_once": requests_at_once },
        "metrics": metrics,
        "admin": admin.as_ref().map(|admin| json!({
            "listen": admin.listen,
            "tls": admin.tls.as_ref().map(shown_tls),
            "identity_providers": admin.identity_providers.iter().map(provider).collect::<Vec<_>>(),
        })),
        "base_domains": base_domains,
        "region": region,
        "accommodations": { "rclone_etags": accommodations.rclone_etags },
        "signature_v2_headers": signature_v2_headers,
        "upstream": shown_store(upstream),
        "bucket_prefix": bucket_prefix,
        "limits": shown_limits(*limits),
        "kms": { "cache_seconds": seconds(kms.cache), "stale_seconds": seconds(kms.stale) },
        "keys": shown_keys(keys),
        "audit": { "journal": audit.journal, "replica": audit.replica, "sinks": sinks.collect::<Vec<_>>(), "archive": audit.archive.as_ref().map(shown_archive) },
        "sealing": shown_suites(*suites),
        "guardrails": files.collect::<Vec<_>>(),
    })
}

fn shown_archive(archive: &ArchiveConfig) -> Value {
    let ArchiveConfig {
        store,
        bucket,
        prefix,
        retention,
        every,
    } = archive;
    json!({
        "store": store.as_ref().map(shown_store),
        "bucket": bucket,
        "prefix": prefix,
        "retention_seconds": seconds(*retention),
        "flush_seconds": seconds(*every),
    })
}

fn tenant(config: &Config, tenant: &TenantConfig) -> Value {
    let TenantConfig {
        id,
        suites,
        limits,
        kms_key,
        buckets,
        policies,
        credentials,
        identity_providers,
    } = tenant;
    let of = |name: &String| (id.clone(), name.clone());
    let audited: BTreeMap<&str, Value> = config
        .audit
        .durabilities
        .iter()
        .filter(|((of, _), _)| of == id)
        .map(|((_, name), mode)| {
            let receipts = config.audit.attested.contains(&of(name));
            let mode = shown_durability(*mode);
            let shown = json!({ "durability": mode, "receipts": receipts });
            (name.as_str(), shown)
        })
        .collect();
    json!({
        "id": id,
        "sealing": shown_suites(*suites),
        "limits": shown_limits(*limits),
        "kms_key": kms_key.as_ref().map(|key| &key.root_key),
        "buckets": buckets.iter().map(|(name, bucket)| (name, &**bucket)).collect::<BTreeMap<_, _>>(),
        "audit_buckets": audited,
        "policies": policies.as_ref().map(|policies| json!({
            "classes": policies.classes,
            "files": policies.sources.iter().map(|source| (&source.name, &source.text)).collect::<BTreeMap<_, _>>(),
        })),
        "credentials": credentials.iter().map(credential).collect::<Vec<_>>(),
        "identity_providers": identity_providers.iter().map(provider).collect::<Vec<_>>(),
    })
}

fn credential(credential: &CredentialConfig) -> Value {
    let CredentialConfig {
        access_key_id,
        secret_access_key: _,
        principal,
        role,
        kind,
        networks,
        certificate,
        expires,
    } = credential;
    json!({
        "access_key_id": access_key_id,
        "principal": principal,
        "role": role.to_string(),
        "kind": format!("{kind:?}"),
        "networks": networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "certificate": certificate,
        "expires": expires.map(audit::wall),
    })
}

fn provider(provider: &IdentityProviderConfig) -> Value {
    let IdentityProviderConfig {
        name,
        issuer,
        audiences,
        kind,
        principal_claim,
        claims,
        ca_file,
        single_use,
        invited_only,
        session: SessionBounds {
            usual,
            longest,
            idle,
        },
        mfa:
            MfaConfig {
                required,
                amr,
                acr,
                oldest,
            },
        outage,
        roles,
    } = provider;
    json!({
        "name": name,
        "issuer": issuer,
        "audiences": audiences,
        "kind": format!("{kind:?}"),
        "principal_claim": principal_claim,
        "claims": claims,
        "ca_file": ca_file,
        "single_use": single_use,
        "invited_only": invited_only,
        "session_seconds": { "usual": seconds(*usual), "longest": seconds(*longest), "idle": idle.map(seconds) },
        "mfa": { "required": required, "amr": amr, "acr": acr, "oldest_seconds": seconds(*oldest) },
        "outage_seconds": seconds(*outage),
        "roles": roles.iter().map(|rule| json!({
            "role": rule.role, "claim": rule.claim, "values": rule.values, "tenant": rule.tenant,
        })).collect::<Vec<_>>(),
    })
}

fn shown_store(store: &UpstreamConfig) -> Value {
    match store {
        UpstreamConfig::Embedded { path } => json!({ "embedded": path }),
        UpstreamConfig::S3 {
            endpoint,
            region,
            access_key_id,
            secret_access_key: _,
            ca_file,
            timeout,
        } => json!({
            "endpoint": server_of(endpoint),
            "region": region,
            "access_key_id": access_key_id,
            "ca_file": ca_file,
            "timeout_seconds": seconds(*timeout),
        }),
    }
}

fn shown_keys(keys: &KeysConfig) -> Value {
    let KeysConfig {
        cryptoperiod,
        pending_reads,
        mirror,
    } = keys;
    json!({
        "cryptoperiod_seconds": seconds(*cryptoperiod),
        "pending_reads": format!("{pending_reads:?}"),
        "mirror": mirror.as_ref().map(|mirror| json!({
            "store": shown_store(&mirror.store), "bucket": mirror.bucket,
        })),
    })
}

fn shown_tls(tls: &TlsConfig) -> impl Serialize + use<> {
    let TlsConfig {
        certificate,
        key: _,
        client_authorities,
    } = tls;
    json!({ "certificate": certificate, "client_authorities": client_authorities })
}

fn shown_limits(limits: TenantLimits) -> Value {
    let TenantLimits {
        requests_per_second,
        bytes_per_second,
        requests_at_once,
        largest_object,
        stored_bytes,
    } = limits;
    json!({
        "requests_per_second": requests_per_second,
        "bytes_per_second": bytes_per_second,
        "requests_at_once": requests_at_once,
        "largest_object_bytes": largest_object,
        "stored_bytes": stored_bytes,
    })
}

fn shown_suites(suites: Suites) -> Value {
    let Suites { sealing, minimum } = suites;
    json!({ "suite": sealing.name(), "minimum_suite": minimum.name() })
}

fn shown_durability(mode: Durability) -> &'static str {
    match mode {
        Durability::Strict => "strict",
        Durability::StrictWrites => "strict-writes",
        Durability::Availability => "availability",
    }
}

fn seconds(time: Duration) -> u64 {
    time.as_secs()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TEXT: &str = r#"
        [listen]
        s3 = "127.0.0.1:9000"
        [upstream.s3]
        endpoint = "https://store.example.org"
        region = "us-east-1"
        access_key_id = "store"
        secret_access_key = "canary-of-the-store"
        [kms.dangerous_local_file]
        path = "root-keys"
        [audit]
        journal = "audit"
        [[audit.sinks]]
        name = "siem"
        kind = "webhook"
        url = "https://siem.example.org/events"
        secret = "canary-of-the-sink-is-long"
        tenants = ["rival"]
        [[tenants]]
        id = "demo"
        [[tenants.credentials]]
        access_key_id = "DEMO"
        secret_access_key = "canary-of-a-person"
        principal = "demo-admin"
        role = "tenant-admin"
        [[tenants]]
        id = "rival"
        [admin]
        listen = "127.0.0.1:9002"
        [[admin.identity_providers]]
        name = "staff"
        issuer = "https://login.example.org"
        audiences = ["sealgate-admin"]
        kind = "human"
        [[admin.identity_providers.roles]]
        role = "tenant-owner"
        tenant = "rival"
        claim = "groups"
        values = ["rival-owners"]
    "#;

    #[test]
    fn no_secret_is_shown_and_no_other_tenant() {
        let config = Config::parse(TEXT, Path::new("/etc/sealgate")).unwrap();
        let shown = Shown::of(&config);
        let demo = shown.to("demo").to_string();
        assert!(demo.contains("demo-admin") && demo.contains("store.example.org"));
        for hidden in ["canary", "rival"] {
            assert!(!demo.contains(hidden), "{demo}");
        }
        assert!(demo.contains("\"of_this_tenant\":false"), "{demo}");
        let other = TEXT.replace("us-east-1", "eu-west-1");
        let other = Config::parse(&other, Path::new("/etc/sealgate")).unwrap();
        assert_ne!(Shown::of(&other).sha256(), shown.sha256());
    }
}
