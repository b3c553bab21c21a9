//! Seals short texts that travel, session tokens for one, under a key of the deployment. It must not know what they
//! say.

use zeroize::Zeroizing;

use crate::{KeyError, Secret, aead};

/// A key for one purpose, wiped when dropped.
pub struct SealingKey(Secret);

impl SealingKey {
    /// Takes a key that is used for nothing else: [`crate::DeploymentKey::derive`] makes one for each purpose.
    pub fn new(key: Secret) -> Self {
        Self(key)
    }

    /// Seals `text`, bound to `context`: what it is and where it belongs. 29 bytes longer than the text.
    ///
    /// # Errors
    /// When the machine gives no randomness, or the text has many gigabytes.
    pub fn seal(&self, context: &[u8], text: &[u8]) -> Result<Vec<u8>, KeyError> {
        aead::seal(&self.0, context, text)
    }

    /// The text; `None` for anything that was not sealed with this key and context.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        aead::open(&self.0, context, sealed)
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SealingKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does not compile for a field that is not wiped.
    fn is_wiped<S, T: zeroize::ZeroizeOnDrop>(_field: fn(&S) -> &T) {}

    #[test]
    fn the_key_is_wiped_and_not_shown() {
        is_wiped(|key: &SealingKey| &key.0);
        let key = SealingKey::new(Secret::new([0xc5; 32]));
        assert_eq!(format!("{key:?}"), "SealingKey");
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_context_only() {
        let (key, other) = (
            SealingKey::new(Secret::new([1; 32])),
            SealingKey::new(Secret::new([2; 32])),
        );
        let sealed = key.seal(b"here", b"a text").unwrap();
        assert_eq!(**key.open(b"here", &sealed).unwrap(), *b"a text");
        assert!(key.open(b"there", &sealed).is_none());
        assert!(other.open(b"here", &sealed).is_none());
    }
}
