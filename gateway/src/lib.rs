//! The gateway.

pub mod checksum;
pub mod s3;
pub mod sigv4;
