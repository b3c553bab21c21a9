//! A document with its MAC beside it; it must not know what the document says.
//!
//! `{"document": …, "mac": "64 hex digits"}`. The MAC is keyed BLAKE3 over the document's canonical
//! bytes: its members in the order of our struct, as JSON without white space. White space in the
//! store is free.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::{DocumentFault, Secret};

/// The key for the MACs of control documents, wiped on drop.
pub(super) struct MacKey(Secret);

/// The MAC of one version of a document: equal MACs mean equal documents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mac(blake3::Hash);

impl Mac {
    /// Whether both are the MAC of one document; in constant time.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl MacKey {
    pub(super) fn derive(deployment_key: &Secret) -> Self {
        Self::derive_for(MAC_CONTEXT, deployment_key)
    }

    /// The same for documents of another kind, which `context` names.
    pub(super) fn derive_for(context: &'static str, secret: &Secret) -> Self {
        Self(Zeroizing::new(blake3::derive_key(
            context,
            secret.as_slice(),
        )))
    }

    /// The bytes to store for `document`, and their MAC.
    pub(super) fn write<T: Serialize>(&self, document: &T) -> Result<(Bytes, Mac), DocumentFault> {
        let mac = self.mac(document)?;
        let stored = Stored {
            document,
            mac: mac.0.to_hex().to_string(),
        };
        let bytes = serde_json::to_vec_pretty(&stored).map_err(malformed)?;
        Ok((bytes.into(), mac))
    }

    /// The document, if its MAC verifies.
    pub(super) fn read<T: Serialize + DeserializeOwned>(
        &self,
        bytes: &[u8],
    ) -> Result<(T, Mac), DocumentFault> {
        let stored = parse::<T>(bytes)?;
        let claimed = blake3::Hash::from_hex(&stored.mac).map_err(|_| DocumentFault::Mac)?;
        let mac = self.mac(&stored.document)?;
        // blake3::Hash compares in constant time.
        if mac.0 == claimed {
            Ok((stored.document, mac))
        } else {
            Err(DocumentFault::Mac)
        }
    }

    fn mac<T: Serialize>(&self, document: &T) -> Result<Mac, DocumentFault> {
        let canonical = serde_json::to_vec(document).map_err(malformed)?;
        Ok(Mac(blake3::keyed_hash(&self.0, &canonical)))
    }
}

/// The document without looking at its MAC: for the one document that brings the key of all MACs.
pub(crate) fn read_unverified<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DocumentFault> {
    parse(bytes).map(|stored| stored.document)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<T> {
    document: T,
    mac: String,
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<Stored<T>, DocumentFault> {
    serde_json::from_slice(bytes).map_err(malformed)
}

fn malformed(error: serde_json::Error) -> DocumentFault {
    DocumentFault::Malformed(Arc::new(error))
}

const MAC_CONTEXT: &str = "sealgate 2026-11-21 control document mac";
