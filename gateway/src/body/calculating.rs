//! Plaintext of an object on its way into another, with its checksum taken as it passes.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sealed_object::{ClientChecksum, Facts};

use super::sealing::PlainSource;
use crate::checksum::{Algorithm, Checksum};
use crate::error::GatewayError;

/// A source whose bytes are also summed up.
#[derive(Debug)]
pub struct Calculating<P> {
    source: P,
    checksum: Option<Checksum>,
    value: Option<ClientChecksum>,
}

impl<P> Calculating<P> {
    /// Takes the checksum of all that `source` gives, if one is wanted.
    pub fn new(source: P, algorithm: Option<Algorithm>) -> Self {
        Self {
            source,
            checksum: algorithm.map(Checksum::new),
            value: None,
        }
    }
}

impl<P: PlainSource> PlainSource for Calculating<P> {
    fn poll_plain(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, GatewayError>>> {
        let piece = ready!(self.source.poll_plain(context));
        match &piece {
            Some(Ok(bytes)) => {
                if let Some(checksum) = &mut self.checksum {
                    checksum.update(bytes);
                }
            }
            Some(Err(_)) => self.checksum = None,
            None => {
                if let Some(value) = self.checksum.take().map(Checksum::finish) {
                    self.value = ClientChecksum::new(value.algorithm().id(), value.as_bytes()).ok();
                }
            }
        }
        Poll::Ready(piece)
    }

    fn facts(&self) -> Facts {
        Facts {
            client_checksum: self.value.clone(),
            ..self.source.facts()
        }
    }
}
