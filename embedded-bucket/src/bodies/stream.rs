//! Giving out an object's bytes in order, a chunk at a time, while its bodies are pinned.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::stream;
use s3s::StdError;
use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};
use tokio::task::spawn_blocking;

use super::{BodyId, Pinned};

/// Bytes to give out: at hand, or a slice of a file.
pub(crate) enum Piece {
    Ready(Bytes),
    InFile {
        body: BodyId,
        offset: u64,
        length: u64,
    },
}

/// Streams the pieces, `length` bytes in all; files are read [`CHUNK`] bytes at a time.
///
/// A file that is shorter than its piece breaks the stream with an error, never ends it early.
pub(crate) fn stream(pieces: VecDeque<Piece>, pinned: Pinned, length: u64) -> StreamingBlob {
    let reading = Reading {
        pieces,
        open: None,
        pinned,
    };
    let inner = stream::try_unfold(reading, |mut reading| async {
        if reading.open.is_none() {
            match reading.pieces.pop_front() {
                None => return Ok(None),
                // At hand: no need for a thread that may block.
                Some(Piece::Ready(bytes)) => return Ok(Some((bytes, reading))),
                Some(in_file) => reading.pieces.push_front(in_file),
            }
        }
        let step = spawn_blocking(move || reading.step()).await;
        step.map_err(io::Error::other)?
    });
    StreamingBlob::new(Sized {
        inner: Box::pin(inner),
        left: length,
    })
}

struct Reading {
    pieces: VecDeque<Piece>,
    open: Option<OpenPiece>,
    pinned: Pinned,
}

struct OpenPiece {
    file: File,
    left: u64,
}

impl Reading {
    /// The next chunk and what remains. Blocks.
    fn step(mut self) -> io::Result<Option<(Bytes, Self)>> {
        loop {
            if let Some(open) = &mut self.open {
                let chunk = open.read()?;
                if open.left == 0 {
                    self.open = None;
                }
                return Ok(Some((chunk, self)));
            }
            match self.pieces.pop_front() {
                None => return Ok(None),
                Some(Piece::Ready(bytes)) => return Ok(Some((bytes, self))),
                Some(Piece::InFile {
                    body,
                    offset,
                    length,
                }) => {
                    let mut file = File::open(self.pinned.bodies().path(body))?;
                    file.seek(SeekFrom::Start(offset))?;
                    self.open = Some(OpenPiece { file, left: length });
                }
            }
        }
    }
}

impl OpenPiece {
    fn read(&mut self) -> io::Result<Bytes> {
        let wanted = self.left.min(CHUNK);
        let mut chunk = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default());
        let read = (&mut self.file).take(wanted).read_to_end(&mut chunk)?;
        if read as u64 != wanted {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= wanted;
        Ok(chunk.into())
    }
}

/// A stream that knows how much is left, which s3s and hyper ask.
struct Sized {
    inner: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + Sync>>,
    left: u64,
}

impl Stream for Sized {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = std::task::ready!(self.inner.as_mut().poll_next(cx));
        if let Some(Ok(chunk)) = &next {
            self.left = self.left.saturating_sub(chunk.len() as u64);
        }
        Poll::Ready(next.map(|item| item.map_err(StdError::from)))
    }
}

impl ByteStream for Sized {
    fn remaining_length(&self) -> RemainingLength {
        usize::try_from(self.left)
            .map_or_else(|_| RemainingLength::unknown(), RemainingLength::new_exact)
    }
}

/// How many bytes of a file are read at once.
const CHUNK: u64 = 256 * 1024;
