//! What is tested: a gateway over one of the stores, or the store alone, with the three accounts that
//! s3-tests sign with.

use integration_tests::client::Credentials;
use integration_tests::gateway::{Gateway, Principal, Upstream};
use integration_tests::seaweedfs::SeaweedFs;
use integration_tests::world::World;
use tempfile::TempDir;

use crate::Column;

/// A running subject, ended when dropped.
pub struct Subject {
    endpoint: String,
    /// The sections of the configuration and who signs for each.
    accounts: Vec<(&'static str, Principal)>,
    scratch: TempDir,
    _running: Running,
}

enum Running {
    Gateway { _gateway: Gateway },
    Store { _store: SeaweedFs },
}

impl Subject {
    /// Starts what `column` names.
    pub fn start(column: Column) -> Self {
        let scratch = World::get().scratch();
        let principals = [
            Principal::new("main", "main", "tenant-admin"),
            Principal::new("alt", "alt", "tenant-admin"),
            Principal::new("other", "other", "tenant-admin"),
        ];
        let (endpoint, running) = match column {
            Column::SeaweedFs => over(Upstream::SeaweedFs, &principals),
            Column::Embedded => over(Upstream::Embedded, &principals),
            Column::StoreAlone => {
                let named: Vec<(&str, &Credentials)> = principals
                    .iter()
                    .map(|one| (one.tenant, &one.credentials))
                    .collect();
                let store = SeaweedFs::start_for(scratch.path(), &named);
                (
                    store.endpoint().to_owned(),
                    Running::Store { _store: store },
                )
            }
        };
        let [main, alt, other] = principals;
        Self {
            endpoint,
            accounts: vec![
                ("s3 main", main.clone()),
                ("s3 alt", alt.clone()),
                ("s3 tenant", other),
                // Read at start, used by tests outside the core only.
                ("iam", main.clone()),
                ("iam root", main),
                ("iam alt root", alt),
            ],
            scratch,
            _running: running,
        }
    }

    /// A directory for the run's files.
    pub fn scratch(&self) -> &std::path::Path {
        self.scratch.path()
    }

    /// The configuration file of s3-tests for this subject.
    pub fn settings(&self) -> String {
        let address = self.endpoint.trim_start_matches("http://");
        let (host, port) = address.rsplit_once(':').expect("an endpoint has a port");
        let mut text = format!(
            "[DEFAULT]\nhost = {host}\nport = {port}\nis_secure = False\n\
             [fixtures]\nbucket prefix = conformance-{{random}}-\n"
        );
        for (section, account) in &self.accounts {
            let (tenant, credentials) = (account.tenant, &account.credentials);
            text += &format!(
                "[{section}]\naccess_key = {}\nsecret_key = {}\nuser_id = {tenant}\n\
                 display_name = {tenant}\nemail = {tenant}@example.com\ntenant = {tenant}\n\
                 api_name = us-east-1\n",
                credentials.access_key_id(),
                credentials.secret_access_key(),
            );
        }
        text
    }
}

fn over(upstream: Upstream, principals: &[Principal]) -> (String, Running) {
    let gateway = Gateway::serve(upstream, principals);
    (
        gateway.account().endpoint.clone(),
        Running::Gateway { _gateway: gateway },
    )
}
