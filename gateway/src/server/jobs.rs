//! The task in which a replica works at jobs, beside the connections.

use std::convert::Infallible;

use tokio::task::JoinHandle;

use crate::jobs::Jobs;

/// A replica at work; dropped, it stops amid what it does, and another goes on once its leases are over.
#[derive(Debug)]
pub struct Working(JoinHandle<Infallible>);

impl Working {
    /// Begins.
    pub fn begin(jobs: Jobs) -> Self {
        #[expect(clippy::disallowed_methods, reason = "this folder starts the tasks")]
        Self(tokio::spawn(jobs.run()))
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.abort();
    }
}
