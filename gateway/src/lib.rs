//! The Sealgate gateway: HTTP in, S3 meaning, sealed bytes out.
//!
//! Read `service.rs` first: the life of a request is one page. docs/architecture.md draws the rooms.

pub mod accommodations;
pub mod admin;
pub mod archive;
pub mod assemble;
pub mod authenticate;
pub mod authorize;
pub mod body;
pub mod break_glass;
pub mod buckets;
pub mod checksum;
pub mod cli;
pub mod clock;
pub mod compiled_policies;
pub mod config;
pub mod connection;
pub mod control;
pub mod cors;
pub mod directory;
pub mod envelope;
pub mod error;
pub mod jobs;
mod key_management;
pub mod key_scopes;
pub mod keys;
pub mod limits;
pub mod oidc;
pub mod operations;
pub mod s3;
pub mod server;
pub mod service;
pub mod sessions;
pub mod sigv2;
pub mod sigv4;
pub mod sinks;
pub mod spills;
pub mod stored_bytes;
pub mod sts;
pub mod telemetry;
pub mod tools;
pub mod trail;
pub mod upstream;
