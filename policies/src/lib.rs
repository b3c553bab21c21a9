//! Who may do what: pure decisions over principals, actions and resources. Knows no keys and no HTTP.
//!
//! [`decide`] is the whole of it: Cedar policies in layers, of which any `forbid` wins, and what is not
//! permitted, or cannot be decided, is denied. What the product itself forbids is compiled in
//! (`policies/invariants.cedar`); what can be asked stands in `schema.cedarschema`.

mod action;
mod asks;
pub mod cases;
mod cedar;
mod decision;
mod engine;
mod iam;
mod needs;
mod problem;
#[cfg(feature = "proofs")]
pub mod proofs;
pub mod reach;
mod request;
mod role;
mod set;
mod templates;

pub use action::{Action, Group, Target, UnknownAction};
pub use decision::{Decision, Denial, Reason};
pub use engine::{Layers, decide};
pub use iam::{Compiled, Malformed, compile_bucket_policy, compile_session_policy};
pub use needs::Needs;
pub use problem::{Problem, Source};
pub use request::{AuthType, BreakGlass, Context, Kind, Principal, Request, Resource};
pub use role::{Role, UnknownRole};
pub use set::{PolicySet, SCHEMA_TEXT};
pub use templates::{Layer, TEMPLATES, Template};
