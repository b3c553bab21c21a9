//! Rust's `object_store`, as Arrow, Delta and DataFusion use it.
