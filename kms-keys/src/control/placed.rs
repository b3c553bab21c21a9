//! Documents beside the keyrings, such as a bucket's: text with a MAC that is bound to the place it lies at. The
//! store can lose one or bring back an older one, but not write, change or move one.
//!
//! `{"document": "text", "mac": "64 hex digits"}`. The MAC is HMAC-SHA-256 over the place, a zero byte and the text.

use std::sync::Arc;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use object_store::path::Path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{DeploymentKey, DocumentFault, Secret};

/// The key of a deployment's placed documents, wiped on drop.
pub struct PlacedDocuments(Secret);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// The document's JSON as text: the MAC covers exactly these bytes.
    document: String,
    /// Hexadecimal.
    mac: String,
}

impl PlacedDocuments {
    /// A key of 32 secret bytes.
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// The key of this deployment's.
    pub fn of(deployment: &DeploymentKey) -> Self {
        Self(deployment.derive(CONTEXT))
    }

    /// The bytes to store at `location`.
    pub fn write<T: Serialize>(&self, location: &Path, value: &T) -> Result<Bytes, DocumentFault> {
        let document = serde_json::to_string(value).map_err(malformed)?;
        let mac = hex::encode(self.mac(location, &document).finalize().into_bytes());
        let stored = Stored { document, mac };
        let bytes = serde_json::to_vec_pretty(&stored).map_err(malformed)?;
        Ok(bytes.into())
    }

    /// The document in bytes read from `location`.
    ///
    /// # Errors
    /// `Mac` where this deployment did not write it for this place; `Malformed` where it is no such document.
    pub fn read<T: DeserializeOwned>(
        &self,
        location: &Path,
        bytes: &[u8],
    ) -> Result<T, DocumentFault> {
        let stored: Stored = serde_json::from_slice(bytes).map_err(malformed)?;
        let claimed = hex::decode(&stored.mac).map_err(|_| DocumentFault::Mac)?;
        self.mac(location, &stored.document)
            .verify_slice(&claimed)
            .map_err(|_| DocumentFault::Mac)?;
        serde_json::from_str(&stored.document).map_err(malformed)
    }

    fn mac(&self, location: &Path, document: &str) -> Hmac<Sha256> {
        // HMAC fills a short key with zeros up to its block.
        let mut block = Zeroizing::new([0; 64]);
        block
            .iter_mut()
            .zip(self.0.iter())
            .for_each(|(slot, byte)| *slot = *byte);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        // A path holds no NUL, so place and document cannot run into each other.
        mac.update(location.as_ref().as_bytes());
        mac.update(&[0]);
        mac.update(document.as_bytes());
        mac
    }
}

fn malformed(error: serde_json::Error) -> DocumentFault {
    DocumentFault::Malformed(Arc::new(error))
}

/// What the key is derived for.
const CONTEXT: &str = "sealgate 2026-11-21 control documents";

impl std::fmt::Debug for PlacedDocuments {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PlacedDocuments")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does not compile for a field that is not wiped.
    fn is_wiped<S, T: zeroize::ZeroizeOnDrop>(_field: fn(&S) -> &T) {}

    #[test]
    fn the_key_is_wiped_and_not_shown() {
        is_wiped(|key: &PlacedDocuments| &key.0);
        let key = PlacedDocuments::new(Zeroizing::new([0xc5; 32]));
        assert_eq!(format!("{key:?}"), "PlacedDocuments");
    }

    #[test]
    fn a_document_is_good_at_its_place_unchanged_and_under_its_key() {
        let (key, other) = (
            PlacedDocuments::new(Zeroizing::new([1; 32])),
            PlacedDocuments::new(Zeroizing::new([2; 32])),
        );
        let (here, there) = (
            Path::from("tenants/a/x.json"),
            Path::from("tenants/b/x.json"),
        );
        let bytes = key.write(&here, &"mine").unwrap();
        assert_eq!(key.read::<String>(&here, &bytes).unwrap(), "mine");
        let changed = String::from_utf8(bytes.to_vec())
            .unwrap()
            .replace("mine", "thine")
            .into_bytes();
        assert!(matches!(
            key.read::<String>(&there, &bytes),
            Err(DocumentFault::Mac)
        ));
        assert!(matches!(
            key.read::<String>(&here, &changed),
            Err(DocumentFault::Mac)
        ));
        assert!(matches!(
            other.read::<String>(&here, &bytes),
            Err(DocumentFault::Mac)
        ));
        assert!(matches!(
            key.read::<String>(&here, b"{}"),
            Err(DocumentFault::Malformed(_))
        ));
    }
}
