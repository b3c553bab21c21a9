//! The cipher suites: which hash, MAC and key derivation go with an id. The AEAD of a suite is in `chunk`.

use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::fields::Fields;

/// A cipher suite. Every place that depends on it is a match on this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// 0x01: AES-256-GCM-SIV with BLAKE3. The default.
    GcmSivBlake3,
}

impl Suite {
    /// The id as stored.
    pub fn id(self) -> u8 {
        match self {
            Self::GcmSivBlake3 => 0x01,
        }
    }

    /// The suite of a stored id.
    ///
    /// # Errors
    /// [`Error::Suite`] for an id this build cannot open.
    pub fn from_id(id: u8) -> Result<Self> {
        match id {
            0x01 => Ok(Self::GcmSivBlake3),
            _ => Err(Error::Suite),
        }
    }

    /// `H` over the concatenation of `pieces`.
    pub(crate) fn hash(self, pieces: &[&[u8]]) -> [u8; 32] {
        let mut digest = self.digest();
        for piece in pieces {
            digest.update(piece);
        }
        digest.finish()
    }

    /// `MAC` over the concatenation of `pieces`.
    pub(crate) fn mac(self, key: &Secret, pieces: &[&[u8]]) -> [u8; 32] {
        match self {
            Self::GcmSivBlake3 => {
                let mut hasher = blake3::Hasher::new_keyed(key.bytes());
                for piece in pieces {
                    hasher.update(piece);
                }
                *hasher.finalize().as_bytes()
            }
        }
    }

    /// `KDF(key, label, info)`, where `label` carries the format's prefix and `info` is the concatenation of `pieces`.
    pub(crate) fn derive(self, key: &[u8; 32], label: &str, pieces: &[&[u8]]) -> Secret {
        match self {
            Self::GcmSivBlake3 => {
                let mut hasher = blake3::Hasher::new_derive_key(label);
                hasher.update(&length_prefix(key.len()));
                hasher.update(key);
                hasher.update(&length_prefix(pieces.iter().map(|piece| piece.len()).sum()));
                for piece in pieces {
                    hasher.update(piece);
                }
                let mut reader = hasher.finalize_xof();
                let mut derived = Zeroizing::new([0; 32]);
                reader.fill(derived.as_mut());
                zeroize::Zeroize::zeroize(&mut reader);
                zeroize::Zeroize::zeroize(&mut hasher);
                Secret(derived)
            }
        }
    }

    /// A running `H`.
    pub fn digest(self) -> Digest {
        match self {
            Self::GcmSivBlake3 => Digest(Box::new(blake3::Hasher::new())),
        }
    }
}

/// Thirty-two secret bytes, wiped on drop, without `Debug`.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A running hash; boxed because its state is two kilobytes and sealers are moved about.
pub struct Digest(Box<blake3::Hasher>);

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest")
    }
}

impl Digest {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all bytes taken.
    pub fn finish(self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

/// The 32-bit length in front of `LP(x)`. What this crate prefixes is far below 4 GiB.
pub(crate) fn length_prefix(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}

/// Equality in constant time.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(left, right).into()
}

/// Reads the suite id of a nested structure, which must be the object's.
pub(crate) fn expect_suite(fields: &mut Fields<'_>, suite: Suite) -> Result<()> {
    match fields.u8() {
        Some(id) if id == suite.id() => Ok(()),
        _ => Err(Error::Suite),
    }
}
