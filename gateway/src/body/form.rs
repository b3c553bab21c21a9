//! A form upload, read piece by piece: the fields first, then the file, whose end only its boundary shows.
//!
//! Plaintext passes through here on its way to the sealer. The file ends well only after every check passed: the
//! form's own end, the lengths that its policy allows, and its checksums.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use sealed_object::{ClientChecksum, Facts};
use tokio::time::{Instant, Sleep};

use super::client::{BodyError, IDLE};
use super::sealing::PlainSource;
use super::upload::Upload;
use crate::checksum::{ContentMd5, Declared, Proven, Verifier};
use crate::clock::Clock;
use crate::error::GatewayError;
use crate::s3::form::{
    Boundary, FileScanner, Form, FormHead, HeadReader, Lengths, MOST_AFTER_FILE,
};
use crate::s3::{Code, S3Error, S3Request};

/// Reads the fields of a form, and gives the request that the form makes of this one. The file stays in `upload`.
pub async fn read_form(request: S3Request, upload: &Upload) -> Result<S3Request, GatewayError> {
    let content_type = request.text("content-type")?.unwrap_or_default();
    let boundary = Boundary::of(content_type)?;
    let announced = request.body_length(false)?;
    let read = read_head(HeadReader::new(boundary), upload);
    let head = tokio::time::timeout(LONGEST_READING, read)
        .await
        .map_err(|_| BodyError::Idle)??;
    upload.put_back(head.rest);
    let mut form = Form::new(head.fields, &head.file_name)?;
    form.left = announced.saturating_sub(head.length);
    Ok(form.into_request(request)?)
}

async fn read_head(mut head: HeadReader, upload: &Upload) -> Result<FormHead, GatewayError> {
    let mut wire = Wire::new(upload.clone());
    while let Some(bytes) = std::future::poll_fn(|context| wire.poll(context)).await {
        if let Some(head) = head.push(&bytes?)? {
            return Ok(head);
        }
    }
    Err(ended_early().into())
}

/// The file of a form.
#[derive(Debug)]
pub struct FormFile {
    wire: Wire,
    scanner: FileScanner,
    verifier: Option<Verifier>,
    proven: Option<Proven>,
    lengths: Lengths,
    received: u64,
    /// What was found of the file and belongs behind what was asked for.
    excess: Bytes,
    clock: Clock,
}

impl FormFile {
    /// The file of a form whose fields were read and whose policy allows files of these lengths. What the fields
    /// promise about it is understood before a byte is read.
    pub fn new(
        upload: Upload,
        request: &S3Request,
        lengths: Lengths,
        clock: Clock,
    ) -> Result<Self, GatewayError> {
        let declared = Declared::from_headers(&request.headers).map_err(BodyError::from)?;
        let md5 = ContentMd5::from_headers(&request.headers).map_err(BodyError::from)?;
        let content_type = request.parts.headers.get(http::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let boundary = Boundary::of(content_type.unwrap_or_default())?;
        Ok(Self {
            wire: Wire::new(upload),
            scanner: FileScanner::new(&boundary),
            verifier: Some(Verifier::new(declared, md5, None)),
            proven: None,
            lengths,
            received: 0,
            excess: Bytes::new(),
            clock,
        })
    }

    /// The next bytes of the file; `None` when the whole form has arrived and every check passed.
    fn poll_file(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, GatewayError>>> {
        if !self.excess.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.excess))));
        }
        loop {
            let Some(arrived) = ready!(self.wire.poll(context)) else {
                return Poll::Ready(self.verify().err().map(Err));
            };
            let piece = arrived
                .map_err(GatewayError::from)
                .and_then(|bytes| self.take(&bytes));
            match piece {
                Ok(piece) if piece.is_empty() => {}
                other => return Poll::Ready(Some(other)),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<Bytes, GatewayError> {
        let piece = self.scanner.push(bytes)?;
        self.received = self.received.saturating_add(length_of(&piece));
        self.lengths.check(self.received, u64::MAX)?;
        if let Some(verifier) = &mut self.verifier {
            verifier.update(&piece);
        }
        Ok(piece)
    }

    fn verify(&mut self) -> Result<(), GatewayError> {
        let Some(verifier) = self.verifier.take() else {
            return Ok(());
        };
        self.scanner.finish()?;
        self.lengths.check(self.received, self.received)?;
        self.proven = Some(verifier.finish(None).map_err(BodyError::from)?);
        Ok(())
    }

    /// What is left of the file, which is at most `limit` bytes, and what was proven of the whole.
    pub async fn rest(&mut self, limit: usize) -> Result<Rest, GatewayError> {
        let mut bytes = Vec::new();
        while let Some(piece) = std::future::poll_fn(|context| self.poll_file(context)).await {
            let piece = piece?;
            if bytes.len().saturating_add(piece.len()) > limit {
                return Err(BodyError::TooLong { limit }.into());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Rest {
            bytes: bytes.into(),
            facts: self.facts(),
        })
    }

    fn facts(&self) -> Facts {
        let proven = self.proven.as_ref();
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

/// What was left of a file, verified.
#[derive(Debug)]
pub struct Rest {
    bytes: Bytes,
    facts: Facts,
}

impl Rest {
    /// How many bytes.
    pub fn length(&self) -> u64 {
        length_of(&self.bytes)
    }
}

impl PlainSource for Rest {
    fn poll_plain(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, GatewayError>>> {
        let bytes = std::mem::take(&mut self.bytes);
        Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)))
    }

    fn facts(&self) -> Facts {
        self.facts.clone()
    }
}

/// The beginning of a file: exactly so many bytes, with the rest left for later.
#[derive(Debug)]
pub struct Beginning {
    file: Arc<Mutex<FormFile>>,
    left: u64,
}

impl Beginning {
    /// The first `length` bytes of `file`.
    pub fn new(file: Arc<Mutex<FormFile>>, length: u64) -> Self {
        Self { file, left: length }
    }
}

impl PlainSource for Beginning {
    fn poll_plain(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, GatewayError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(piece) = ready!(file.poll_file(context)) else {
            return Poll::Ready(Some(Err(ended_early().into())));
        };
        let mut piece = piece?;
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX);
        if piece.len() > wanted {
            file.excess = piece.split_off(wanted);
        }
        self.left = self.left.saturating_sub(length_of(&piece));
        Poll::Ready(Some(Ok(piece)))
    }

    fn facts(&self) -> Facts {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        Facts {
            completed_ms: file.clock.millis(),
            ..Facts::default()
        }
    }
}

/// The fewest and the most bytes that the file of a form can have, when `left` bytes follow its fields.
pub fn possible_lengths(request: &S3Request, left: u64) -> Result<Lengths, S3Error> {
    let content_type = request.parts.headers.get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let boundary = Boundary::of(content_type.unwrap_or_default())?;
    let most = left
        .checked_sub(boundary.shortest_end())
        .ok_or_else(ended_early)?;
    Ok(Lengths {
        least: most.saturating_sub(MOST_AFTER_FILE),
        most,
    })
}

/// Bytes as they come over the wire, from a client that must not fall silent.
#[derive(Debug)]
struct Wire {
    upload: Upload,
    idle: Pin<Box<Sleep>>,
    /// The timer runs only while the client is waited for, not while the store is.
    waiting: bool,
}

impl Wire {
    fn new(upload: Upload) -> Self {
        Self {
            upload,
            idle: Box::pin(tokio::time::sleep(IDLE)),
            waiting: false,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            let Poll::Ready(frame) = self.upload.poll_frame(context) else {
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
}

fn length_of(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn ended_early() -> S3Error {
    Code::MalformedPostRequest.because(
        "The body of your POST request is not well-formed multipart/form-data: it ends too early.",
    )
}

/// For all fields together, however slowly they trickle in: nobody is authenticated yet.
const LONGEST_READING: Duration = Duration::from_secs(30);
