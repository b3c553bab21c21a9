//! Rust's `object_store` through its Python binding. What it asserts is in its script.

use super::place::{Place, row};

row!(|place: Place| place.run_script("row_object_store.py", "row-object-store"); seaweedfs_http, seaweedfs_https, embedded_http);
