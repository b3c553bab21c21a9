//! The policies that sessions are restricted to, compiled once for all requests of a session. Pure but for what it
//! remembers.

use std::sync::Arc;

use policies::{Malformed, PolicySet, compile_session_policy};

use crate::compiled_policies::{CompiledPolicies, apart};
use crate::error::GatewayError;

/// Compiled policies by their text, which a session's token carries.
#[derive(Debug, Clone, Default)]
pub struct Restrictions(CompiledPolicies<String>);

impl Restrictions {
    /// A policy of a session, in IAM's JSON.
    ///
    /// # Errors
    ///
    /// Inside: what of it is not understood. Sessions are made with policies that are, so that only a build that understands
    /// less comes across one.
    pub async fn compiled(
        &self,
        document: &str,
    ) -> Result<Result<Arc<PolicySet>, Malformed>, GatewayError> {
        if let Some(known) = self.0.get(document) {
            return Ok(Ok(known));
        }
        let text = document.to_owned();
        let compiled = apart(move || compile_session_policy(text.as_bytes())).await?;
        Ok(compiled.map(|compiled| self.0.remember(document.to_owned(), compiled)))
    }
}
