//! What is tested: a gateway over one of the stores, or the store alone, with the accounts that s3-tests
//! sign with. Every account is a tenant of its own.

use std::fmt::Write as _;
use std::path::Path;

use integration_tests::client::Credentials;
use integration_tests::gateway::{Gateway, Principal, Upstream};
use integration_tests::seaweedfs::SeaweedFs;
use integration_tests::world::World;
use tempfile::TempDir;

use crate::Column;
use crate::pytest::WORKERS;

/// A running subject, ended when dropped.
pub(crate) struct Subject {
    endpoint: String,
    scratch: TempDir,
    _running: Running,
}

enum Running {
    Gateway { _gateway: Gateway },
    Store { _store: SeaweedFs },
}

impl Subject {
    /// Starts what `column` names.
    pub(crate) fn start(column: Column) -> Self {
        let scratch = World::get().scratch();
        let accounts: Vec<Principal> = ACCOUNTS
            .iter()
            .flatten()
            .map(|name| account(name))
            .collect();
        let (endpoint, running) = match column {
            Column::SeaweedFs => over(Upstream::SeaweedFs, &accounts),
            Column::Embedded => over(Upstream::Embedded, &accounts),
            Column::StoreAlone => {
                let named: Vec<(&str, &Credentials)> = accounts
                    .iter()
                    .map(|one| (one.tenant, &one.credentials))
                    .collect();
                let store = SeaweedFs::start_for(scratch.path(), World::get().authority(), &named);
                let endpoint = store.endpoint().to_owned();
                (endpoint, Running::Store { _store: store })
            }
        };
        Self {
            endpoint,
            scratch,
            _running: running,
        }
    }

    /// A directory for the run's files.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// The configuration file of s3-tests for one worker.
    pub(crate) fn settings(&self, worker: usize) -> String {
        let address = self.endpoint.trim_start_matches("http://");
        let (host, port) = address.rsplit_once(':').expect("an endpoint has a port");
        let mut text = format!(
            "[DEFAULT]\nhost = {host}\nport = {port}\nis_secure = False\n\
             [fixtures]\nbucket prefix = conformance-{worker}-{{random}}-\n"
        );
        let [main, alt, other] = ACCOUNTS[worker].map(account);
        let sections = [
            ("s3 main", &main),
            ("s3 alt", &alt),
            ("s3 tenant", &other),
            // Read at start, used by tests outside the core only.
            ("iam", &main),
            ("iam root", &main),
            ("iam alt root", &alt),
        ];
        for (section, account) in sections {
            let (tenant, credentials) = (account.tenant, &account.credentials);
            let _ = write!(
                text,
                "[{section}]\naccess_key = {}\nsecret_key = {}\nuser_id = {tenant}\n\
                 display_name = {tenant}\nemail = {tenant}@example.com\ntenant = {tenant}\n",
                credentials.access_key_id(),
                credentials.secret_access_key(),
            );
        }
        text
    }
}

fn account(name: &'static str) -> Principal {
    Principal::new(name, name, "tenant-admin")
}

fn over(upstream: Upstream, accounts: &[Principal]) -> (String, Running) {
    let gateway = Gateway::serve(upstream, accounts);
    let endpoint = gateway.account().endpoint.clone();
    (endpoint, Running::Gateway { _gateway: gateway })
}

/// The three accounts of each worker.
const ACCOUNTS: [[&str; 3]; WORKERS] = [
    ["main-0", "alt-0", "other-0"],
    ["main-1", "alt-1", "other-1"],
    ["main-2", "alt-2", "other-2"],
    ["main-3", "alt-3", "other-3"],
];
