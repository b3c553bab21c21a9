//! minio-py. What it asserts is in its script.

use super::place::row;

row!(|place: super::place::Place| place.run_script("row_minio_py.py", "row-minio-py"); seaweedfs_http, embedded_http);
