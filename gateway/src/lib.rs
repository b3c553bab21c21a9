//! The gateway.

pub mod s3;
