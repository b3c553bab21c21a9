//! Opening one frame at a time: gathers a unit of known length from pieces of any size, and opens frames in place.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::chunk::ChunkKey;
use crate::error::{Error, Result};
use crate::format::{FRAME_OVERHEAD, NONCE_LEN, TAG_LEN};
use crate::geometry::{self, Plain};
use crate::key::Dek;
use crate::part::{PartHeader, frame_aad};

/// A buffer that waits for so many bytes.
pub(crate) struct Gather {
    buffer: BytesMut,
    lacking: usize,
}

impl Gather {
    /// Waits for the next `len` bytes.
    pub(crate) fn new(len: u64) -> Result<Self> {
        let lacking = usize::try_from(len).map_err(|_| Error::Size)?;
        Ok(Self {
            buffer: BytesMut::with_capacity(lacking),
            lacking,
        })
    }

    /// Waits for `len` more behind what is there.
    pub(crate) fn extend(&mut self, len: usize) {
        self.lacking = self.lacking.saturating_add(len);
    }

    /// Takes what it lacks from the front of `input`; says whether it is full.
    pub(crate) fn fill(&mut self, input: &mut Bytes) -> bool {
        let taken = input.split_to(self.lacking.min(input.len()));
        self.buffer.put_slice(&taken);
        self.lacking = self.lacking.saturating_sub(taken.len());
        self.lacking == 0
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    pub(crate) fn into_bytes(self) -> BytesMut {
        self.buffer
    }
}

/// A part whose frames are being opened in order.
pub(crate) struct OpenPart {
    key: ChunkKey,
    part_no: u16,
    plain: Plain,
    index: u32,
    last: u32,
}

impl OpenPart {
    /// From frame `first` on.
    pub(crate) fn new(header: &PartHeader, dek: &Dek, first: u64) -> Result<Self> {
        let last = geometry::frames(header.plain).saturating_sub(1);
        Ok(Self {
            key: header.key(dek)?,
            part_no: header.part_no,
            plain: header.plain,
            index: u32::try_from(first).map_err(|_| Error::Part)?,
            last: u32::try_from(last).map_err(|_| Error::Part)?,
        })
    }

    /// A buffer for the frame that is next, or `None` behind the last.
    pub(crate) fn next(&self) -> Result<Option<Gather>> {
        if self.index > self.last {
            return Ok(None);
        }
        let frame = geometry::frame_len(self.plain, u64::from(self.index));
        Gather::new(frame.saturating_add(FRAME_OVERHEAD)).map(Some)
    }

    /// Opens the next frame; the plaintext is a slice of the buffer it came in.
    pub(crate) fn open(&mut self, frame: Gather) -> Result<Bytes> {
        let mut buffer = frame.into_bytes();
        let aad = frame_aad(self.index, self.index == self.last);
        let forged = Error::Frame {
            part_no: self.part_no,
            index: self.index,
        };
        self.key.open(&aad, &mut buffer).map_err(|_| forged)?;
        self.index = self.index.saturating_add(1);
        let text_end = buffer.len().checked_sub(TAG_LEN).ok_or(forged)?;
        buffer.truncate(text_end);
        buffer.advance(NONCE_LEN);
        Ok(buffer.freeze())
    }

    /// How much of the part's plaintext has been opened.
    pub(crate) fn opened(&self) -> Plain {
        Plain(
            u64::from(self.index)
                .saturating_mul(crate::format::FRAME)
                .min(self.plain.0),
        )
    }
}
