//! The encryption context: what a wrapped key is bound to. It carries ids, never names of objects,
//! because a KMS shows it in clear in its own log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{KeyId, Purpose};

/// An ordered map of names to values; a wrapped key opens only under the very map it was wrapped
/// with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EncryptionContext(BTreeMap<String, String>);

impl EncryptionContext {
    /// The context of a deployment's own key.
    pub fn for_deployment(deployment: &str) -> Self {
        Self::of([
            ("sof:deployment", deployment),
            ("sof:purpose", "deployment"),
        ])
    }

    /// The context of one KEK version or AUX key of a tenant. `sof:kek` is the key's id, as 16 hex
    /// digits.
    pub fn for_key(deployment: &str, tenant: &str, id: KeyId, purpose: Purpose) -> Self {
        Self::of([
            ("sof:deployment", deployment),
            ("sof:tenant", tenant),
            ("sof:kek", &id.to_string()),
            ("sof:purpose", purpose.as_str()),
        ])
    }

    /// The context of a key that one object has for itself. `sof:object` is the object's id, as 32 hex digits.
    pub fn for_object(deployment: &str, tenant: &str, object: &[u8; 16]) -> Self {
        Self::of([
            ("sof:deployment", deployment),
            ("sof:tenant", tenant),
            ("sof:object", &hex::encode(object)),
            ("sof:purpose", "object"),
        ])
    }

    /// The pairs, ordered by name; what a remote KMS is given.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// One encoding for each map, and one map for each encoding: every string behind its length
    /// (u64, big-endian), names in ascending order. Used as associated data where the AEAD is ours.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = DOMAIN.to_vec();
        for (name, value) in self.pairs() {
            for text in [name, value] {
                bytes.extend_from_slice(
                    &u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes(),
                );
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        bytes
    }

    fn of<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}

/// Keeps these bytes apart from any other use of associated data.
const DOMAIN: &[u8] = b"sealgate encryption context 1\0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_context_has_the_four_names_of_the_design() {
        let context = EncryptionContext::for_key("d", "t", KeyId::from([0xab; 8]), Purpose::Aux);
        let pairs: Vec<_> = context.pairs().collect();
        assert_eq!(
            pairs,
            [
                ("sof:deployment", "d"),
                ("sof:kek", "abababababababab"),
                ("sof:purpose", "aux"),
                ("sof:tenant", "t"),
            ]
        );
    }

    #[test]
    fn moving_a_byte_between_neighbours_changes_the_encoding() {
        let one = EncryptionContext::of([("a", "bc"), ("d", "")]);
        let other = EncryptionContext::of([("a", "b"), ("cd", "")]);
        assert_ne!(one.canonical_bytes(), other.canonical_bytes());
    }
}
