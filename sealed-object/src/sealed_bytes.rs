//! The type that keeps plaintext from the upstream: bytes that this crate sealed. Must not gain a public constructor.

use bytes::Bytes;

/// Bytes of a sealed object. Only sealers, the footer and the staged relay of this crate can make one.
///
/// ```compile_fail
/// let plaintext = bytes::Bytes::from_static(b"secret");
/// let sealed = sealed_object::SealedBytes(plaintext);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SealedBytes(Bytes);

impl SealedBytes {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes as they are stored. There is no way back.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl std::fmt::Debug for SealedBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedBytes({} bytes)", self.0.len())
    }
}
