//! pyarrow's filesystem: the C++ SDK, which uploads everything in parts. What it asserts is in its script.

use super::place::{Place, row};

row!(|place: Place| place.run_script("row_pyarrow.py", "row-pyarrow"); seaweedfs_http, seaweedfs_https, embedded_http);
