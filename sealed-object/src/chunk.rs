//! The one caller of an AEAD: seals and opens `nonce 12 ‖ text ‖ tag 16` in place. Knows no keys' origin and no layout.

use aes_gcm_siv::aead::inout::InOutBuf;
use aes_gcm_siv::{AeadInOut, Aes256GcmSiv, KeyInit, Nonce, Tag};
use aws_lc_rs::aead::{self, Aad, RandomizedNonceKey};

use crate::error::{Error, Result};
use crate::format::{NONCE_LEN, TAG_LEN};
use crate::random::Random;
use crate::suite::{Secret, Suite};

/// An AEAD key, its schedule computed; the schedule is wiped on drop (feature `zeroize` of `aes` and `polyval`; aws-lc
/// wipes all memory that it frees).
pub(crate) enum ChunkKey {
    /// Boxed: the AES-256 schedule is large and sealers are moved about.
    GcmSiv(Box<Aes256GcmSiv>),
    /// The one key type whose nonces the module makes itself: a FIPS module approves no other sealing with AES-GCM.
    Gcm(RandomizedNonceKey),
}

/// The text does not authenticate, or is too short to. Carries no detail on purpose.
pub(crate) struct Forged;

impl ChunkKey {
    pub(crate) fn new(suite: Suite, key: &Secret) -> Result<Self> {
        match suite {
            Suite::GcmSivBlake3 => Ok(Self::GcmSiv(Box::new(Aes256GcmSiv::new(
                key.bytes().into(),
            )))),
            Suite::GcmHmacSha512 => RandomizedNonceKey::new(&aead::AES_256_GCM, key.bytes())
                .map(Self::Gcm)
                .map_err(|_| Error::Module),
        }
    }

    /// Seals in place: `chunk` is twelve bytes of room and the plaintext; the room receives a fresh nonce.
    ///
    /// The tag comes back for the caller to append. The nonce is drawn from `random`, or by the module where the
    /// suite requires that.
    pub(crate) fn seal(
        &self,
        random: &dyn Random,
        aad: &[u8],
        chunk: &mut [u8],
    ) -> Result<[u8; TAG_LEN]> {
        let Some((nonce, text)) = chunk.split_first_chunk_mut::<NONCE_LEN>() else {
            return Err(Error::Length);
        };
        match self {
            Self::GcmSiv(cipher) => {
                random.fill(nonce)?;
                cipher
                    .encrypt_inout_detached(&Nonce::from(*nonce), aad, InOutBuf::from(text))
                    .map(Into::into)
                    .map_err(|_| Error::Length)
            }
            Self::Gcm(key) => {
                let (made, tag) = key
                    .seal_in_place_separate_tag(Aad::from(aad), text)
                    .map_err(|_| Error::Module)?;
                *nonce = *made.as_ref();
                tag.as_ref().try_into().map_err(|_| Error::Module)
            }
        }
    }

    /// Opens in place: after success the plaintext is what lies between nonce and tag.
    ///
    /// After a failure the buffer holds nothing that may be looked at; callers drop it.
    pub(crate) fn open(&self, aad: &[u8], chunk: &mut [u8]) -> std::result::Result<(), Forged> {
        let (nonce, rest) = chunk.split_first_chunk_mut::<NONCE_LEN>().ok_or(Forged)?;
        match self {
            Self::GcmSiv(cipher) => {
                let (text, tag) = rest.split_last_chunk_mut::<TAG_LEN>().ok_or(Forged)?;
                cipher
                    .decrypt_inout_detached(
                        &Nonce::from(*nonce),
                        aad,
                        InOutBuf::from(text),
                        &Tag::from(*tag),
                    )
                    .map_err(|_| Forged)
            }
            Self::Gcm(key) => key
                .open_in_place((&*nonce).into(), Aad::from(aad), rest)
                .map(drop)
                .map_err(|_| Forged),
        }
    }

    /// Seals a short text into a new `nonce ‖ ct ‖ tag`.
    pub(crate) fn seal_short(
        &self,
        random: &dyn Random,
        aad: &[u8],
        text: &[u8],
    ) -> Result<Vec<u8>> {
        let mut chunk = Vec::with_capacity(text.len().saturating_add(NONCE_LEN + TAG_LEN));
        chunk.resize(NONCE_LEN, 0);
        chunk.extend_from_slice(text);
        let tag = self.seal(random, aad, &mut chunk)?;
        chunk.extend_from_slice(&tag);
        Ok(chunk)
    }

    /// Opens a short `nonce ‖ ct ‖ tag` and hands back its text, wiped when dropped.
    pub(crate) fn open_short(
        &self,
        aad: &[u8],
        chunk: &[u8],
    ) -> std::result::Result<zeroize::Zeroizing<Vec<u8>>, Forged> {
        let mut chunk = zeroize::Zeroizing::new(chunk.to_vec());
        self.open(aad, &mut chunk)?;
        let text_end = chunk.len().checked_sub(TAG_LEN).ok_or(Forged)?;
        chunk.truncate(text_end);
        chunk.drain(..NONCE_LEN);
        Ok(chunk)
    }
}
