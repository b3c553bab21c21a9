//! The client matrix: what people point at an S3 endpoint, with default settings, the endpoint and the
//! credentials apart. Every module with a `row!` is one client; `page` makes docs/clients.md of them.
//!
//! Each row uploads a small object and one in parts, lists, reads a range, copies, and deletes; clients that
//! sync do so twice, and the second time moves nothing.

mod aws_cli;
mod aws_cli_2;
mod aws_sdk_rust;
mod boto3;
mod curl;
mod duckdb;
mod files;
mod javascript;
mod matrix;
mod minio_py;
mod object_store;
mod page;
mod place;
mod pyarrow;
mod rclone;
mod restic;
mod s3cmd;
mod s3fs;
mod s5cmd;
