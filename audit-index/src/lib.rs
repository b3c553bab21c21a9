//! Searching the audit trail: an index of one tenant's lines, in one SQLite file for each month.
//!
//! It is derived from the journal and can be removed at any time: made again it answers the same. Nothing in it is
//! believed: each hit says where its line is on the trail, and that line is what is given. It holds tokens and no names, and
//! knows no keys and no HTTP.

mod index;
mod month;
mod question;
mod row;

pub use index::{Index, IndexError, OfLog};
pub use question::{About, Bulk, First, Hit, Novelty, Question};
