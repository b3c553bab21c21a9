//! Checksums S3 clients send along: which there are, what a request promises, and whether the bytes
//! keep it. It must not know signatures, sealed objects or HTTP responses.

mod algorithm;
mod composite;
mod declared;
mod error;
mod verifier;

pub use algorithm::{Algorithm, Checksum, Value};
pub use composite::Composite;
pub use declared::{ContentMd5, Declared};
pub use error::ChecksumError;
pub use verifier::{Proven, Verifier};
