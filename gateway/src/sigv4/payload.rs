//! What the signature says about the body, chosen from `x-amz-content-sha256` alone and never from
//! `Content-Encoding`: some clients send signed chunks without `aws-chunked` in it. It must not
//! know the framing.

use super::chunk_signer::ChunkSigner;
use super::error::SignatureError;

/// How the body of a verified request is covered, and so how it must be read.
#[derive(Debug, Clone)]
pub enum Payload {
    /// The body is sent as it is; its SHA-256 must be this one, or the request fails with
    /// `XAmzContentSHA256Mismatch`.
    Literal([u8; 32]),
    /// `UNSIGNED-PAYLOAD`: the body is sent as it is, and not covered.
    Unsigned,
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`: chunks, each with its signature.
    SignedChunks(ChunkSigner),
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER`: chunks and a trailer, each with its signature.
    SignedChunksTrailer(ChunkSigner),
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`: chunks and a trailer, not covered.
    UnsignedTrailer,
}

/// The same, before a key is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    Literal([u8; 32]),
    Unsigned,
    SignedChunks,
    SignedChunksTrailer,
    UnsignedTrailer,
}

impl Announced {
    /// Reads a value of `x-amz-content-sha256`.
    pub(crate) fn parse(text: &str) -> Result<Self, SignatureError> {
        match text {
            UNSIGNED_PAYLOAD => Ok(Self::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Self::SignedChunks),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Self::SignedChunksTrailer),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Self::UnsignedTrailer),
            text if text.starts_with("STREAMING-AWS4-ECDSA-P256-SHA256-") => {
                Err(SignatureError::NotImplemented {
                    feature: "Signature Version 4A for chunks",
                })
            }
            text => {
                let mut sha256 = [0; 32];
                match hex::decode_to_slice(text, &mut sha256) {
                    Ok(()) => Ok(Self::Literal(sha256)),
                    Err(_) => Err(SignatureError::InvalidArgument {
                        problem: "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, \
                            STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, \
                            STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or the hexadecimal SHA-256 of the body"
                            .to_owned(),
                    }),
                }
            }
        }
    }

    /// Makes the payload of a verified request.
    pub(super) fn with_signer(self, signer: ChunkSigner) -> Payload {
        match self {
            Self::Literal(sha256) => Payload::Literal(sha256),
            Self::Unsigned => Payload::Unsigned,
            Self::SignedChunks => Payload::SignedChunks(signer),
            Self::SignedChunksTrailer => Payload::SignedChunksTrailer(signer),
            Self::UnsignedTrailer => Payload::UnsignedTrailer,
        }
    }

    /// Makes the payload of a request nobody signed; signed chunks need a signature to begin with.
    pub(crate) fn without_signer(self) -> Result<Payload, SignatureError> {
        match self {
            Self::Literal(sha256) => Ok(Payload::Literal(sha256)),
            Self::Unsigned => Ok(Payload::Unsigned),
            Self::UnsignedTrailer => Ok(Payload::UnsignedTrailer),
            Self::SignedChunks | Self::SignedChunksTrailer => Err(SignatureError::InvalidRequest {
                problem: "x-amz-content-sha256 announces signed chunks, but the request \
                    itself is not signed"
                    .to_owned(),
            }),
        }
    }
}

/// What a presigned URL covers when it does not say.
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
