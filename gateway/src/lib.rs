//! The gateway.

pub mod checksum;
pub mod sigv4;
