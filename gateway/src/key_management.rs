//! The key management that a configuration asks for, ready to be used. Decides nothing.

use std::collections::HashMap;
use std::sync::Arc;

use kms_keys::{
    AwsKms, KeyError, Keyrings, KmsProvider, LocalFile, LocalFileError, Mirror, OwnRootKeys,
    Providers, RootKeyName, Settings, WhenMissing,
};
use object_store::ObjectStore;

use crate::clock::Clock;
use crate::config::{Config, ProviderConfig, TenantConfig};

/// Where keyrings get their keys from, and how long they keep them.
pub(crate) struct KeyManagement {
    providers: Providers,
    settings: Settings,
    clock: kms_keys::Clock,
}

impl KeyManagement {
    /// As configured. Reads root key files; calls no service.
    pub(crate) async fn configured(
        config: &Config,
        missing: WhenMissing,
        clock: &Clock,
    ) -> Result<Self, LocalFileError> {
        let first = provider(&config.kms.first, missing).await?;
        let mut others = Vec::new();
        if let Some(second) = &config.kms.second {
            others.push(provider(second, missing).await?);
        }
        let clock = told_by(clock);
        let own = own_root_keys(&config.tenants);
        Ok(Self {
            providers: Providers::new(first, others, own, Arc::clone(&clock)),
            settings: Settings {
                key_ttl: config.kms.cache,
                stale_if_error: config.kms.stale,
                cryptoperiod: Some(config.keys.cryptoperiod),
                pending_reads: config.keys.pending_reads,
                ..Settings::default()
            },
            clock,
        })
    }

    /// Root keys in one file.
    pub(crate) fn of_file(file: LocalFile, clock: &Clock) -> Self {
        let clock = told_by(clock);
        Self {
            providers: Providers::one(Arc::new(file), Arc::clone(&clock)),
            settings: Settings::default(),
            clock,
        }
    }

    /// The providers alone.
    pub(crate) fn providers(&self) -> &Providers {
        &self.providers
    }

    /// The keyrings whose documents lie in `control`, and in a mirror if there is one.
    pub(crate) async fn keyrings(
        self,
        control: &Arc<dyn ObjectStore>,
        mirror: Option<Mirror>,
    ) -> Result<Keyrings, KeyError> {
        let control = Arc::clone(control);
        Keyrings::open_mirrored(control, mirror, self.providers, self.settings, self.clock).await
    }
}

async fn provider(
    config: &ProviderConfig,
    missing: WhenMissing,
) -> Result<Arc<dyn KmsProvider>, LocalFileError> {
    Ok(match config {
        ProviderConfig::DangerousLocalFile { path } => Arc::new(LocalFile::open(path, missing)?),
        ProviderConfig::Aws(settings) => Arc::new(AwsKms::new(settings.clone()).await),
    })
}

fn own_root_keys(tenants: &[TenantConfig]) -> OwnRootKeys {
    let own: HashMap<String, RootKeyName> = tenants
        .iter()
        .filter_map(|tenant| Some((tenant.id.clone(), tenant.kms_key.clone()?)))
        .collect();
    Arc::new(move |tenant| own.get(tenant).cloned())
}

fn told_by(clock: &Clock) -> kms_keys::Clock {
    let clock = clock.clone();
    Arc::new(move || clock.now())
}
