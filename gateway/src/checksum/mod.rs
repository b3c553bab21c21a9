//! Checksums S3 clients send along: which there are, what a request promises, and whether the bytes
//! keep it. It must not know signatures, sealed objects or HTTP responses.

mod algorithm;
mod declared;
mod error;
mod object;
mod value;
mod verifier;

pub use algorithm::{Algorithm, ChecksumType};
pub use declared::{ContentMd5, Declared, DeclaredOfObject};
pub use error::ChecksumError;
pub use object::ObjectChecksum;
pub use value::{Checksum, Value};
pub use verifier::{Proven, Verifier};
