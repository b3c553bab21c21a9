//! Who may do what: pure decisions over principals, actions and resources. Knows no keys and no HTTP.
//!
//! Two rules hold here from the first day and cannot be configured away: nobody acts on another
//! tenant's resource, and what is not permitted is denied.

mod decision;
mod role;

pub use decision::{Action, Decision, Denial, Principal, Resource, decide};
pub use role::{Role, UnknownRole};
