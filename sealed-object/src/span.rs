//! Opening a plaintext range: the frames of one span, cut to exactly what was asked. Knows no store.

use bytes::Bytes;

use crate::envelope::Opened;
use crate::error::{Error, Result};
use crate::format::PART_HEADER_LEN;
use crate::gather::{Gather, OpenPart};
use crate::key::Dek;
use crate::layout::Span;
use crate::part::PartHeader;

/// Opens the stored bytes of one [`Span`]. After an error nothing more comes out.
pub struct SpanOpener {
    dek: Dek,
    /// Parts behind the present one.
    parts: std::vec::IntoIter<PartHeader>,
    state: State,
    /// Plaintext to drop before the range, all of it in the first frame.
    skip: u64,
    /// Plaintext of the range still to come.
    left: u64,
}

/// What the next bytes are.
enum State {
    PartHeader(PartHeader, Gather),
    Frame(OpenPart, Gather),
    Done,
    Failed,
}

impl SpanOpener {
    /// For a span of this object's layout.
    ///
    /// # Errors
    /// [`Error::Part`] if the span touches no part, which no span of a layout does.
    pub fn new(opened: &Opened, span: Span) -> Result<Self> {
        let mut parts = span.parts.into_iter();
        let first = parts.next().ok_or(Error::Part)?;
        let part = OpenPart::new(&first, &opened.dek, span.first_frame)?;
        let gather = part.next()?.ok_or(Error::Part)?;
        Ok(Self {
            dek: opened.dek.clone(),
            parts,
            state: State::Frame(part, gather),
            skip: span.skip,
            left: span.plain.end.0.saturating_sub(span.plain.start.0),
        })
    }

    /// Takes stored bytes from the front of `input` and returns plaintext of the range when a frame is open; call
    /// until `input` is empty.
    ///
    /// # Errors
    /// [`Error::Frame`], [`Error::Part`], or [`Error::Size`] for bytes behind the span.
    pub fn push(&mut self, input: &mut Bytes) -> Result<Option<Bytes>> {
        while !input.is_empty() {
            // A failed step leaves `Failed` behind.
            let state = std::mem::replace(&mut self.state, State::Failed);
            let (state, plaintext) = self.step(state, input)?;
            self.state = state;
            if plaintext.is_some() {
                return Ok(plaintext);
            }
        }
        Ok(None)
    }

    /// Says whether the whole range came out.
    ///
    /// # Errors
    /// [`Error::Size`] if bytes are missing.
    pub fn finish(self) -> Result<()> {
        if matches!(self.state, State::Done) {
            Ok(())
        } else {
            Err(Error::Size)
        }
    }

    fn step(&mut self, state: State, input: &mut Bytes) -> Result<(State, Option<Bytes>)> {
        match state {
            State::PartHeader(expected, mut gather) => {
                if !gather.fill(input) {
                    return Ok((State::PartHeader(expected, gather), None));
                }
                if gather.bytes() != expected.encode() {
                    return Err(Error::Part);
                }
                Ok((self.next(OpenPart::new(&expected, &self.dek, 0)?)?, None))
            }
            State::Frame(mut part, mut gather) => {
                if !gather.fill(input) {
                    return Ok((State::Frame(part, gather), None));
                }
                let plaintext = self.cut(part.open(gather)?);
                Ok((self.next(part)?, Some(plaintext)))
            }
            State::Done | State::Failed => Err(Error::Size),
        }
    }

    fn next(&mut self, part: OpenPart) -> Result<State> {
        if self.left == 0 {
            return Ok(State::Done);
        }
        if let Some(gather) = part.next()? {
            return Ok(State::Frame(part, gather));
        }
        let expected = self.parts.next().ok_or(Error::Part)?;
        Ok(State::PartHeader(expected, Gather::new(PART_HEADER_LEN)?))
    }

    /// What of a frame lies in the range.
    fn cut(&mut self, mut plaintext: Bytes) -> Bytes {
        let skip = usize::try_from(self.skip)
            .unwrap_or(usize::MAX)
            .min(plaintext.len());
        let mut wanted = plaintext.split_off(skip);
        wanted.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.skip = 0;
        self.left = self
            .left
            .saturating_sub(u64::try_from(wanted.len()).unwrap_or(u64::MAX));
        wanted
    }
}

impl std::fmt::Debug for SpanOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpanOpener")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
