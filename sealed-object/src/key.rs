//! The whole key hierarchy on one screen: every key type, every label, every derivation. Knows no layout and no AEAD.

use std::fmt;

use crate::error::Result;
use crate::format;
use crate::id::{KeyId, ObjectId};
use crate::random::{self, Random};
use crate::suite::{Secret, Suite, length_prefix};

/// A key-encryption key: one version in a tenant's keyring. Wiped on drop.
#[derive(Clone)]
pub struct Kek {
    id: KeyId,
    key: Secret,
}

/// A tenant's auxiliary key, from which the audit MAC comes; it outlives KEK rotations. Wiped on drop.
#[derive(Clone)]
pub struct Aux {
    id: KeyId,
    key: Secret,
}

/// One object's data key. Wiped on drop.
#[derive(Clone)]
pub(crate) struct Dek(Secret);

/// Where an object lives, as its header is bound to it: tenant, logical bucket, object key.
#[derive(Clone, PartialEq, Eq)]
pub struct Context {
    encoded: Vec<u8>,
}

impl Context {
    /// Of a tenant id, a logical bucket's UUID and an object key as its bytes.
    pub fn new(tenant: &str, bucket: &[u8; 16], key: &[u8]) -> Self {
        let fields: [&[u8]; 4] = [b"SOF1-ctx", tenant.as_bytes(), bucket, key];
        let prefixed = |field: &&[u8]| [&length_prefix(field.len()), *field].concat();
        Self {
            encoded: fields.iter().flat_map(prefixed).collect(),
        }
    }

    pub(crate) fn hash(&self, suite: Suite) -> [u8; 32] {
        suite.hash(&[&self.encoded])
    }
}

impl Kek {
    /// Of its name in the keyring and its bytes.
    pub fn new(id: KeyId, key: [u8; 32]) -> Self {
        Self {
            id,
            key: Secret::new(key),
        }
    }

    /// Its name in the keyring.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn wrapping(
        &self,
        suite: Suite,
        salt: &[u8; 16],
        ctx: &[u8; 32],
        object: ObjectId,
    ) -> Secret {
        let info: [&[u8]; 5] = [salt, ctx, &[suite.id()], &self.id.0, &object.0];
        suite.derive(self.key.bytes(), "SOF1 2026-11-21 dek-wrap", &info)
    }

    pub(crate) fn header_mac(&self, suite: Suite, salt: &[u8; 16]) -> Secret {
        suite.derive(self.key.bytes(), "SOF1 2026-11-21 hdr-mac", &[salt])
    }

    pub(crate) fn upload_mac(&self, suite: Suite, salt: &[u8; 16]) -> Secret {
        suite.derive(self.key.bytes(), "SOF1 2026-11-21 mpu-ctx-mac", &[salt])
    }
}

impl Aux {
    /// Of its name in the keyring and its bytes.
    pub fn new(id: KeyId, key: [u8; 32]) -> Self {
        Self {
            id,
            key: Secret::new(key),
        }
    }

    /// Its name in the keyring.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn audit_mac(&self, suite: Suite) -> Secret {
        suite.derive(self.key.bytes(), "SOF1 2026-11-21 audit-mac", &[])
    }
}

impl Dek {
    pub(crate) fn generate(random: &dyn Random) -> Result<Self> {
        Ok(Self(Secret::new(random::draw(random)?)))
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// The bytes, to be wrapped.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        self.0.bytes()
    }

    pub(crate) fn commitment(&self, suite: Suite, object: ObjectId) -> [u8; 32] {
        let info: [&[u8]; 3] = [&object.0, &[suite.id()], &[format::FRAME_LOG2]];
        *suite
            .derive(self.bytes(), "SOF1 2026-11-21 dek-commit", &info)
            .bytes()
    }

    pub(crate) fn part(&self, suite: Suite, part_header: &[u8]) -> Secret {
        suite.derive(self.bytes(), "SOF1 2026-11-21 part-key", &[part_header])
    }

    pub(crate) fn metadata(&self, suite: Suite, object: ObjectId) -> Secret {
        suite.derive(self.bytes(), "SOF1 2026-11-21 meta-seal", &[&object.0])
    }

    pub(crate) fn trailer_seal(&self, suite: Suite, object: ObjectId) -> Secret {
        suite.derive(self.bytes(), "SOF1 2026-11-21 trailer-seal", &[&object.0])
    }

    pub(crate) fn trailer_mac(&self, suite: Suite, object: ObjectId) -> Secret {
        suite.derive(self.bytes(), "SOF1 2026-11-21 trailer-mac", &[&object.0])
    }

    pub(crate) fn part_token_mac(&self, suite: Suite, object: ObjectId) -> Secret {
        suite.derive(self.bytes(), "SOF1 2026-11-21 part-token-mac", &[&object.0])
    }
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kek({})", self.id)
    }
}

impl fmt::Debug for Aux {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aux({})", self.id)
    }
}

/// Object keys may be confidential, so the context does not show itself.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}
