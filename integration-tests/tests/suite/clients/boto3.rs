//! boto3: managed transfers in threads, with its default checksums. What it asserts is in its script.

use super::place::{Place, row};

row!(|place: Place| place.run_script("row_boto3.py", "row-boto3"); seaweedfs_http, seaweedfs_https, embedded_http, embedded_https);
