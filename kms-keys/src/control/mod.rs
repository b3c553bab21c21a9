//! The control documents of this room: the deployment's and the keyrings, their form, their MAC and
//! how they are read and written by compare-and-swap. It must not cache, and it must not unwrap
//! tenants' keys.

mod authenticated;
mod deployment;
pub(crate) mod kek_index;
mod keyring;
mod store;
mod timestamp;

pub(crate) use authenticated::Mac;
pub use deployment::DeploymentKey;
pub(crate) use keyring::{Entry, Keyring, place};
pub use keyring::{Purpose, State};
pub(crate) use store::{ControlStore, Written};
pub(crate) use timestamp::Timestamp;
