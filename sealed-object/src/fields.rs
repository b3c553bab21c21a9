//! Reads big-endian fields from the front of a byte string; `None` when it is too short. Knows no layout.

/// What is left to read.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn slice(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u48(&mut self) -> Option<u64> {
        let (high, low) = (self.u16()?, self.u32()?);
        Some(u64::from(high) << 32 | u64::from(low))
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Reads bytes that must be exactly these.
    pub(crate) fn exactly(&mut self, expected: &[u8]) -> Option<()> {
        (self.slice(expected.len())? == expected).then_some(())
    }

    /// Reads reserved bytes, which must be zero.
    pub(crate) fn zeros(&mut self, len: usize) -> Option<()> {
        self.slice(len)?.iter().all(|byte| *byte == 0).then_some(())
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
