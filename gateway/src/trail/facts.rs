//! What operations find out about their objects, for the record. They travel in responses' extensions.

use http::HeaderMap;
use sealed_object::{KeyId, ObjectId, Plain, Suite, Summary};

use crate::s3::range::Satisfied;

/// What an operation found out about its object, for the record. Travels in the response's extensions.
#[derive(Debug, Clone)]
pub struct Facts {
    pub(super) object_id: Option<String>,
    pub(super) version: Option<String>,
    pub(super) written: Option<u64>,
    pub(super) range: Option<String>,
    /// Key and suite.
    pub(super) sealed_under: Option<(String, &'static str)>,
    /// What was uploaded, where its bytes passed through here.
    pub(super) uploaded: Option<Uploaded>,
    /// What became of each key of a request that names several.
    pub(super) keys: Vec<KeyOutcome>,
    /// Until when it was said that the object is kept.
    pub(super) retain_until: Option<String>,
}

/// The content of an upload.
#[derive(Debug, Clone)]
pub struct Uploaded {
    /// `blake3` or `sha256`.
    pub algorithm: &'static str,
    /// In hex.
    pub digest: String,
    /// The lengths of its parts, if those are more than one.
    pub parts: Vec<u64>,
}

impl Uploaded {
    /// What a summary says of an object of this suite, in parts of these lengths.
    pub fn of(suite: Suite, summary: &Summary, parts: &[u64]) -> Self {
        Self {
            algorithm: match suite {
                Suite::GcmSivBlake3 => "blake3",
                Suite::GcmHmacSha512 => "sha256",
            },
            digest: hex::encode(summary.pt_digest),
            parts: if parts.len() > 1 {
                parts.to_vec()
            } else {
                Vec::new()
            },
        }
    }
}

/// One key of `DeleteObjects`.
#[derive(Debug, Clone)]
pub struct KeyOutcome {
    /// The key.
    pub key: String,
    /// The version named or made.
    pub version: Option<String>,
    /// The error code, if it was not done.
    pub error: Option<String>,
    /// Why policy denied it, if it did.
    pub denial: Option<policies::Denial>,
}

impl Facts {
    /// An object was uploaded.
    pub fn uploaded(summary: &Summary, store: &HeaderMap, uploaded: Uploaded) -> Self {
        Self {
            uploaded: Some(uploaded),
            ..Self::copied(summary.object_id, store, summary.plain)
        }
    }

    /// An object was made of another.
    pub fn copied(object_id: ObjectId, store: &HeaderMap, plain: Plain) -> Self {
        Self {
            object_id: Some(hex::encode(object_id.0)),
            version: version_of(store),
            written: Some(plain.0),
            range: None,
            sealed_under: None,
            uploaded: None,
            keys: Vec::new(),
            retain_until: None,
        }
    }

    /// The object is sealed under this key, in this suite.
    #[must_use]
    pub fn under(self, kek: KeyId, suite: Suite) -> Self {
        Self {
            sealed_under: Some((hex::encode(kek.0), suite.name())),
            ..self
        }
    }

    /// Several keys were dealt with.
    pub fn of_keys(keys: Vec<KeyOutcome>) -> Self {
        Self {
            object_id: None,
            version: None,
            written: None,
            range: None,
            sealed_under: None,
            uploaded: None,
            keys,
            retain_until: None,
        }
    }

    /// An object, or a version of it, was deleted; the store's answer names the version or marker.
    pub fn deleted(store: &HeaderMap) -> Self {
        Self {
            version: version_of(store),
            ..Self::of_keys(Vec::new())
        }
    }

    /// An object is kept until a time, as a client wrote it; the store's answer names the version.
    pub fn retained(store: &HeaderMap, until: Option<&str>) -> Self {
        Self {
            version: version_of(store),
            retain_until: until.map(str::to_owned),
            ..Self::of_keys(Vec::new())
        }
    }

    /// An object, or a range of it, is being read.
    pub fn read(object_id: ObjectId, store: &HeaderMap, range: Option<Satisfied>) -> Self {
        let range = range.map(|range| format!("{}-{}", range.first, range.last));
        Self {
            object_id: Some(hex::encode(object_id.0)),
            version: version_of(store),
            written: None,
            range,
            sealed_under: None,
            uploaded: None,
            keys: Vec::new(),
            retain_until: None,
        }
    }
}

fn version_of(store: &HeaderMap) -> Option<String> {
    store
        .get("x-amz-version-id")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}
