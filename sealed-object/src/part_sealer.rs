//! One part of a multipart upload: sealing it, and sending a staged one again. Knows no store.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::geometry::{self, Plain, Sealed};
use crate::key::Dek;
use crate::part::PartHeader;
use crate::part_token::PartToken;
use crate::random::Random;
use crate::sealed_bytes::SealedBytes;
use crate::sealer::Frames;
use crate::suite::{Digest, Suite, same};
use crate::upload::Upload;

/// Seals the body of one part.
pub struct PartSealer {
    frames: Frames,
}

impl PartSealer {
    pub(crate) fn new(header: &PartHeader, dek: &Dek, random: Arc<dyn Random>) -> Result<Self> {
        Ok(Self {
            frames: Frames::new(header, dek, 0, random)?,
        })
    }

    /// The exact length of the sealed part.
    pub fn stored(&self) -> Sealed {
        geometry::part_stored(self.frames.header.plain)
    }

    /// The salt of this instance of the part, which names it if it is staged.
    pub fn salt(&self) -> [u8; 16] {
        self.frames.header.salt
    }

    /// Takes plaintext from the front of `input` and returns a sealed frame when one is full; call until `input`
    /// is empty. The last frame stays inside until [`Self::finish`].
    ///
    /// # Errors
    /// [`Error::Length`] for more plaintext than was announced, [`Error::Random`].
    pub fn push(&mut self, input: &mut Bytes) -> Result<Option<SealedBytes>> {
        self.frames.push(input)
    }

    /// The last frame, and what the part's token will say.
    ///
    /// # Errors
    /// [`Error::Length`] for less plaintext than was announced, [`Error::Random`].
    pub fn finish(self) -> Result<(SealedBytes, PartFacts)> {
        let (last, part) = self.frames.finish()?;
        let facts = PartFacts {
            part_no: part.header.part_no,
            plain: part.header.plain,
            salt: part.header.salt,
            ct_hash: part.ct_hash,
            pt_digest: part.pt_digest,
            crc64: part.crc64,
        };
        Ok((SealedBytes::new(last.freeze()), facts))
    }
}

/// What is known of a part once it is sealed; becomes a [`PartToken`] when the upstream has stored it.
#[derive(Clone, PartialEq, Eq)]
pub struct PartFacts {
    pub(crate) part_no: u16,
    pub(crate) plain: Plain,
    pub(crate) salt: [u8; 16],
    pub(crate) ct_hash: [u8; 32],
    pub(crate) pt_digest: [u8; 32],
    pub(crate) crc64: u64,
}

/// Sends a staged part again: stored bytes in, the same bytes out, typed as sealed.
pub struct StagedRelay {
    left: u64,
    digest: Digest,
    ct_hash: [u8; 32],
}

impl StagedRelay {
    /// For the part a token names.
    pub fn new(part: &PartToken, upload: &Upload) -> Self {
        let suite: Suite = upload.suite;
        Self {
            left: part.stored().0,
            digest: suite.digest(),
            ct_hash: part.ct_hash(),
        }
    }

    /// Passes stored bytes on.
    ///
    /// # Errors
    /// [`Error::Size`] for more than the part has.
    pub fn push(&mut self, stored: Bytes) -> Result<SealedBytes> {
        let len = u64::try_from(stored.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(len).ok_or(Error::Size)?;
        self.digest.update(&stored);
        Ok(SealedBytes::new(stored))
    }

    /// Says whether what was passed on is the part; only then may the footer follow.
    ///
    /// # Errors
    /// [`Error::Size`] for less than the part has, [`Error::Part`] for other bytes.
    pub fn finish(self) -> Result<()> {
        if self.left > 0 {
            return Err(Error::Size);
        }
        if same(&self.digest.finish(), &self.ct_hash) {
            Ok(())
        } else {
            Err(Error::Part)
        }
    }
}

impl std::fmt::Debug for PartSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartSealer")
            .field("stored", &self.stored())
            .finish_non_exhaustive()
    }
}

/// Names the part; digests of plaintext stay out of logs.
impl std::fmt::Debug for PartFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartFacts")
            .field("part_no", &self.part_no)
            .field("plain", &self.plain)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for StagedRelay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StagedRelay")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
