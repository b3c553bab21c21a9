//! A control document with a MAC, bound to the place it lies at: the store can lose it or bring back an
//! older one, but not write, change or move one.

use hmac::{Hmac, KeyInit as _, Mac as _};
use object_store::path::Path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The key of the deployment's control documents, derived from the deployment key.
pub struct DocumentKey(Zeroizing<[u8; 32]>);

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is not JSON of the right shape.
    #[error("it is not a document of ours")]
    Malformed(#[from] serde_json::Error),
    /// Its MAC is not that of this deployment, or it lay elsewhere.
    #[error("it was not written by this deployment for this place")]
    Forged,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    /// The document's JSON as text: the MAC covers exactly these bytes.
    document: String,
    /// HMAC-SHA-256, hexadecimal.
    mac: String,
}

impl DocumentKey {
    /// A key of 32 secret bytes.
    pub fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self(secret)
    }

    /// The bytes to store at `location`.
    pub(super) fn write<T: Serialize>(
        &self,
        location: &Path,
        value: &T,
    ) -> Result<Vec<u8>, DocumentError> {
        let document = serde_json::to_string(value)?;
        let mac = hex::encode(self.mac(location, &document).finalize().into_bytes());
        Ok(serde_json::to_vec_pretty(&Signed { document, mac })?)
    }

    /// The document in bytes read from `location`.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        location: &Path,
        bytes: &[u8],
    ) -> Result<T, DocumentError> {
        let signed: Signed = serde_json::from_slice(bytes)?;
        let claimed = hex::decode(&signed.mac).map_err(|_| DocumentError::Forged)?;
        self.mac(location, &signed.document)
            .verify_slice(&claimed)
            .map_err(|_| DocumentError::Forged)?;
        Ok(serde_json::from_str(&signed.document)?)
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

impl std::fmt::Debug for DocumentKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DocumentKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does not compile for a field that is not wiped.
    fn is_wiped<S, T: zeroize::ZeroizeOnDrop>(_field: fn(&S) -> &T) {}

    #[test]
    fn the_key_is_wiped_and_not_shown() {
        is_wiped(|key: &DocumentKey| &key.0);
        let key = DocumentKey::new(Zeroizing::new([0xc5; 32]));
        assert_eq!(format!("{key:?}"), "DocumentKey");
    }

    #[test]
    fn a_document_is_good_at_its_place_unchanged_and_under_its_key() {
        let (key, other) = (
            DocumentKey::new(Zeroizing::new([1; 32])),
            DocumentKey::new(Zeroizing::new([2; 32])),
        );
        let (here, there) = (
            Path::from("tenants/a/x.json"),
            Path::from("tenants/b/x.json"),
        );
        let bytes = key.write(&here, &"mine").unwrap();
        assert_eq!(key.read::<String>(&here, &bytes).unwrap(), "mine");
        let changed = String::from_utf8(bytes.clone())
            .unwrap()
            .replace("mine", "thine")
            .into_bytes();
        assert!(matches!(
            key.read::<String>(&there, &bytes),
            Err(DocumentError::Forged)
        ));
        assert!(matches!(
            key.read::<String>(&here, &changed),
            Err(DocumentError::Forged)
        ));
        assert!(matches!(
            other.read::<String>(&here, &bytes),
            Err(DocumentError::Forged)
        ));
        assert!(matches!(
            key.read::<String>(&here, b"{}"),
            Err(DocumentError::Malformed(_))
        ));
    }
}
