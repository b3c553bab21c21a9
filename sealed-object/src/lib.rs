//! The SOF-1 sealed object format and its cryptography: no IO, no async, no configuration.
//!
//! [`format`] is the specification; `key` is the key hierarchy. Bytes are pushed in and taken out; randomness and
//! time are given by the caller.
//!
//! - sealing one object: [`seal_single`] → [`SingleSealer`];
//! - in parts: [`create_upload`] → [`Upload`] → [`PartSealer`] → [`PartToken`] → [`Footer`];
//! - opening: [`Envelope`] → [`Opened`] → [`BodyOpener`], or [`Layout`] → [`Span`] → [`SpanOpener`];
//! - looking without keys: [`Header`], [`Trailer`], [`BodyChecker`] → [`Checked`].
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::as_conversions)
)]

pub mod format;
pub mod geometry;

mod checker;
mod chunk;
mod envelope;
mod error;
mod facts;
mod fields;
mod footer;
mod gather;
mod header;
mod id;
mod key;
mod layout;
mod manifest;
mod metadata;
mod opener;
mod part;
mod part_checksums;
mod part_sealer;
mod part_token;
#[cfg(test)]
mod primitives;
mod random;
mod sealed_bytes;
mod sealer;
#[cfg(test)]
mod secrecy;
mod span;
mod suite;
mod tail;
mod trailer;
mod upload;

pub use checker::{BodyChecker, Checked};
pub use envelope::{Envelope, Opened};
pub use error::{Error, Result};
pub use facts::{ClientChecksum, Facts, TrailerFacts};
pub use footer::Summary;
pub use geometry::{Plain, Sealed};
pub use header::{Header, Kind};
pub use id::{KeyId, ObjectId};
pub use key::{AuditKey, Aux, Context, Kek, OwnKey};
pub use layout::{Layout, Span};
pub use manifest::{Entry, Manifest};
pub use metadata::Metadata;
pub use opener::BodyOpener;
pub use part_checksums::PartChecksums;
pub use part_sealer::{PartFacts, PartSealer, StagedRelay};
pub use part_token::PartToken;
pub use random::{ModuleRandom, OsRandom, Random};
pub use sealed_bytes::SealedBytes;
pub use sealer::{SingleSealer, seal_single, seal_single_as};
pub use span::SpanOpener;
pub use suite::{Digest, Suite, UnknownSuite};
pub use tail::Tail;
pub use trailer::Trailer;
pub use upload::{
    ChecksumChoice, Footer, NewUpload, Upload, UploadId, create_upload, create_upload_as,
};
