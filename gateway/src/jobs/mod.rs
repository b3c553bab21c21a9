//! Jobs: what is done to all objects of a tenant, and takes long. Each is a control document; whichever replica holds
//! its lease works at it, and writes how far it came behind the work, so that another goes on where one ends and
//! what is done twice does no harm.
//!
//! Read [`Worker::step`](worker): a page of objects, the work on each, the cursor. What the work is stands in
//! `ground`; who may ask for it, in `admin`.

mod board;
mod change;
mod ground;
mod job;
mod record;
mod runner;
#[cfg(test)]
mod tests;
mod worker;

pub use board::{cancel, post, post_again};
#[cfg(test)]
pub(crate) use board::{open, strike};
pub use job::{Amount, Cursor, Job, Kind, Lease, Left, Progress, Reason, Stage, State, Use, Wish};
pub use runner::Jobs;

/// Why a job does not get on. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Its document, or another one.
    #[error("a control document cannot be had or written")]
    Control(#[from] crate::control::ControlError),
    /// What it does to objects.
    #[error(transparent)]
    Gateway(#[from] crate::error::GatewayError),
}

impl From<crate::upstream::UpstreamError> for JobError {
    fn from(error: crate::upstream::UpstreamError) -> Self {
        Self::Gateway(error.into())
    }
}

impl From<crate::buckets::BucketError> for JobError {
    fn from(error: crate::buckets::BucketError) -> Self {
        Self::Gateway(error.into())
    }
}
