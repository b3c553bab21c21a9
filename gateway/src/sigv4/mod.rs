//! AWS Signature Version 4: client requests verified, our own upstream requests signed. It must not
//! know buckets, objects, policies or any cryptography but HMAC-SHA256; it does no IO and holds no
//! clock.
//!
//! The rules are those of the "Authenticating Requests (AWS Signature Version 4)" chapter of the
//! Amazon S3 API reference:
//!
//! * [`Verifier::verify`] reads the head of a request and says who signed it, and what the
//!   signature says about the body ([`Payload`]).
//! * [`Decoder`] takes the `aws-chunked` framing off a body and checks the signatures inside it
//!   while the bytes stream by.
//! * [`Signer`] signs requests to the store behind the gateway.

mod authorization;
mod aws_chunked;
mod canonical;
mod chunk_signer;
mod claim;
mod day_keys;
mod error;
mod key;
mod payload;
mod presigned;
mod scope;
mod sign;
mod timestamp;
mod verify;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod vectors;

pub use aws_chunked::{ChunkError, Decoded, Decoder, Step};
pub use canonical::{encode_path, encode_query};
pub use chunk_signer::ChunkSigner;
pub use claim::Claimed;
pub(crate) use claim::{CONTENT_SHA256, MAX_SKEW, SECURITY_TOKEN, one_header};
pub use error::SignatureError;
pub use key::SecretKey;
pub use payload::Payload;
pub(crate) use payload::{Announced, UNSIGNED_PAYLOAD};
pub use sign::{SignError, Signer};
pub(crate) use timestamp::Timestamp;
pub use verify::{Form, SignedPolicy, Verification, Verified, Verifier};
