//! The configured providers together: which root keys wrap a tenant's keys, which provider unwraps
//! when one is gone, and how long one that failed is left alone. It must not know keyrings.

mod calls;
mod gate;

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Clock, EncryptionContext, KeyError, KmsProvider, RootKey, Secret, WrappedKey};
use calls::Calls;
pub use calls::{KmsCall, KmsCalls, KmsOutcome};
use gate::Gates;

/// One root key at one provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RootKeyName {
    /// The provider's name.
    pub provider: String,
    /// The root key's id or ARN.
    pub root_key: String,
}

/// Says for a tenant that holds its own root key which one that is. Asked for every new key, so its
/// answer may change while the process runs.
pub type OwnRootKeys = Arc<dyn Fn(&str) -> Option<RootKeyName> + Send + Sync>;

/// A key as one provider wrapped it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrap {
    /// The provider's name.
    pub provider: String,
    /// The root key's id or ARN.
    pub root_key: String,
    /// The provider's bytes.
    pub wrapped: WrappedKey,
}

/// The providers of a deployment, in the order in which they are asked.
///
/// A new key is wrapped by all of them, so that it can be unwrapped when one is gone; a tenant with
/// a root key of its own is wrapped under that one alone, so that revoking it is enough.
pub struct Providers {
    list: Vec<Arc<dyn KmsProvider>>,
    own: OwnRootKeys,
    gates: Gates,
    calls: Calls,
    clock: Clock,
}

impl Providers {
    /// Providers of distinct names; of two with one name the second is never asked. `own` says
    /// which tenants hold their own root key.
    pub fn new(
        first: Arc<dyn KmsProvider>,
        others: Vec<Arc<dyn KmsProvider>>,
        own: OwnRootKeys,
        clock: Clock,
    ) -> Self {
        let mut list = vec![first];
        list.extend(others);
        Self {
            list,
            own,
            gates: Gates::new(Arc::clone(&clock)),
            calls: Calls::default(),
            clock,
        }
    }

    /// One provider, for a deployment whose tenants hold no root keys of their own.
    pub fn one(provider: Arc<dyn KmsProvider>, clock: Clock) -> Self {
        Self::new(provider, Vec::new(), Arc::new(|_| None), clock)
    }

    /// The root keys that a new key of this tenant (`None`: of the deployment itself) is wrapped
    /// under.
    pub fn targets(&self, tenant: Option<&str>) -> Vec<RootKeyName> {
        if let Some(own) = tenant.and_then(|tenant| (self.own)(tenant)) {
            return vec![own];
        }
        let name = |provider: &Arc<dyn KmsProvider>| RootKeyName {
            provider: provider.name().to_owned(),
            root_key: provider.default_root_key().to_owned(),
        };
        self.list.iter().map(name).collect()
    }

    /// What a provider says of one root key.
    pub async fn describe(&self, name: &RootKeyName) -> Result<RootKey, KeyError> {
        let provider = self.provider(&name.provider)?;
        let described = provider.describe(&name.root_key);
        self.call(provider, &name.root_key, KmsCall::Describe, described)
            .await
    }

    /// How often each provider was called since the start, by call and outcome.
    pub fn calls(&self) -> Vec<KmsCalls> {
        self.calls.list()
    }

    /// Makes 32 random bytes and wraps them under every target of the tenant; fails if one of them
    /// cannot wrap, because a gap would be noticed only on the day it matters.
    pub(crate) async fn generate(
        &self,
        tenant: Option<&str>,
        context: &EncryptionContext,
    ) -> Result<(Secret, Vec<Wrap>), KeyError> {
        let targets = self.targets(tenant);
        let (first, others) = targets.split_first().ok_or_else(|| missing("a new key"))?;
        let provider = self.provider(&first.provider)?;
        let generated = provider.generate(&first.root_key, context);
        let (secret, wrapped) = self
            .call(provider, &first.root_key, KmsCall::Generate, generated)
            .await?;
        let mut wraps = vec![first.wrap(wrapped)];
        for target in others {
            wraps.push(self.wrap(target, &secret, context).await?);
        }
        Ok((secret, wraps))
    }

    /// Unwraps by the first provider that can. The error is that of the first provider asked: the
    /// others stand in for it.
    pub(crate) async fn unwrap(
        &self,
        what: &str,
        wraps: &[Wrap],
        context: &EncryptionContext,
    ) -> Result<Secret, KeyError> {
        let mut first_error = None;
        for provider in &self.list {
            for wrap in wraps.iter().filter(|wrap| wrap.provider == provider.name()) {
                let unwrapped = provider.unwrap(&wrap.root_key, &wrap.wrapped, context);
                match self
                    .call(provider, &wrap.root_key, KmsCall::Unwrap, unwrapped)
                    .await
                {
                    Ok(secret) => {
                        if let Some(error) = first_error {
                            let error: &dyn std::error::Error = &error;
                            tracing::warn!(
                                provider = provider.name(),
                                error,
                                "unwrapped by another provider than the first"
                            );
                        }
                        return Ok(secret);
                    }
                    Err(error) => {
                        first_error.get_or_insert(error);
                    }
                }
            }
        }
        Err(first_error.unwrap_or_else(|| missing(what)))
    }

    /// The same key wrapped under exactly these root keys: a wrap that is there already stays, a
    /// provider moves its own wrap itself, and only else is the key unwrapped here.
    pub(crate) async fn rewrap(
        &self,
        what: &str,
        wraps: &[Wrap],
        targets: &[RootKeyName],
        context: &EncryptionContext,
    ) -> Result<Vec<Wrap>, KeyError> {
        let mut rewrapped = Vec::with_capacity(targets.len());
        let mut secret = None;
        for target in targets {
            if let Some(present) = wraps.iter().find(|wrap| target.made(wrap)) {
                rewrapped.push(present.clone());
                continue;
            }
            let provider = self.provider(&target.provider)?;
            let of_same = wraps.iter().find(|wrap| wrap.provider == target.provider);
            if let Some(from) = of_same {
                let moved =
                    provider.rewrap(&from.root_key, &from.wrapped, &target.root_key, context);
                let moved = self
                    .call(provider, &target.root_key, KmsCall::Rewrap, moved)
                    .await;
                match moved {
                    Ok(wrapped) => {
                        rewrapped.push(target.wrap(wrapped));
                        continue;
                    }
                    // The old root key may be gone while another wrap still opens.
                    Err(error) if wraps.len() == 1 => return Err(error),
                    Err(_) => {}
                }
            }
            let secret = match &mut secret {
                Some(secret) => secret,
                unknown => unknown.insert(self.unwrap(what, wraps, context).await?),
            };
            rewrapped.push(self.wrap(target, secret, context).await?);
        }
        Ok(rewrapped)
    }

    /// Whether these wraps are under a root key that is not the deployment's, so that whoever holds
    /// it may revoke it and expects that to be enough.
    pub(crate) fn is_held_outside(&self, wraps: &[Wrap]) -> bool {
        let of_deployment = self.targets(None);
        !wraps
            .iter()
            .any(|wrap| of_deployment.iter().any(|target| target.made(wrap)))
    }

    async fn wrap(
        &self,
        target: &RootKeyName,
        secret: &Secret,
        context: &EncryptionContext,
    ) -> Result<Wrap, KeyError> {
        let provider = self.provider(&target.provider)?;
        let wrapped = provider.wrap(&target.root_key, secret, context);
        let wrapped = self
            .call(provider, &target.root_key, KmsCall::Wrap, wrapped)
            .await?;
        Ok(target.wrap(wrapped))
    }

    /// One call, unless this root key failed a moment ago and is left alone for a while.
    async fn call<T>(
        &self,
        provider: &Arc<dyn KmsProvider>,
        root_key: &str,
        call: KmsCall,
        answer: impl Future<Output = Result<T, KeyError>>,
    ) -> Result<T, KeyError> {
        if let Some(error) = self.gates.closed(provider.name(), root_key) {
            let held = KmsOutcome::HeldBack;
            self.calls
                .count(provider.name(), call, held, Duration::ZERO);
            return Err(error);
        }
        let began = (self.clock)();
        let outcome = answer.await;
        // A clock that was set back meanwhile.
        let took = (self.clock)().duration_since(began).unwrap_or_default();
        let error = outcome.as_ref().err();
        self.calls
            .count(provider.name(), call, KmsOutcome::of(error), took);
        self.gates.learn(provider.name(), root_key, error);
        outcome
    }

    fn provider(&self, name: &str) -> Result<&Arc<dyn KmsProvider>, KeyError> {
        self.list
            .iter()
            .find(|provider| provider.name() == name)
            .ok_or_else(|| missing(&format!("what provider {name} is to wrap")))
    }
}

impl RootKeyName {
    pub(crate) fn made(&self, wrap: &Wrap) -> bool {
        self.provider == wrap.provider && self.root_key == wrap.root_key
    }

    fn wrap(&self, wrapped: WrappedKey) -> Wrap {
        Wrap {
            provider: self.provider.clone(),
            root_key: self.root_key.clone(),
            wrapped,
        }
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.list).finish()
    }
}

fn missing(what: &str) -> KeyError {
    KeyError::ProviderMissing {
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests;
