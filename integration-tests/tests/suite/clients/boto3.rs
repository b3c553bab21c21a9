//! boto3: managed transfers in threads, with its default checksums. What it asserts is in its script.

use super::place::row;

row!(|place: super::place::Place| place.run_script("row_boto3.py", "row-boto3"); seaweedfs_http, embedded_http);
