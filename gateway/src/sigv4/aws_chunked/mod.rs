//! The `aws-chunked` framing of a body, taken off while it streams: a state machine that does no IO
//! and holds no data. It must not know what the bytes are for.
//!
//! ```text
//! chunk    = 1*16HEX [ ";chunk-signature=" 64HEX ] CRLF data CRLF
//! last     = 1*16"0" [ ";chunk-signature=" 64HEX ] CRLF
//! trailer  = name ":" value CRLF  [ "x-amz-trailer-signature:" 64HEX CRLF ]
//! body     = *chunk last [ trailer ] CRLF
//! ```
//!
//! Signatures are there exactly when the payload is signed. A line ends in CRLF and has no other CR
//! or LF: two readers that disagree on where a line ends are how requests are smuggled. One
//! exception is taken from the field: `minio-go` ends a trailer's value with LF CRLF, so one LF
//! just before the CRLF of a trailer line is dropped.
//!
//! Data is handed out before the signature of its chunk is known, so that a chunk of any size needs
//! no memory: whoever takes it must not commit anything before [`Step::End`].

mod error;
mod head;
mod trailer;

use bytes::Bytes;
use sha2::{Digest, Sha256};

pub use self::error::ChunkError;
use self::trailer::Trailer;
use super::chunk_signer::ChunkSigner;

/// Takes the framing off a body, one piece of input at a time.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    signer: Option<ChunkSigner>,
    trailer: Trailer,
    /// The line read so far, with its end.
    line: Vec<u8>,
    chunk_hash: Sha256,
    chunk_signature: Vec<u8>,
    /// Bytes of data the body must have, where the client said so.
    announced_length: Option<u64>,
    decoded: u64,
    consumed: u64,
}

/// What became of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Bytes of the object, a slice of the input; push again, the input may hold more.
    Data(Bytes),
    /// All input is used up, and the body is not at its end.
    NeedInput,
    /// The body is complete and everything in it is verified.
    End,
}

/// What a complete body was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of data.
    pub length: u64,
    /// The trailing header: its lower-case name, as `x-amz-trailer` announced it, and its value.
    pub trailer: Option<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    ChunkHead,
    ChunkData { remaining: u64 },
    ChunkEnd,
    Trailer,
    End,
    Failed,
}

impl Decoder {
    /// Uses up some of the input and says what came out. Call it again with the same input until it
    /// answers [`Step::NeedInput`]; after [`Step::End`] any further byte is an error. After an
    /// error the body is lost.
    pub fn push(&mut self, input: &mut Bytes) -> Result<Step, ChunkError> {
        let outcome = self.advance(input);
        if outcome.is_err() {
            self.state = State::Failed;
        }
        outcome
    }

    /// To be called when the input is at its end: fails unless the body is complete.
    pub fn finish(self) -> Result<Decoded, ChunkError> {
        match self.state {
            State::End => Ok(Decoded {
                length: self.decoded,
                trailer: self.trailer.into_found(),
            }),
            _ => Err(ChunkError::Truncated {
                decoded: self.decoded,
            }),
        }
    }

    fn advance(&mut self, input: &mut Bytes) -> Result<Step, ChunkError> {
        loop {
            match (self.state, input.is_empty()) {
                (State::End, true) => return Ok(Step::End),
                (State::End, false) => {
                    return Err(self.malformed("there are bytes after the end of the body"));
                }
                (State::Failed, _) => {
                    return Err(self.malformed("an earlier part of the body was wrong"));
                }
                (_, true) => return Ok(Step::NeedInput),
                (State::ChunkData { remaining }, false) => return self.take_data(input, remaining),
                (State::ChunkHead | State::ChunkEnd | State::Trailer, false) => {
                    if let Some(line) = self.take_line(input)? {
                        self.state = self.after_line(&line)?;
                    }
                }
            }
        }
    }

    /// The one transition on a complete line, which comes without its CRLF.
    fn after_line(&mut self, line: &[u8]) -> Result<State, ChunkError> {
        match self.state {
            State::ChunkHead => self.begin_chunk(line),
            State::ChunkEnd if line.is_empty() => Ok(State::ChunkHead),
            State::ChunkEnd => {
                Err(self.malformed("the data of a chunk does not end where its head says"))
            }
            State::Trailer if line.is_empty() => self.end_body(),
            State::Trailer => {
                self.trailer.take_line(line, self.signer.as_ref())?;
                Ok(State::Trailer)
            }
            state @ (State::ChunkData { .. } | State::End | State::Failed) => Ok(state),
        }
    }

    fn begin_chunk(&mut self, line: &[u8]) -> Result<State, ChunkError> {
        let (size, signature) =
            head::parse(line, self.signer.is_some()).map_err(|problem| self.malformed(problem))?;
        self.chunk_signature = signature.to_vec();
        self.chunk_hash = Sha256::new();
        let decoded = self.decoded.checked_add(size);
        if decoded.is_none_or(|decoded| {
            self.announced_length
                .is_some_and(|announced| decoded > announced)
        }) {
            return Err(ChunkError::IncompleteBody {
                announced: self.announced_length,
                decoded,
            });
        }
        if size > 0 {
            return Ok(State::ChunkData { remaining: size });
        }
        self.verify_chunk()?;
        Ok(State::Trailer)
    }

    fn take_data(&mut self, input: &mut Bytes, remaining: u64) -> Result<Step, ChunkError> {
        let wanted = usize::try_from(remaining).unwrap_or(usize::MAX);
        let data = input.split_to(wanted.min(input.len()));
        let length = data.len() as u64;
        self.consumed += length;
        self.decoded += length;
        if self.signer.is_some() {
            self.chunk_hash.update(&data);
        }
        self.state = State::ChunkData {
            remaining: remaining - length,
        };
        if remaining == length {
            // The last bytes of a chunk stay here when the chunk turns out to be wrong.
            self.verify_chunk()?;
            self.state = State::ChunkEnd;
        }
        Ok(Step::Data(data))
    }

    fn verify_chunk(&mut self) -> Result<(), ChunkError> {
        let sha256 = std::mem::take(&mut self.chunk_hash).finalize().into();
        let matches = match &mut self.signer {
            Some(signer) => signer.verify_chunk(sha256, &self.chunk_signature),
            None => true,
        };
        if matches {
            Ok(())
        } else {
            Err(ChunkError::ChunkSignature {
                offset: self.consumed,
            })
        }
    }

    fn end_body(&mut self) -> Result<State, ChunkError> {
        self.trailer.end(self.signer.as_ref())?;
        match self.announced_length {
            Some(announced) if announced != self.decoded => Err(ChunkError::IncompleteBody {
                announced: Some(announced),
                decoded: Some(self.decoded),
            }),
            _ => Ok(State::End),
        }
    }

    /// Collects a line; `None` while its end has not come.
    fn take_line(&mut self, input: &mut Bytes) -> Result<Option<Vec<u8>>, ChunkError> {
        loop {
            let end = input.iter().position(|byte| *byte == b'\n');
            let taken = input.split_to(end.map_or(input.len(), |end| end + 1));
            self.consumed += taken.len() as u64;
            self.line.extend_from_slice(&taken);
            if self.line.len() > MAX_LINE {
                return Err(self.malformed("a line is longer than 4096 bytes"));
            }
            if end.is_none() {
                return Ok(None);
            }
            if let Some(line) = self.line.strip_suffix(b"\r\n") {
                let line = match (self.state, line.strip_suffix(b"\n")) {
                    (State::Trailer, Some(line)) if !line.is_empty() => line,
                    _ => line,
                };
                if line.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
                    return Err(self.malformed("a line has a CR or LF inside"));
                }
                let line = line.to_vec();
                self.line.clear();
                return Ok(Some(line));
            }
            if self.state != State::Trailer {
                return Err(self.malformed("a line ends in LF without CR"));
            }
        }
    }

    fn malformed(&self, problem: &'static str) -> ChunkError {
        ChunkError::Malformed {
            problem,
            offset: self.consumed,
        }
    }
}

/// The longest line taken, with its end.
const MAX_LINE: usize = 4096;

#[cfg(test)]
mod tests;
