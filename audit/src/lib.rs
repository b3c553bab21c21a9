//! The audit trail: events and the journal that makes them durable.
//!
//! An [`Event`] says who did what, and becomes one JSON line. [`Journal::record`] returns when that
//! line is on disk, so that what is answered after it is on record. This room knows no S3 types:
//! the gateway translates.

mod event;
mod journal;

pub use event::{Class, Decision, Event, Kind, LINE_LIMIT};
pub use journal::{Journal, JournalError, Opening, Settings};
pub use uuid::Uuid;
