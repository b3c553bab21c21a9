//! `DuckDB` with httpfs: Parquet written in parts and read by ranges. What it asserts is in its script.

use super::place::{Place, row};

row!(|place: Place| place.run_script("row_duckdb.py", "row-duckdb"); seaweedfs_http, seaweedfs_https, embedded_http);
