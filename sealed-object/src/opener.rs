//! Opening a whole body as it streams: every check of a full read, in order. Knows no store and never looks back.

use bytes::Bytes;

use crate::envelope::Opened;
use crate::error::{Error, Result};
use crate::format::{MIN_PART, PART_HEADER_LEN, PART_MAGIC, TRAILER_LEN};
use crate::gather::{Gather, OpenPart};
use crate::geometry::{self, Plain, Sealed};
use crate::header::Kind;
use crate::layout::Layout;
use crate::manifest::Entry;
use crate::part::PartHeader;
use crate::tail::Tail;

/// Opens a stored body from its first byte to its last.
///
/// Plaintext comes out as its frames authenticate; the object's last frame only from [`Self::finish`]. After an error
/// nothing more comes out.
pub struct BodyOpener {
    opened: Opened,
    plain: Plain,
    stored: Sealed,
    state: State,
    /// Headers of all parts, if a tail read before has told.
    known: Option<Vec<PartHeader>>,
    /// Headers of the parts so far.
    seen: Vec<PartHeader>,
    /// Their plaintext and stored lengths together.
    seen_plain: Plain,
    seen_stored: Sealed,
    /// The object's last plaintext, until the trailer has verified.
    held: Bytes,
}

/// What the next bytes are.
enum State {
    PartHeader(Gather),
    /// All plaintext is there: an empty last part, or padding.
    PartOrPad(Gather),
    Frame(OpenPart, Gather),
    /// Padding, manifest and trailer: only the trailer tells where the manifest begins.
    Ending(Gather),
    Done(Tail),
    Failed,
}

impl BodyOpener {
    /// For a body of `stored_len` bytes as the upstream announces it.
    ///
    /// # Errors
    /// [`Error::NotSealed`] for a length that no object has, [`Error::Size`] for another than the header's.
    pub fn new(opened: &Opened, stored_len: Sealed) -> Result<Self> {
        let plain = geometry::plain_of(stored_len).ok_or(Error::NotSealed)?;
        if opened.header.plain().is_some_and(|stated| stated != plain) {
            return Err(Error::Size);
        }
        Ok(Self {
            opened: opened.clone(),
            plain,
            stored: stored_len,
            state: State::PartHeader(Gather::new(PART_HEADER_LEN)?),
            known: None,
            seen: Vec::new(),
            seen_plain: Plain(0),
            seen_stored: Sealed(0),
            held: Bytes::new(),
        })
    }

    /// The same where the layout is known already: then a part that is not the manifest's is refused before its
    /// first byte comes out, and not only at the object's end.
    ///
    /// # Errors
    /// As [`Self::new`]; [`Error::Size`] as well for another object's layout.
    pub fn with_layout(opened: &Opened, stored_len: Sealed, layout: &Layout) -> Result<Self> {
        let mut this = Self::new(opened, stored_len)?;
        if layout.plain() != this.plain {
            return Err(Error::Size);
        }
        this.known = Some(layout.headers().collect());
        Ok(this)
    }

    /// The plaintext length: authentic for a single upload, for a multipart object only once all is read.
    pub fn plain(&self) -> Plain {
        self.plain
    }

    /// Takes stored bytes from the front of `input` and returns plaintext when a frame is open; call until `input`
    /// is empty.
    ///
    /// # Errors
    /// The first check that fails: [`Error::Part`], [`Error::Frame`], [`Error::Pad`], [`Error::Manifest`],
    /// [`Error::Trailer`], [`Error::Commit`], or [`Error::Size`] for bytes behind the end.
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

    /// The object's last plaintext, now that the body has ended and every check has passed.
    ///
    /// # Errors
    /// [`Error::Size`] if bytes are missing.
    pub fn finish(self) -> Result<(Bytes, Tail)> {
        match self.state {
            State::Done(tail) => Ok((self.held, tail)),
            _ => Err(Error::Size),
        }
    }

    fn step(&mut self, state: State, input: &mut Bytes) -> Result<(State, Option<Bytes>)> {
        match state {
            State::PartHeader(mut gather) => {
                let full = gather.fill(input);
                let next = if full {
                    self.begin_part(gather.bytes())?
                } else {
                    State::PartHeader(gather)
                };
                Ok((next, None))
            }
            State::PartOrPad(mut gather) => {
                let full = gather.fill(input);
                let next = if full {
                    self.part_or_pad(gather)?
                } else {
                    State::PartOrPad(gather)
                };
                Ok((next, None))
            }
            State::Frame(part, mut gather) => {
                if gather.fill(input) {
                    self.open_frame(part, gather)
                } else {
                    Ok((State::Frame(part, gather), None))
                }
            }
            State::Ending(mut gather) => {
                let full = gather.fill(input);
                let next = if full {
                    self.open_ending(gather.bytes())?
                } else {
                    State::Ending(gather)
                };
                Ok((next, None))
            }
            State::Done(_) | State::Failed => Err(Error::Size),
        }
    }

    fn begin_part(&mut self, raw: &[u8]) -> Result<State> {
        let header = PartHeader::parse(raw, self.opened.header.suite)?;
        self.check_part(&header)?;
        self.seen.push(header);
        self.seen_plain = self.seen_plain.plus(header.plain);
        self.seen_stored = self.seen_stored.plus(geometry::part_stored(header.plain));
        self.next_frame(OpenPart::new(&header, &self.opened.dek, 0)?)
    }

    fn check_part(&self, header: &PartHeader) -> Result<()> {
        let stated = &self.opened.header;
        let total = self.seen_plain.plus(header.plain);
        let ascending = self
            .seen
            .last()
            .is_none_or(|before| before.part_no < header.part_no);
        let fits = total <= self.plain && (total == self.plain || header.plain.0 >= MIN_PART);
        let expected = match stated.kind {
            Kind::Single(plain) => {
                *header == PartHeader::of_single(stated.suite, stated.object_id, plain)
            }
            Kind::Multipart => header.object_id == stated.object_id,
        };
        let is_known = self
            .known
            .as_ref()
            .is_none_or(|known| known.get(self.seen.len()) == Some(header));
        if ascending && fits && expected && is_known {
            Ok(())
        } else {
            Err(Error::Part)
        }
    }

    fn open_frame(&mut self, mut part: OpenPart, frame: Gather) -> Result<(State, Option<Bytes>)> {
        let plaintext = part.open(frame)?;
        let last_part = self.seen.last().map_or(Plain(0), |header| header.plain);
        let is_end = self.seen_plain.minus(last_part).plus(part.opened()) == self.plain;
        let next = self.next_frame(part)?;
        if plaintext.is_empty() {
            return Ok((next, None));
        }
        if is_end {
            self.held = plaintext;
            return Ok((next, None));
        }
        Ok((next, Some(plaintext)))
    }

    fn next_frame(&self, part: OpenPart) -> Result<State> {
        if let Some(gather) = part.next()? {
            return Ok(State::Frame(part, gather));
        }
        if self.seen_plain < self.plain {
            return Ok(State::PartHeader(Gather::new(PART_HEADER_LEN)?));
        }
        Ok(State::PartOrPad(Gather::new(MAGIC_LEN)?))
    }

    /// Where padding begins there are zeros, or, if there is none, a part number of at most 10 000: never the magic.
    fn part_or_pad(&mut self, mut gather: Gather) -> Result<State> {
        if gather.bytes() == PART_MAGIC {
            gather.extend(PART_MAGIC_TO_END);
            return Ok(State::PartHeader(gather));
        }
        // At most 1 440 368 bytes: what the size reserves for parts that are not there.
        let ending = self.stored.0.checked_sub(self.seen_stored.0);
        let more = ending.and_then(|ending| ending.checked_sub(MAGIC_LEN));
        let more = more.and_then(|more| usize::try_from(more).ok());
        gather.extend(more.ok_or(Error::Pad)?);
        Ok(State::Ending(gather))
    }

    fn open_ending(&self, raw: &[u8]) -> Result<State> {
        let tail = Tail::open(&self.opened, raw, self.stored)?;
        let is_seen = |(header, entry): (&PartHeader, &Entry)| {
            (header.part_no, header.plain, header.salt) == (entry.part_no, entry.plain, entry.salt)
        };
        if tail.parts().len() != self.seen.len() || !self.seen.iter().zip(tail.parts()).all(is_seen)
        {
            return Err(Error::Manifest);
        }
        let behind_pad = tail.manifest_len().0.saturating_add(TRAILER_LEN);
        let pad = usize::try_from(behind_pad)
            .ok()
            .and_then(|behind| raw.len().checked_sub(behind))
            .ok_or(Error::Pad)?;
        if raw.iter().take(pad).any(|byte| *byte != 0) {
            return Err(Error::Pad);
        }
        Ok(State::Done(tail))
    }
}

impl std::fmt::Debug for BodyOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyOpener")
            .field("stored", &self.stored)
            .finish_non_exhaustive()
    }
}

const MAGIC_LEN: u64 = 4;
const PART_MAGIC_TO_END: usize = 44;
