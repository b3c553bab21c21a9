//! Unwrapped keys and their ids, held so that they are wiped when dropped; it must not know where
//! they come from or what they seal.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroizing;

use crate::KeyError;

/// 32 secret bytes, wiped on drop.
pub type Secret = Zeroizing<[u8; 32]>;

/// The id of a KEK version or AUX key: 8 random bytes, unique in the deployment for all practical
/// purposes and in the keyring for certain. Written as 16 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The eight bytes, as an object's header carries them.
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    pub(crate) fn random() -> Result<Self, KeyError> {
        let mut bytes = [0; 8];
        fill_random(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl From<[u8; 8]> for KeyId {
    fn from(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 8];
        hex::decode_to_slice(text, &mut bytes).map_err(D::Error::custom)?;
        Ok(Self(bytes))
    }
}

/// One unwrapped key of a tenant.
pub struct KeyMaterial {
    id: KeyId,
    secret: Secret,
}

impl KeyMaterial {
    /// The key's id, to be written beside what it seals.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The key itself. Copies must be wiped by whoever makes them.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    pub(crate) fn new(id: KeyId, secret: Secret) -> Self {
        Self { id, secret }
    }
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyMaterial")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What a new object of a tenant is sealed with.
#[derive(Clone, Debug)]
pub struct WritingKeys {
    /// The active KEK version: wraps the object's data key.
    pub kek: Arc<KeyMaterial>,
    /// The active AUX key: makes the object's audit MAC; it outlives KEK rotations.
    pub aux: Arc<KeyMaterial>,
}

/// Fills `bytes` from the operating system's generator.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), KeyError> {
    getrandom::fill(bytes).map_err(|error| KeyError::NoRandomness(Arc::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does not compile for a field that is not wiped.
    fn is_wiped<S, T: zeroize::ZeroizeOnDrop>(_field: fn(&S) -> &T) {}

    #[test]
    fn keys_are_wiped() {
        is_wiped(|key: &KeyMaterial| &key.secret);
    }

    #[test]
    fn debug_shows_the_id_and_not_the_secret() {
        let material = KeyMaterial::new(KeyId::from([1; 8]), Zeroizing::new([0xc5; 32]));
        let shown = format!(
            "{material:?} {:?}",
            WritingKeys {
                kek: Arc::new(KeyMaterial::new(
                    KeyId::from([2; 8]),
                    Zeroizing::new([0xc5; 32])
                )),
                aux: Arc::new(KeyMaterial::new(
                    KeyId::from([3; 8]),
                    Zeroizing::new([0xc5; 32])
                )),
            }
        );
        assert!(shown.contains("0101010101010101"));
        for leak in ["197", "c5", "C5"] {
            assert!(!shown.contains(leak), "{shown}");
        }
    }

    #[test]
    fn an_id_of_another_length_is_refused() {
        assert!(serde_json::from_str::<KeyId>("\"0102030405060708\"").is_ok());
        assert!(serde_json::from_str::<KeyId>("\"01020304050607\"").is_err());
        assert!(serde_json::from_str::<KeyId>("\"zz02030405060708\"").is_err());
    }
}
