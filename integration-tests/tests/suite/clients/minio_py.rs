//! minio-py. What it asserts is in its script.

use super::place::{Place, row};

row!(|place: Place| place.run_script("row_minio_py.py", "row-minio-py"); seaweedfs_http, seaweedfs_https, embedded_http);
