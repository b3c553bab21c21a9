//! Where a client of the matrix works: one upstream, reached over one scheme. It knows no client.

use std::path::Path;

use integration_tests::client::Account;
use integration_tests::gateway::Upstream;

use crate::{shared, shared_by_tls};

/// A gateway that every row of the matrix shares, and how it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    SeaweedFsHttp,
    SeaweedFsHttps,
    EmbeddedHttp,
    EmbeddedHttps,
}

impl Place {
    pub(crate) fn account(self) -> &'static Account {
        match self {
            Self::SeaweedFsHttp => shared(Upstream::SeaweedFs).account(),
            Self::SeaweedFsHttps => shared_by_tls(Upstream::SeaweedFs).account(),
            Self::EmbeddedHttp => shared(Upstream::Embedded).account(),
            Self::EmbeddedHttps => shared_by_tls(Upstream::Embedded).account(),
        }
    }

    /// How much a client uploads in parts here, in MiB: over every threshold of a client's default
    /// settings but rclone's, and in one place what the design asks for.
    pub(crate) fn mebibytes(self) -> usize {
        match self {
            Self::SeaweedFsHttp => 100,
            Self::SeaweedFsHttps | Self::EmbeddedHttp | Self::EmbeddedHttps => 20,
        }
    }

    /// The same in bytes.
    pub(crate) fn large(self) -> usize {
        self.mebibytes() << 20
    }

    /// Runs a Python client of the matrix, which takes its bucket and how many MiB to upload in parts.
    pub(crate) fn run_script(self, script: &str, bucket: &str) {
        let mebibytes = self.mebibytes().to_string();
        self.account().run_script(script, &[bucket, &mebibytes]);
    }

    /// Runs a pinned program in `directory` and returns what it printed.
    pub(crate) fn run(self, directory: &Path, program: &str, arguments: &[&str]) -> String {
        self.account().run(program, directory, arguments, &[])
    }
}

/// One `#[test]` for each place, so that a failure names both the client and the place. The page of
/// clients is made from these names.
macro_rules! row {
    ($row:expr; $($place:ident),+) => {
        $(#[test] fn $place() { $row(row!(@ $place)); })+
    };
    (@ seaweedfs_http) => { crate::clients::place::Place::SeaweedFsHttp };
    (@ seaweedfs_https) => { crate::clients::place::Place::SeaweedFsHttps };
    (@ embedded_https) => { crate::clients::place::Place::EmbeddedHttps };
    (@ embedded_http) => { crate::clients::place::Place::EmbeddedHttp };
}
pub(super) use row;
