//! The part header and the frame's associated data: what ties every frame to its part and place.

use bytes::BufMut as _;

use crate::chunk::ChunkKey;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::format::{FRAME_AAD, FRAME_LOG2, MAX_PARTS, PART_MAGIC, VERSION};
use crate::geometry::Plain;
use crate::id::ObjectId;
use crate::key::Dek;
use crate::suite::{Suite, expect_suite};

/// The 48 bytes in front of a part's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartHeader {
    pub(crate) suite: Suite,
    pub(crate) part_no: u16,
    pub(crate) plain: Plain,
    pub(crate) object_id: ObjectId,
    pub(crate) salt: [u8; 16],
}

impl PartHeader {
    /// The one part of a single upload, whose salt is the object id.
    pub(crate) fn of_single(suite: Suite, object_id: ObjectId, plain: Plain) -> Self {
        Self {
            suite,
            part_no: 1,
            plain,
            object_id,
            salt: object_id.0,
        }
    }

    pub(crate) fn parse(raw: &[u8], suite: Suite) -> Result<Self> {
        let mut fields = Fields::new(raw);
        fields.exactly(PART_MAGIC).ok_or(Error::Part)?;
        fields.exactly(&[VERSION]).ok_or(Error::Part)?;
        expect_suite(&mut fields, suite)?;
        Self::parse_rest(fields, suite).ok_or(Error::Part)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut raw = Vec::with_capacity(48);
        raw.put_slice(PART_MAGIC);
        raw.put_slice(&[VERSION, self.suite.id(), FRAME_LOG2, 0]);
        raw.put_u16(self.part_no);
        raw.put_uint(self.plain.0, 6);
        raw.put_slice(&self.object_id.0);
        raw.put_slice(&self.salt);
        raw
    }

    /// The key of this part's frames: it depends on every bit of the header.
    pub(crate) fn key(&self, dek: &Dek) -> Result<ChunkKey> {
        ChunkKey::new(self.suite, &dek.part(self.suite, &self.encode())?)
    }

    fn parse_rest(mut fields: Fields<'_>, suite: Suite) -> Option<Self> {
        fields.exactly(&[FRAME_LOG2, 0])?;
        let part_no = fields.u16().filter(|part_no| is_part_no(*part_no))?;
        let plain = Plain(fields.u48()?);
        let object_id = ObjectId(fields.array()?);
        let salt = fields.array()?;
        fields.end()?;
        Some(Self {
            suite,
            part_no,
            plain,
            object_id,
            salt,
        })
    }
}

/// Whether a part may have this number.
pub(crate) fn is_part_no(part_no: u16) -> bool {
    (1..=MAX_PARTS).contains(&u64::from(part_no))
}

/// Associated data of frame `index`.
pub(crate) fn frame_aad(index: u32, last: bool) -> [u8; 10] {
    let [m0, m1, m2, m3, m4] = *FRAME_AAD;
    let [i0, i1, i2, i3] = index.to_be_bytes();
    [m0, m1, m2, m3, m4, i0, i1, i2, i3, u8::from(last)]
}
