//! The chain of signatures inside a signed `aws-chunked` body: each chunk's signature covers the
//! one before it, the first the request's. It must not know the framing.

use sha2::{Digest, Sha256};

use super::key::{Signature, SigningKey};

/// Calculates the signatures of a body's chunks, one after the other, from the signature of its
/// request on.
#[derive(Debug, Clone)]
pub struct ChunkSigner {
    key: SigningKey,
    timestamp: String,
    scope: String,
    previous: Signature,
}

impl ChunkSigner {
    pub(super) fn new(key: SigningKey, timestamp: String, scope: String, seed: Signature) -> Self {
        Self {
            key,
            timestamp,
            scope,
            previous: seed,
        }
    }

    /// Whether `sent` is the signature of the next chunk, whose data has this SHA-256. Steps on to
    /// the chunk after it.
    pub(super) fn verify_chunk(&mut self, data_sha256: [u8; 32], sent: &[u8]) -> bool {
        let signature = self.chunk(data_sha256);
        let matches = signature.matches(sent);
        self.previous = signature;
        matches
    }

    /// Whether `sent` is the signature of the trailer (`name:value\n` for each line), after the
    /// last chunk.
    pub(super) fn verify_trailer(&self, trailer: &[u8], sent: &[u8]) -> bool {
        self.trailer(trailer).matches(sent)
    }

    fn chunk(&self, data_sha256: [u8; 32]) -> Signature {
        let Self {
            key,
            timestamp,
            scope,
            previous,
        } = self;
        let (previous, data) = (previous.as_hex(), hex::encode(data_sha256));
        key.sign(
            format!(
                "AWS4-HMAC-SHA256-PAYLOAD\n{timestamp}\n{scope}\n{previous}\n{EMPTY_SHA256}\n{data}"
            )
            .as_bytes(),
        )
    }

    fn trailer(&self, trailer: &[u8]) -> Signature {
        let Self {
            key,
            timestamp,
            scope,
            previous,
        } = self;
        let (previous, data) = (previous.as_hex(), hex::encode(Sha256::digest(trailer)));
        key.sign(
            format!("AWS4-HMAC-SHA256-TRAILER\n{timestamp}\n{scope}\n{previous}\n{data}")
                .as_bytes(),
        )
    }
}

#[cfg(test)]
impl ChunkSigner {
    /// Signs a chunk, as a client does.
    pub(super) fn sign_chunk(&mut self, data: &[u8]) -> String {
        self.previous = self.chunk(Sha256::digest(data).into());
        self.previous.as_hex().to_owned()
    }

    /// Signs a trailer, as a client does.
    pub(super) fn sign_trailer(&self, trailer: &[u8]) -> String {
        self.trailer(trailer).as_hex().to_owned()
    }
}

/// SHA-256 of nothing, which every chunk's string to sign holds where a request has its headers.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
