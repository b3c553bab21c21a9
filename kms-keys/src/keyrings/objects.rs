//! Keys that single objects have for themselves: each comes from key management when its object is sealed, and is
//! asked for again whenever the object is opened. None is kept here, and no outage is bridged: whoever chose this
//! wants key management to know of each access and to be able to refuse the next one.

use super::Keyrings;
use crate::{EncryptionContext, KeyError, Secret, providers::Wrap};

impl Keyrings {
    /// Makes a key for the object of this id. It comes with what is to stand beside the object: the key as each root key
    /// wrapped it that the tenant's new keys are wrapped under, in JSON as the `wraps` of keyrings.
    ///
    /// # Errors
    /// Whatever key management answers; nothing was made then.
    pub async fn new_object_key(
        &self,
        tenant: &str,
        object: &[u8; 16],
    ) -> Result<(Secret, Vec<u8>), KeyError> {
        let context = EncryptionContext::for_object(self.deployment().id(), tenant, object);
        let (secret, wraps) = self.providers.generate(Some(tenant), &context).await?;
        let wrapped = serde_json::to_vec(&wraps).map_err(|_| unreadable(tenant, object))?;
        Ok((secret, wrapped))
    }

    /// The key that stands wrapped beside an object, of which it was made sure that it is what was put there: key
    /// management is asked for any root key that it names.
    ///
    /// # Errors
    /// `Corrupt` for what is no wrapped key, or another object's; whatever key management answers.
    pub async fn object_key(
        &self,
        tenant: &str,
        object: &[u8; 16],
        wrapped: &[u8],
    ) -> Result<Secret, KeyError> {
        let wraps = wraps(wrapped).ok_or_else(|| unreadable(tenant, object))?;
        let context = EncryptionContext::for_object(self.deployment().id(), tenant, object);
        let what = name(tenant, object);
        self.providers.unwrap(&what, &wraps, &context).await
    }

    /// Whether a key that stands wrapped beside an object is under the root keys that a new one would be under.
    pub fn is_object_key_current(&self, tenant: &str, wrapped: &[u8]) -> bool {
        let targets = self.providers.targets(Some(tenant));
        wraps(wrapped).is_some_and(|wraps| {
            wraps.len() == targets.len()
                && targets
                    .iter()
                    .all(|target| wraps.iter().any(|wrap| target.made(wrap)))
        })
    }
}

fn wraps(wrapped: &[u8]) -> Option<Vec<Wrap>> {
    serde_json::from_slice(wrapped).ok()
}

fn name(tenant: &str, object: &[u8; 16]) -> String {
    format!(
        "the own key of object {} of tenant {tenant}",
        hex::encode(object)
    )
}

fn unreadable(tenant: &str, object: &[u8; 16]) -> KeyError {
    KeyError::NoWrappedKey {
        what: name(tenant, object),
    }
}

#[cfg(test)]
mod tests {
    use crate::KeyErrorKind;
    use crate::keyrings::world::{Call, World};

    const OBJECT: [u8; 16] = [1; 16];

    #[tokio::test]
    async fn a_key_is_one_objects_and_is_asked_for_each_time() {
        let world = World::new();
        let replica = world.replica().await;
        let (secret, wrapped) = replica.new_object_key("acme", &OBJECT).await.unwrap();
        let (another, _) = replica.new_object_key("acme", &OBJECT).await.unwrap();
        assert_ne!(secret, another);
        world.kms.forget();
        for _ in 0..3 {
            let found = replica.object_key("acme", &OBJECT, &wrapped).await;
            assert_eq!(found.unwrap(), secret);
        }
        assert_eq!(world.kms.count(Call::Unwrap), 3);
        for (tenant, object) in [("other", OBJECT), ("acme", [2; 16])] {
            let found = replica.object_key(tenant, &object, &wrapped).await;
            assert_eq!(found.unwrap_err().kind(), KeyErrorKind::Corrupt);
        }
        let garbled = replica.object_key("acme", &OBJECT, b"[{}]").await;
        assert_eq!(garbled.unwrap_err().kind(), KeyErrorKind::Corrupt);
    }

    #[tokio::test]
    async fn it_is_under_the_root_keys_that_new_keys_are_under() {
        let world = World::new();
        let one = world.replica().await;
        let (secret, wrapped) = one.new_object_key("acme", &OBJECT).await.unwrap();
        assert!(one.is_object_key_current("acme", &wrapped));
        let both = world
            .replica_of(&[&world.kms, &world.second])
            .await
            .unwrap();
        assert!(!both.is_object_key_current("acme", &wrapped));
        assert_eq!(
            both.object_key("acme", &OBJECT, &wrapped).await.unwrap(),
            secret
        );
        let (_, wrapped) = both.new_object_key("acme", &OBJECT).await.unwrap();
        assert!(both.is_object_key_current("acme", &wrapped));
        assert!(!one.is_object_key_current("acme", &wrapped));
        let own = world.replica_with_own_key("acme").await;
        assert!(!own.is_object_key_current("acme", &wrapped));
    }
}
