//! Whom a gateway talks to: the list of business associates that an auditor asks for.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    Config, IdentityProviderConfig, ProviderConfig, SinkConfig, TargetConfig, UpstreamConfig,
};

/// A service outside of the gateway, or a place on its machine where a service could be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// What it is.
    pub what: String,
    /// Where.
    pub address: String,
    /// What it gets to see.
    pub sees: &'static str,
    /// The only tenants that it is for; none: for all.
    #[serde(skip)]
    pub only: BTreeSet<String>,
}

impl Endpoint {
    /// All that a configuration names.
    pub fn of(config: &Config) -> Vec<Self> {
        let store = endpoint(
            "store".to_owned(),
            store_address(&config.upstream),
            STORE_SEES,
        );
        let mirror = config.keys.mirror.as_ref().map(|mirror| {
            let address = store_address(&mirror.store);
            endpoint("mirror of the keyrings".to_owned(), address, MIRROR_SEES)
        });
        let archive = config.audit.archive.as_ref().map(|archive| {
            let address = store_address(archive.store.as_ref().unwrap_or(&config.upstream));
            endpoint("archive of the trail".to_owned(), address, SINK_SEES)
        });
        let kms = config.kms.providers().map(kms);
        let sinks = config.audit.sinks.iter().map(sink);
        let admins = config.admin.iter();
        let admins = admins
            .flat_map(|admin| &admin.identity_providers)
            .map(|one| Self::provider(one, None));
        let people = config.tenants.iter().flat_map(|tenant| {
            let providers = tenant.identity_providers.iter();
            providers.map(|one| Self::provider(one, Some(&tenant.id)))
        });
        [store]
            .into_iter()
            .chain(mirror)
            .chain(archive)
            .chain(kms)
            .chain(sinks)
            .chain(admins)
            .chain(people)
            .collect()
    }

    /// Who vouches for people or programs, of one tenant or for administrators.
    pub fn provider(provider: &IdentityProviderConfig, tenant: Option<&str>) -> Self {
        let of = tenant.map_or("of administrators", |_| "of the tenant");
        Self {
            only: tenant.into_iter().map(str::to_owned).collect(),
            ..endpoint(
                format!("identity provider {} {of}", provider.name),
                provider.issuer.clone(),
                PROVIDER_SEES,
            )
        }
    }
}

fn kms(provider: &ProviderConfig) -> Endpoint {
    let (name, address) = match provider {
        ProviderConfig::DangerousLocalFile { path } => {
            ("local-file".to_owned(), path.display().to_string())
        }
        ProviderConfig::Aws(settings) => {
            let usual = || format!("https://kms.{}.amazonaws.com", settings.region);
            let address = settings.endpoint.clone().unwrap_or_else(usual);
            (settings.name.clone(), address)
        }
    };
    endpoint(format!("key management {name}"), address, KMS_SEES)
}

fn sink(sink: &SinkConfig) -> Endpoint {
    let address = match &sink.target {
        TargetConfig::Lines { path } => path.as_ref().map_or_else(
            || "standard output".to_owned(),
            |path| path.display().to_string(),
        ),
        TargetConfig::Webhook(webhook) => server_of(&webhook.url.to_string()),
        TargetConfig::Syslog(syslog) => syslog.address.clone(),
        TargetConfig::JetStream(jetstream) => server_of(&jetstream.url),
    };
    Endpoint {
        only: sink.selection.tenants.clone(),
        ..endpoint(format!("sink {}", sink.name), address, SINK_SEES)
    }
}

fn store_address(store: &UpstreamConfig) -> String {
    match store {
        UpstreamConfig::Embedded { path } => path.display().to_string(),
        UpstreamConfig::S3 { endpoint, .. } => server_of(endpoint),
    }
}

/// A URL without user, password, path and query, which may be secrets.
pub(super) fn server_of(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

fn endpoint(what: String, address: String, sees: &'static str) -> Endpoint {
    Endpoint {
        what,
        address,
        sees,
        only: BTreeSet::new(),
    }
}

const STORE_SEES: &str = "sealed objects, their keys, tags, sizes and times; wrapped keys; control documents, secrets in them sealed";
const MIRROR_SEES: &str = "wrapped keys";
const KMS_SEES: &str =
    "keys that wrap tenants' keys, and the names of deployment and tenant; no object";
const SINK_SEES: &str = "lines of the audit trail, in which names of people and objects, and addresses, are tokens or sealed";
const PROVIDER_SEES: &str = "that its keys are fetched; it vouches for who signs in";
