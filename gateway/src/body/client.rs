//! A client's upload, read piece by piece: framing taken off, length, signatures and checksums verified.
//!
//! Plaintext passes through here on its way to the sealer and is kept nowhere. The stream ends well only
//! after every check passed.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use sealed_object::{ClientChecksum, Facts};
use tokio::time::{Instant, Sleep};

use super::sealing::PlainSource;
use super::upload::Upload;
use crate::checksum::{Algorithm, ChecksumError, ContentMd5, Declared, Proven, Verifier};
use crate::clock::Clock;
use crate::error::GatewayError;
use crate::s3::S3Request;
use crate::sigv4::{ChunkError, Decoder, Payload, Step};

/// Why an upload was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Its chunk framing or a chunk's signature.
    #[error("the chunked body was refused")]
    Chunk(#[from] ChunkError),
    /// A checksum.
    #[error("a checksum was refused")]
    Checksum(#[from] ChecksumError),
    /// It is shorter or longer than announced.
    #[error("the body has another length than the {announced} bytes announced")]
    Length {
        /// What the headers say.
        announced: u64,
    },
    /// It is longer than this kind of request may be.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// The client sent nothing for too long.
    #[error("the client sent nothing for {} s", IDLE.as_secs())]
    Idle,
    /// The connection broke.
    #[error("the client's connection broke")]
    Broken(#[source] hyper::Error),
}

/// An upload being read.
#[derive(Debug)]
pub struct ClientBody {
    incoming: Upload,
    /// Arrived, not yet through the decoder.
    input: Bytes,
    state: State,
    announced: u64,
    received: u64,
    idle: Pin<Box<Sleep>>,
    /// The timer runs only while the client is waited for, not while the store is.
    waiting: bool,
    clock: Clock,
}

#[derive(Debug)]
enum State {
    Reading {
        decoder: Option<Box<Decoder>>,
        verifier: Box<Verifier>,
    },
    Verified(Proven),
    Failed,
}

impl ClientBody {
    /// The body of a request whose signature says it is covered by `payload`. Everything the headers
    /// promise about it is understood before a byte is read.
    pub fn new(
        incoming: Upload,
        request: &S3Request,
        payload: &Payload,
        clock: Clock,
    ) -> Result<Self, GatewayError> {
        let declared = Declared::from_headers(&request.headers).map_err(BodyError::from)?;
        let md5 = ContentMd5::from_headers(&request.headers).map_err(BodyError::from)?;
        Self::promising(incoming, request, payload, declared, md5, clock)
    }

    /// The same for a document about an object: checksum headers then speak of the object, not of the
    /// document, and are the caller's to compare.
    pub fn about_object(
        incoming: Upload,
        request: &S3Request,
        payload: &Payload,
        clock: Clock,
    ) -> Result<Self, GatewayError> {
        Self::promising(incoming, request, payload, Declared::Nothing, None, clock)
    }

    fn promising(
        incoming: Upload,
        request: &S3Request,
        payload: &Payload,
        declared: Declared,
        md5: Option<ContentMd5>,
        clock: Clock,
    ) -> Result<Self, GatewayError> {
        let decoder = Decoder::for_payload(payload, &request.headers)
            .map_err(BodyError::from)?
            .map(Box::new);
        let announced = request.body_length(decoder.is_some())?;
        let sha256 = match payload {
            Payload::Literal(digest) => Some(*digest),
            _ => None,
        };
        Ok(Self {
            incoming,
            input: Bytes::new(),
            state: State::Reading {
                decoder,
                verifier: Box::new(Verifier::new(declared, md5, sha256)),
            },
            announced,
            received: 0,
            idle: Box::pin(tokio::time::sleep(IDLE)),
            waiting: false,
            clock,
        })
    }

    /// The algorithm of the checksum that the client promises.
    pub fn promised(&self) -> Option<Algorithm> {
        match &self.state {
            State::Reading { verifier, .. } => verifier.promised(),
            State::Verified(_) | State::Failed => None,
        }
    }

    /// Calculates this checksum where the client promises none.
    #[must_use]
    pub fn calculating(mut self, algorithm: Algorithm) -> Self {
        if let State::Reading { decoder, verifier } = self.state {
            let verifier = Box::new(verifier.calculating(algorithm));
            self.state = State::Reading { decoder, verifier };
        }
        self
    }

    /// The length of the plaintext.
    pub fn length(&self) -> u64 {
        self.announced
    }

    /// Reads the whole of a short body: a document of at most `limit` bytes.
    pub async fn document(mut self, limit: usize) -> Result<Vec<u8>, GatewayError> {
        let fits = usize::try_from(self.announced).is_ok_and(|length| length <= limit);
        if !fits {
            return Err(BodyError::TooLong { limit }.into());
        }
        let mut document = Vec::new();
        while let Some(piece) = std::future::poll_fn(|context| self.poll_plain(context)).await {
            document.extend_from_slice(&piece?);
        }
        Ok(document)
    }

    /// What was proven of the body; `None` before its end.
    pub fn proven(&self) -> Option<&Proven> {
        match &self.state {
            State::Verified(proven) => Some(proven),
            State::Reading { .. } | State::Failed => None,
        }
    }

    /// The next bytes as they come over the wire; `None` at the end.
    fn poll_wire(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            let Poll::Ready(frame) = self.incoming.poll_frame(context) else {
                if !std::mem::replace(&mut self.waiting, true) {
                    self.idle.as_mut().reset(Instant::now() + IDLE);
                }
                ready!(self.idle.as_mut().poll(context));
                return Poll::Ready(Some(Err(BodyError::Idle)));
            };
            self.waiting = false;
            match frame {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(BodyError::Broken(error)))),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
            }
        }
    }

    /// The next plaintext, before it is counted and hashed.
    fn poll_decoded(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            let State::Reading {
                decoder: Some(decoder),
                ..
            } = &mut self.state
            else {
                return self.poll_wire(context);
            };
            match decoder.push(&mut self.input) {
                Ok(Step::Data(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                // Bytes after the end are refused, so the wire is read to its own end.
                Ok(Step::NeedInput | Step::End) => match ready!(self.poll_wire(context)) {
                    Some(Ok(bytes)) => self.input = bytes,
                    other => return Poll::Ready(other),
                },
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    fn take(&mut self, bytes: &Bytes) -> Result<(), BodyError> {
        self.received = self
            .received
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.received > self.announced {
            return Err(BodyError::Length {
                announced: self.announced,
            });
        }
        if let State::Reading { verifier, .. } = &mut self.state {
            verifier.update(bytes);
        }
        Ok(())
    }

    fn verify(&mut self) -> Result<(), BodyError> {
        let State::Reading { decoder, verifier } =
            std::mem::replace(&mut self.state, State::Failed)
        else {
            return Ok(());
        };
        let trailer = decoder
            .map(|decoder| decoder.finish())
            .transpose()?
            .and_then(|decoded| decoded.trailer);
        if self.received != self.announced {
            return Err(BodyError::Length {
                announced: self.announced,
            });
        }
        let trailer = trailer
            .as_ref()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        self.state = State::Verified(verifier.finish(trailer)?);
        Ok(())
    }
}

impl PlainSource for ClientBody {
    fn poll_plain(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, GatewayError>>> {
        if matches!(self.state, State::Verified(_)) {
            return Poll::Ready(None);
        }
        let result = match ready!(self.poll_decoded(context)) {
            Some(Ok(bytes)) => self.take(&bytes).map(|()| Some(bytes)),
            Some(Err(error)) => Err(error),
            None => self.verify().map(|()| None),
        };
        Poll::Ready(result.map_err(GatewayError::from).transpose())
    }

    fn facts(&self) -> Facts {
        let proven = self.proven();
        let checksum = proven.and_then(|proven| proven.checksum.as_ref());
        Facts {
            completed_ms: self.clock.millis(),
            client_checksum: checksum.and_then(|value| {
                ClientChecksum::new(value.algorithm().id(), value.as_bytes()).ok()
            }),
            md5: proven.and_then(|proven| proven.md5),
            ..Facts::default()
        }
    }
}

/// Below the 20 s after which stores give up on a silent sender.
pub(super) const IDLE: Duration = Duration::from_secs(15);
