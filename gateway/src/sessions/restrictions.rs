//! The policies that sessions are restricted to, compiled once for all requests of a session. Pure but for what it
//! remembers.

use std::sync::Arc;

use moka::sync::Cache;
use policies::{Malformed, PolicySet, compile_session_policy};

/// Compiled policies by their text, which a session's token carries: what is remembered is never out of date.
#[derive(Clone)]
pub struct Restrictions(Cache<String, Arc<PolicySet>>);

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
        let set = Arc::new(compile_session_policy(document.as_bytes())?.set);
        self.0.insert(document.to_owned(), Arc::clone(&set));
        Ok(set)
    }
}

impl Default for Restrictions {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl std::fmt::Debug for Restrictions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Restrictions")
    }
}

/// Policies; one is a few hundred kilobytes at most.
const MOST: u64 = 1000;
