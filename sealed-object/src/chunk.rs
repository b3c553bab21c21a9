//! The one caller of an AEAD: seals and opens `nonce 12 ‖ text ‖ tag 16` in place. Knows no keys' origin and no layout.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aes_gcm_siv::aead::inout::InOutBuf;
use aes_gcm_siv::{AeadInOut, Aes256GcmSiv, KeyInit, Nonce, Tag};
use aws_lc_rs::aead::{self, Aad, LessSafeKey, RandomizedNonceKey, UnboundKey};

use crate::error::{Error, Result};
use crate::format::{NONCE_LEN, TAG_LEN};
use crate::random::Random;
use crate::suite::{Secret, Suite};

/// An AEAD key, its schedule computed; the schedule is wiped on drop (feature `zeroize` of `aes` and `polyval`; aws-lc
/// wipes all memory that it frees).
pub(crate) enum ChunkKey {
    /// Boxed for the choice, and because the schedule is large and sealers are moved about.
    GcmSiv(Box<dyn Siv>),
    /// The one key type whose nonces the module makes itself: a FIPS module approves no other sealing with AES-GCM.
    Gcm(RandomizedNonceKey),
}

/// The text does not authenticate, or is too short to. Carries no detail on purpose.
pub(crate) struct Forged;

impl ChunkKey {
    pub(crate) fn new(suite: Suite, key: &Secret) -> Result<Self> {
        match suite {
            Suite::GcmSivBlake3 => Backend::fastest().key(key),
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
                cipher.seal(*nonce, aad, text)
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
            Self::GcmSiv(cipher) => cipher.open(*nonce, aad, rest),
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

/// AES-256-GCM-SIV under one key, in place, with the nonce that the caller has drawn.
pub(crate) trait Siv: Send + Sync {
    /// Seals `text`; the tag comes back.
    fn seal(&self, nonce: [u8; NONCE_LEN], aad: &[u8], text: &mut [u8]) -> Result<[u8; TAG_LEN]>;

    /// Opens `text ‖ tag`.
    fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        rest: &mut [u8],
    ) -> std::result::Result<(), Forged>;
}

/// Whose AES-256-GCM-SIV it is. Both give the same bytes, which a test holds them to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend {
    /// Portable Rust, with the instructions of x86-64 and aarch64 where they are there.
    RustCrypto,
    /// Assembly for x86-64, portable C elsewhere.
    AwsLc,
}

impl Backend {
    pub(crate) const ALL: [Self; 2] = [Self::RustCrypto, Self::AwsLc];

    /// The one that seals a frame faster on this machine: tried once in a process, in turns, the best time of each. It
    /// takes one to three milliseconds. Which instructions a CPU has does not tell which of them an implementation uses well.
    pub(crate) fn fastest() -> Self {
        static FASTEST: OnceLock<Backend> = OnceLock::new();
        *FASTEST.get_or_init(|| {
            let mut best = Self::ALL.map(|backend| (Duration::MAX, backend));
            for _ in 0..ROUNDS {
                for (time, backend) in &mut best {
                    *time = backend.time_of_a_frame().min(*time);
                }
            }
            let [one, other] = best;
            if one.0 < other.0 { one.1 } else { other.1 }
        })
    }

    /// One that does not work is never the fastest.
    fn time_of_a_frame(self) -> Duration {
        let Ok(ChunkKey::GcmSiv(key)) = self.key(&Secret::new([0; 32])) else {
            return Duration::MAX;
        };
        let mut frame = vec![0; 65_536];
        let start = Instant::now();
        let sealed = key.seal([0; NONCE_LEN], &[], &mut frame);
        let time = start.elapsed();
        sealed.map_or(Duration::MAX, |_| time)
    }

    /// Its name, for the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RustCrypto => "RustCrypto",
            Self::AwsLc => "aws-lc",
        }
    }

    pub(crate) fn key(self, key: &Secret) -> Result<ChunkKey> {
        let siv: Box<dyn Siv> = match self {
            Self::RustCrypto => Box::new(Aes256GcmSiv::new(key.bytes().into())),
            Self::AwsLc => Box::new(LessSafeKey::new(
                UnboundKey::new(&aead::AES_256_GCM_SIV, key.bytes()).map_err(|_| Error::Module)?,
            )),
        };
        Ok(ChunkKey::GcmSiv(siv))
    }
}

impl Siv for Aes256GcmSiv {
    fn seal(&self, nonce: [u8; NONCE_LEN], aad: &[u8], text: &mut [u8]) -> Result<[u8; TAG_LEN]> {
        self.encrypt_inout_detached(&Nonce::from(nonce), aad, InOutBuf::from(text))
            .map(Into::into)
            .map_err(|_| Error::Length)
    }

    fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        rest: &mut [u8],
    ) -> std::result::Result<(), Forged> {
        let (text, tag) = rest.split_last_chunk_mut::<TAG_LEN>().ok_or(Forged)?;
        self.decrypt_inout_detached(
            &Nonce::from(nonce),
            aad,
            InOutBuf::from(text),
            &Tag::from(*tag),
        )
        .map_err(|_| Forged)
    }
}

impl Siv for LessSafeKey {
    fn seal(&self, nonce: [u8; NONCE_LEN], aad: &[u8], text: &mut [u8]) -> Result<[u8; TAG_LEN]> {
        let tag = self
            .seal_in_place_separate_tag((&nonce).into(), Aad::from(aad), text)
            .map_err(|_| Error::Module)?;
        tag.as_ref().try_into().map_err(|_| Error::Module)
    }

    fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        rest: &mut [u8],
    ) -> std::result::Result<(), Forged> {
        self.open_in_place((&nonce).into(), Aad::from(aad), rest)
            .map(drop)
            .map_err(|_| Forged)
    }
}

/// Enough that one of them is not disturbed.
const ROUNDS: usize = 16;
