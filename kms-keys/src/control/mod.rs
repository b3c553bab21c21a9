//! Control documents: the deployment's, the keyrings and all others; their form, their MAC and how they
//! are read and written by compare-and-swap. It must not cache, and it must not unwrap tenants' keys.

mod authenticated;
mod deployment;
mod general;
pub(crate) mod kek_index;
mod keyring;
mod placed;
mod store;
mod timestamp;

pub(crate) use authenticated::{Mac, read_unverified};
pub use deployment::DeploymentKey;
pub use general::{Content, DocumentKeys, General};
pub(crate) use keyring::{Entry, Keyring, place};
pub use keyring::{Purpose, State};
pub use placed::PlacedDocuments;
pub(crate) use store::refused_at;
pub use store::{ControlStore, Written};
pub use timestamp::Timestamp;
