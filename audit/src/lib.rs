//! The audit trail: events, the journal that makes them durable, and what proves that none was changed.
//!
//! An [`Event`] says who did what, and becomes one JSON line. [`Journal::record`] returns when that line is on disk,
//! so that what is answered after it is on record. The lines of one run of a replica are a [log](Journal::log): a
//! Merkle tree ([`tree`]) over them is signed every few seconds ([`signed`]). This room knows no S3 types: the
//! gateway translates. `docs/audit.md` is the specification.

pub mod archiving;
mod event;
mod evidence;
mod following;
mod identity;
mod journal;
mod sealing;
pub mod signed;
pub mod tree;
pub mod verify;

pub use event::{Act, Class, Decision, Event, Kind, LINE_LIMIT, SecondFactor, wall};
pub use evidence::{Listed, MANIFEST, Manifest, Pack, Subject};
pub use following::{Cursor, Follower, Line, READERS, place_of};
pub use identity::Identity;
pub use journal::{
    Closed, Health, Journal, JournalError, OpenIntent, Opening, Proof, ProveError, Recorded,
    Settings,
};
pub use sealing::{AuditKey, Field, Named};
pub use uuid::Uuid;
pub use zip::result::ZipError;
