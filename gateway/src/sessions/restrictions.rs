//! The policies that sessions are restricted to, compiled once for all requests of a session. Pure but for what it
//! remembers.

use std::sync::Arc;

use policies::{Malformed, PolicySet, compile_session_policy};

use crate::compiled_policies::CompiledPolicies;

/// Compiled policies by their text, which a session's token carries.
#[derive(Debug, Clone, Default)]
pub struct Restrictions(CompiledPolicies<String>);

impl Restrictions {
    /// A policy of a session, in IAM's JSON.
    ///
    /// # Errors
    ///
    /// What of it is not understood. Sessions are made with policies that are, so that only a build that understands
    /// less comes across one.
    pub fn compiled(&self, document: &str) -> Result<Arc<PolicySet>, Malformed> {
        if let Some(known) = self.0.get(document) {
            return Ok(known);
        }
        let compiled = compile_session_policy(document.as_bytes())?;
        Ok(self.0.remember(document.to_owned(), compiled))
    }
}
