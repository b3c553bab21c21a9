//! The cipher suites: which hash, MAC and key derivation go with an id. The AEAD of a suite is in `chunk`.

use aws_lc_rs::hmac;
use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};
use zeroize::Zeroizing;

use crate::chunk::Backend;
use crate::error::{Error, Result};
use crate::fields::Fields;

/// A cipher suite. Every place that depends on it is a match on this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// 0x01: AES-256-GCM-SIV with BLAKE3. The default.
    GcmSivBlake3,
    /// 0x02: AES-256-GCM with nonces made by the module, KBKDF in counter mode with HMAC-SHA-512, SHA-256: algorithms
    /// that FIPS 140-3 approves. Everything of it runs in one module, aws-lc.
    GcmHmacSha512,
}

impl Suite {
    /// The id as stored.
    pub fn id(self) -> u8 {
        match self {
            Self::GcmSivBlake3 => 0x01,
            Self::GcmHmacSha512 => 0x02,
        }
    }

    /// The suite of a stored id.
    ///
    /// # Errors
    /// [`Error::Suite`] for an id this build cannot open.
    pub fn from_id(id: u8) -> Result<Self> {
        match id {
            0x01 => Ok(Self::GcmSivBlake3),
            0x02 => Ok(Self::GcmHmacSha512),
            _ => Err(Error::Suite),
        }
    }

    /// The name that people write: that of its AEAD.
    pub fn name(self) -> &'static str {
        match self {
            Self::GcmSivBlake3 => "aes-256-gcm-siv",
            Self::GcmHmacSha512 => "aes-256-gcm",
        }
    }

    /// Whose code seals frames with it on this machine; asking has it measured where there is a choice.
    pub fn implementation(self) -> &'static str {
        match self {
            Self::GcmSivBlake3 => Backend::fastest().name(),
            Self::GcmHmacSha512 => Backend::AwsLc.name(),
        }
    }

    /// Whether a tenant who asks for no less than `minimum` may use it. The order is that of the ids, 0x01 < 0x02: it
    /// ranks what a regulator accepts. Neither suite is known to be weaker.
    pub fn satisfies(self, minimum: Self) -> bool {
        match minimum {
            Self::GcmSivBlake3 => true,
            Self::GcmHmacSha512 => self == Self::GcmHmacSha512,
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
                let mac = *hasher.finalize().as_bytes();
                // It still holds the key.
                zeroize::Zeroize::zeroize(&mut hasher);
                mac
            }
            Self::GcmHmacSha512 => {
                let key = hmac::Key::new(hmac::HMAC_SHA512, key.bytes());
                let mut running = hmac::Context::with_key(&key);
                for piece in pieces {
                    running.update(piece);
                }
                front(running.sign().as_ref())
            }
        }
    }

    /// `KDF(key, label, info)`, where `label` carries the format's prefix and `info` is the concatenation of `pieces`.
    ///
    /// # Errors
    /// [`Error::Module`], of which suite 0x01 has none.
    pub(crate) fn derive(self, key: &[u8; 32], label: &str, pieces: &[&[u8]]) -> Result<Secret> {
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
                Ok(Secret(derived))
            }
            Self::GcmHmacSha512 => {
                let mut derived = Zeroizing::new([0; 32]);
                kbkdf(key, &fixed_input(label, pieces), derived.as_mut())?;
                Ok(Secret(derived))
            }
        }
    }

    /// A running `H`.
    pub fn digest(self) -> Digest {
        match self {
            Self::GcmSivBlake3 => Digest(Running::Blake3(Box::default())),
            Self::GcmHmacSha512 => Digest(Running::Sha256(aws_lc_rs::digest::Context::new(
                &aws_lc_rs::digest::SHA256,
            ))),
        }
    }
}

impl std::fmt::Display for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no suite's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be aes-256-gcm-siv or aes-256-gcm")]
pub struct UnknownSuite;

impl std::str::FromStr for Suite {
    type Err = UnknownSuite;

    fn from_str(name: &str) -> std::result::Result<Self, UnknownSuite> {
        [Self::GcmSivBlake3, Self::GcmHmacSha512]
            .into_iter()
            .find(|suite| suite.name() == name)
            .ok_or(UnknownSuite)
    }
}

/// Thirty-two secret bytes, wiped on drop, without `Debug`.
#[derive(Clone, zeroize::ZeroizeOnDrop)]
pub(crate) struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A running hash.
pub struct Digest(Running);

enum Running {
    /// Boxed because its state is two kilobytes and sealers are moved about.
    Blake3(Box<blake3::Hasher>),
    Sha256(aws_lc_rs::digest::Context),
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest")
    }
}

impl Digest {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Running::Blake3(hasher) => {
                hasher.update(bytes);
            }
            Running::Sha256(context) => context.update(bytes),
        }
    }

    /// The hash of all bytes taken.
    pub fn finish(self) -> [u8; 32] {
        match self.0 {
            Running::Blake3(hasher) => *hasher.finalize().as_bytes(),
            Running::Sha256(context) => front(context.finish().as_ref()),
        }
    }
}

/// What SP 800-108 calls the fixed input: label, a zero byte, context, the length of the output in bits.
fn fixed_input(label: &str, pieces: &[&[u8]]) -> Vec<u8> {
    [
        label.as_bytes(),
        &[0],
        &pieces.concat(),
        &256_u32.to_be_bytes(),
    ]
    .concat()
}

/// The KDF in counter mode of SP 800-108 with HMAC-SHA-512, its counter of 32 bits in front of the fixed input.
pub(crate) fn kbkdf(key: &[u8], fixed: &[u8], out: &mut [u8]) -> Result<()> {
    get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha512)
        .and_then(|kdf| kbkdf_ctr_hmac(kdf, key, fixed, out).ok())
        .ok_or(Error::Module)
}

/// The first 32 of at least as many bytes.
fn front(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
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
