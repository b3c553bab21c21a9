//! Secret access keys, the signing keys derived from them, and signatures that can only be compared
//! in constant time. It must not know what is signed.

use std::fmt;
use std::time::SystemTime;

use aws_sigv4::sign::v4::generate_signing_key;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret access key. Never printed, wiped when dropped.
pub struct SecretKey(Zeroizing<String>);

impl SecretKey {
    /// Takes the secret as text, as S3 clients are configured with it.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(Zeroizing::new(secret.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// The key of one secret, day, region and service.
#[derive(Clone)]
pub(super) struct SigningKey(Zeroizing<[u8; KEY_LENGTH]>);

impl SigningKey {
    /// Derives the key for the UTC day of `time`.
    pub(super) fn derive(
        secret: &SecretKey,
        time: SystemTime,
        region: &str,
        service: &str,
    ) -> Self {
        let derived = generate_signing_key(secret.expose(), time, region, service);
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        for (to, from) in key.iter_mut().zip(derived.as_ref()) {
            *to = *from;
        }
        Self(key)
    }

    pub(super) fn sign(&self, text: &[u8]) -> Signature {
        // RFC 2104 pads a short key with zeros to the block, so a padded key gives the same MAC, by
        // a constructor that cannot fail.
        let mut block = Zeroizing::new([0; BLOCK_LENGTH]);
        for (to, from) in block.iter_mut().zip(self.0.iter()) {
            *to = *from;
        }
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(text);
        Signature(hex::encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// A signature we calculated: 64 lower-case hexadecimal digits. It has no `==`, so that nobody
/// compares it in variable time.
#[derive(Debug, Clone)]
pub(super) struct Signature(String);

impl Signature {
    /// Whether the signature that was sent is this one. S3 writes signatures in lower case only.
    pub(super) fn matches(&self, sent: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(sent).into()
    }

    pub(super) fn as_hex(&self) -> &str {
        &self.0
    }
}

const KEY_LENGTH: usize = 32;
const BLOCK_LENGTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// Does not compile for a field that is not wiped.
    fn is_wiped<S, T: zeroize::ZeroizeOnDrop>(_field: fn(&S) -> &T) {}

    #[test]
    fn secrets_are_wiped() {
        is_wiped(|secret: &SecretKey| &secret.0);
        is_wiped(|key: &SigningKey| &key.0);
    }

    #[test]
    fn secrets_are_not_printed() {
        let secret = SecretKey::new("wJalrXUtnFEMI");
        let key = SigningKey::derive(&secret, SystemTime::UNIX_EPOCH, "us-east-1", "s3");
        assert!(!format!("{secret:?}{key:?}").contains("wJal"));
    }

    #[test]
    fn the_mac_is_the_one_of_aws_sigv4() {
        let secret = SecretKey::new("any secret");
        let key = SigningKey::derive(&secret, SystemTime::UNIX_EPOCH, "eu-west-1", "s3");
        let oracle = aws_sigv4::sign::v4::calculate_signature(*key.0, b"a text");
        assert_eq!(key.sign(b"a text").as_hex(), oracle);
    }

    #[test]
    fn a_signature_matches_itself_only() {
        let signature = Signature("ab".repeat(32));
        assert!(signature.matches("ab".repeat(32).as_bytes()));
        assert!(!signature.matches("AB".repeat(32).as_bytes()));
        assert!(!signature.matches("ab".repeat(31).as_bytes()));
        assert!(!signature.matches(b""));
    }
}
