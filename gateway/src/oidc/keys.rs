//! A provider's public keys, kept for a while and fetched anew when they are old or a token names one that is not
//! there. It must not know tokens.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::Value;
use tokio::sync::Mutex;

use super::TokenError;
use super::fetch::Fetch;
use crate::clock::Clock;
use crate::config::IdentityProviderConfig;

/// The keys of one provider.
pub(super) struct ProviderKeys {
    name: String,
    issuer: String,
    outage: Duration,
    fetch: Fetch,
    clock: Clock,
    known: ArcSwapOption<KeySet>,
    /// When it was last asked for anything, and when because of a key that was not known. Held while it is asked, so
    /// that it is asked once.
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    failed: Option<SystemTime>,
    for_unknown: Option<SystemTime>,
}

struct KeySet {
    keys: Vec<PublicKey>,
    fetched: SystemTime,
}

struct PublicKey {
    id: Option<String>,
    family: AlgorithmFamily,
    /// Where the key is for one algorithm only.
    algorithm: Option<KeyAlgorithm>,
    key: Arc<DecodingKey>,
}

impl ProviderKeys {
    pub(super) fn new(config: &IdentityProviderConfig, fetch: Fetch, clock: Clock) -> Self {
        Self {
            name: config.name.clone(),
            issuer: config.issuer.clone(),
            outage: config.outage,
            fetch,
            clock,
            known: ArcSwapOption::empty(),
            asked: Mutex::default(),
        }
    }

    /// The key that a token names, or the only one that fits where it names none.
    pub(super) async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<DecodingKey>, TokenError> {
        let known = self.fresh().await?;
        if let Some(key) = known.find(id, algorithm) {
            return Ok(key);
        }
        let known = self.once_more(known.fetched).await?;
        known.find(id, algorithm).ok_or_else(|| {
            TokenError::Invalid(
                "it is signed with a key that its issuer does not publish".to_owned(),
            )
        })
    }

    /// Keys that are not too old; older ones while the provider does not answer, up to a limit.
    async fn fresh(&self) -> Result<Arc<KeySet>, TokenError> {
        if let Some(known) = self.known.load_full()
            && self.age(known.fetched) < FRESH
        {
            return Ok(known);
        }
        let mut asked = self.asked.lock().await;
        // Another request may have fetched them meanwhile.
        let known = self.known.load_full();
        if let Some(known) = &known
            && self.age(known.fetched) < FRESH
        {
            return Ok(Arc::clone(known));
        }
        let rests = asked.failed.is_some_and(|at| self.age(at) < REST);
        if !rests {
            match self.fetch_all().await {
                Ok(fetched) => {
                    asked.failed = None;
                    return Ok(fetched);
                }
                Err(why) => {
                    asked.failed = Some(self.clock.now());
                    tracing::warn!(
                        provider = self.name,
                        why,
                        "the identity provider's keys cannot be fetched"
                    );
                }
            }
        }
        known
            .filter(|known| self.age(known.fetched) < FRESH.saturating_add(self.outage))
            .ok_or_else(|| self.down())
    }

    /// Asks again for a key that was not among those of `fetched`; but not for every stranger's token.
    async fn once_more(&self, fetched: SystemTime) -> Result<Arc<KeySet>, TokenError> {
        let mut asked = self.asked.lock().await;
        let known = self.known.load_full().ok_or_else(|| self.down())?;
        let rests = asked.for_unknown.is_some_and(|at| self.age(at) < REST);
        if known.fetched != fetched || rests {
            return Ok(known);
        }
        asked.for_unknown = Some(self.clock.now());
        self.fetch_all().await.map_err(|why| {
            tracing::warn!(
                provider = self.name,
                why,
                "the identity provider's keys cannot be fetched"
            );
            self.down()
        })
    }

    async fn fetch_all(&self) -> Result<Arc<KeySet>, String> {
        let issuer = self.issuer.trim_end_matches('/');
        let discovery = self
            .fetch
            .json(&format!("{issuer}/.well-known/openid-configuration"))
            .await?;
        if discovery.get("issuer").and_then(Value::as_str) != Some(self.issuer.as_str()) {
            return Err("its discovery document names another issuer".to_owned());
        }
        let place = discovery.get("jwks_uri").and_then(Value::as_str);
        let place = place.ok_or("its discovery document names no jwks_uri")?;
        let document = self.fetch.json(place).await?;
        let listed = document.get("keys").and_then(Value::as_array);
        let listed = listed.ok_or("its key set is none")?;
        let keys: Vec<PublicKey> = listed.iter().filter_map(PublicKey::read).collect();
        if keys.is_empty() {
            return Err("its key set has no key that can be used".to_owned());
        }
        let fetched = Arc::new(KeySet {
            keys,
            fetched: self.clock.now(),
        });
        self.known.store(Some(Arc::clone(&fetched)));
        Ok(fetched)
    }

    fn age(&self, of: SystemTime) -> Duration {
        self.clock.now().duration_since(of).unwrap_or_default()
    }

    fn down(&self) -> TokenError {
        TokenError::ProviderDown {
            provider: self.name.clone(),
        }
    }
}

impl KeySet {
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<DecodingKey>> {
        let mut fitting = self.keys.iter().filter(|key| {
            let named = id.is_none_or(|id| key.id.as_deref() == Some(id));
            named && key.fits(algorithm)
        });
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Some(Arc::clone(&key.key)),
            // Of two keys of one name, or of several where the token names none, nobody knows which is meant.
            _ => None,
        }
    }
}

impl PublicKey {
    /// A key that verifies signatures; others are passed over, as RFC 7517 §5 asks.
    fn read(value: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
        let family = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa,
            AlgorithmParameters::EllipticCurve(_) => AlgorithmFamily::Ec,
            AlgorithmParameters::OctetKeyPair(_) => AlgorithmFamily::Ed,
            // A shared secret is no public key.
            _ => return None,
        };
        let common = &jwk.common;
        let is_for_signatures = common
            .public_key_use
            .as_ref()
            .is_none_or(|for_what| *for_what == PublicKeyUse::Signature);
        let may_verify = common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        (is_for_signatures && may_verify).then(|| Self {
            id: common.key_id.clone(),
            family,
            algorithm: common.key_algorithm,
            key: Arc::new(key),
        })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let is_for_it = self
            .algorithm
            .is_none_or(|own| own == KeyAlgorithm::from(algorithm));
        self.family.algorithms().contains(&algorithm) && is_for_it
    }
}

impl std::fmt::Debug for ProviderKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ProviderKeys")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// How long keys are used without asking again.
const FRESH: Duration = Duration::from_mins(10);
/// How long a provider is left alone that did not answer, or was asked for a key that it did not have.
const REST: Duration = Duration::from_secs(10);
