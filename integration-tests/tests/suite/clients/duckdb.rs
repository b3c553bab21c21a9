//! DuckDB's httpfs: Parquet written in parts and read by ranges. What it asserts is in its script.

use super::place::row;

row!(|place: super::place::Place| place.run_script("row_duckdb.py", "row-duckdb"); seaweedfs_http, embedded_http);
