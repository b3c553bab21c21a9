//! Sealing: plaintext pieces in, sealed frames out. Each byte is copied once, sealed in place and handed on.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use crc_fast::CrcAlgorithm;

use crate::chunk::ChunkKey;
use crate::envelope::{Envelope, Seed};
use crate::error::{Error, Result};
use crate::facts::{Facts, TrailerFacts};
use crate::footer::{Ending, Summary};
use crate::format::{NONCE_LEN, TAG_LEN};
use crate::geometry::{self, Plain, Sealed};
use crate::header::Kind;
use crate::id::ObjectId;
use crate::key::{Aux, Context, Dek, Kek};
use crate::manifest::{Entry, Manifest};
use crate::metadata::Metadata;
use crate::part::{PartHeader, frame_aad};
use crate::random::Random;
use crate::sealed_bytes::SealedBytes;
use crate::suite::{Digest, Suite};

/// Starts sealing one object of exactly `plain` bytes.
///
/// # Errors
/// [`Error::Suite`] below the context's minimum, [`Error::TooLarge`] above 5 GiB − 4 MiB, [`Error::MetadataTooLarge`], [`Error::Random`].
#[expect(
    clippy::too_many_arguments,
    reason = "each is a distinct key or fact of the object"
)]
pub fn seal_single(
    suite: Suite,
    kek: &Kek,
    aux: &Aux,
    context: &Context,
    plain: Plain,
    metadata: &Metadata,
    created_ms: u64,
    random: &Arc<dyn Random>,
) -> Result<(Envelope, SingleSealer)> {
    let object_id = ObjectId::draw(random.as_ref())?;
    seal_single_as(
        object_id, suite, kek, aux, context, plain, metadata, created_ms, random,
    )
}

/// The same with an id that was [drawn](ObjectId::draw) before, for this object only.
///
/// # Errors
/// As [`seal_single`].
#[expect(
    clippy::too_many_arguments,
    reason = "each is a distinct key or fact of the object"
)]
pub fn seal_single_as(
    object_id: ObjectId,
    suite: Suite,
    kek: &Kek,
    aux: &Aux,
    context: &Context,
    plain: Plain,
    metadata: &Metadata,
    created_ms: u64,
    random: &Arc<dyn Random>,
) -> Result<(Envelope, SingleSealer)> {
    context.admit(suite)?;
    if !geometry::fits_one_part(plain) {
        return Err(Error::TooLarge);
    }
    let dek = Dek::generate(random.as_ref())?;
    let seed = Seed {
        suite,
        kind: Kind::Single(plain),
        object_id,
        created_ms,
        rebound: false,
    };
    let (envelope, _) = seed.envelope(kek, context.hash(suite), &dek, metadata, random.as_ref())?;
    let header = PartHeader::of_single(suite, object_id, plain);
    let frames = Frames::new(
        &header,
        &dek,
        Ending::len_after_single(plain),
        random.clone(),
    )?;
    Ok((
        envelope,
        SingleSealer {
            dek,
            aux: aux.clone(),
            frames,
        },
    ))
}

/// Seals the body of a single upload.
pub struct SingleSealer {
    dek: Dek,
    aux: Aux,
    frames: Frames,
}

impl SingleSealer {
    /// The exact length of the sealed body.
    pub fn stored(&self) -> Sealed {
        geometry::stored(self.frames.header.plain)
    }

    /// Takes plaintext from the front of `input` and returns a sealed frame when one is full; call until `input`
    /// is empty. The last frame stays inside until [`Self::finish`].
    ///
    /// # Errors
    /// [`Error::Length`] for more plaintext than was announced, [`Error::Random`].
    pub fn push(&mut self, input: &mut Bytes) -> Result<Option<SealedBytes>> {
        self.frames.push(input)
    }

    /// The last frame with padding, manifest and trailer: until the caller asks for them, nothing can be committed.
    ///
    /// # Errors
    /// [`Error::Length`] for less plaintext than was announced, [`Error::Random`].
    pub fn finish(self, facts: Facts) -> Result<(SealedBytes, Summary)> {
        let Self { dek, aux, frames } = self;
        let random = frames.random.clone();
        let (mut last, part) = frames.finish()?;
        let ending = Ending {
            suite: part.header.suite,
            object_id: part.header.object_id,
            dek: &dek,
            aux: &aux,
            manifest: Manifest::new(vec![part.entry()])?,
            facts: TrailerFacts::new(part.pt_digest, part.crc64, &facts),
        };
        let summary = ending.write(random.as_ref(), &mut last)?;
        Ok((SealedBytes::new(last.freeze()), summary))
    }
}

impl std::fmt::Debug for SingleSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SingleSealer")
            .field("stored", &self.stored())
            .finish_non_exhaustive()
    }
}

/// A part as it was sealed.
pub(crate) struct SealedPart {
    pub(crate) header: PartHeader,
    pub(crate) ct_hash: [u8; 32],
    pub(crate) pt_digest: [u8; 32],
    pub(crate) crc64: u64,
}

impl SealedPart {
    fn entry(&self) -> Entry {
        let PartHeader {
            part_no,
            plain,
            salt,
            ..
        } = self.header;
        Entry {
            part_no,
            plain,
            salt,
            ct_hash: self.ct_hash,
        }
    }
}

/// The frames of one part while it is sealed.
pub(crate) struct Frames {
    pub(crate) header: PartHeader,
    key: ChunkKey,
    random: Arc<dyn Random>,
    /// Index of the frame being filled.
    index: u32,
    /// Index of the last frame.
    last: u32,
    /// The part header, if the frame is the first, then the frame so far.
    buffer: BytesMut,
    /// Where the frame begins in `buffer`.
    frame_at: usize,
    /// Plaintext bytes the frame still lacks.
    room: usize,
    /// Bytes to leave room for behind the last frame, so that what follows it is not a copy.
    tail: usize,
    ct: Digest,
    pt: Digest,
    crc: crc_fast::Digest,
}

impl Frames {
    pub(crate) fn new(
        header: &PartHeader,
        dek: &Dek,
        tail: u64,
        random: Arc<dyn Random>,
    ) -> Result<Self> {
        let last = geometry::frames(header.plain).saturating_sub(1);
        let mut frames = Self {
            header: *header,
            key: header.key(dek)?,
            random,
            index: 0,
            last: u32::try_from(last).map_err(|_| Error::TooLarge)?,
            buffer: BytesMut::new(),
            frame_at: 0,
            room: 0,
            tail: usize::try_from(tail).map_err(|_| Error::TooLarge)?,
            ct: header.suite.digest(),
            pt: header.suite.digest(),
            crc: crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme),
        };
        frames.begin(&header.encode())?;
        Ok(frames)
    }

    pub(crate) fn push(&mut self, input: &mut Bytes) -> Result<Option<SealedBytes>> {
        if input.is_empty() {
            return Ok(None);
        }
        // Only the last frame stays full: any other was closed when it filled up.
        if self.room == 0 {
            return Err(Error::Length);
        }
        let taken = input.split_to(self.room.min(input.len()));
        self.buffer.put_slice(&taken);
        self.room = self.room.saturating_sub(taken.len());
        if self.room > 0 || self.index == self.last {
            return Ok(None);
        }
        let sealed = self.close()?;
        self.index = self.index.saturating_add(1);
        self.begin(&[])?;
        Ok(Some(SealedBytes::new(sealed.freeze())))
    }

    pub(crate) fn finish(mut self) -> Result<(BytesMut, SealedPart)> {
        if self.room > 0 || self.index != self.last {
            return Err(Error::Length);
        }
        let last = self.close()?;
        let part = SealedPart {
            header: self.header,
            ct_hash: self.ct.finish(),
            pt_digest: self.pt.finish(),
            crc64: self.crc.finalize(),
        };
        Ok((last, part))
    }

    /// Starts the buffer of the present frame: what stands in front, then room for the nonce.
    fn begin(&mut self, front: &[u8]) -> Result<()> {
        let frame_len = geometry::frame_len(self.header.plain, u64::from(self.index));
        self.room = usize::try_from(frame_len).map_err(|_| Error::TooLarge)?;
        let tail = if self.index == self.last {
            self.tail
        } else {
            0
        };
        let capacity = front
            .len()
            .saturating_add(FRAME_ROOM)
            .saturating_add(self.room)
            .saturating_add(tail);
        self.buffer = BytesMut::with_capacity(capacity);
        self.buffer.put_slice(front);
        self.frame_at = self.buffer.len();
        self.buffer.put_bytes(0, NONCE_LEN);
        Ok(())
    }

    /// Hashes the plaintext, seals it in place, hashes what is stored. One frame stays in the core's cache throughout.
    fn close(&mut self) -> Result<BytesMut> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let (_, chunk) = buffer
            .split_at_mut_checked(self.frame_at)
            .ok_or(Error::Length)?;
        let (_, text) = chunk.split_at_checked(NONCE_LEN).ok_or(Error::Length)?;
        self.pt.update(text);
        self.crc.update(text);
        let aad = frame_aad(self.index, self.index == self.last);
        let tag = self.key.seal(self.random.as_ref(), &aad, chunk)?;
        buffer.put_slice(&tag);
        self.ct.update(&buffer);
        Ok(buffer)
    }
}

const FRAME_ROOM: usize = NONCE_LEN + TAG_LEN;
