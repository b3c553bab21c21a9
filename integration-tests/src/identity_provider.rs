//! A real `OpenID` Connect provider on loopback. It knows how the provider is started, and no tokens.

use std::time::Duration;

use tempfile::TempDir;

use crate::process::Process;
use crate::tools;
use crate::world::World;

/// A running provider, ended when dropped.
#[derive(Debug)]
pub struct IdentityProvider {
    issuer: String,
    process: Process,
    _directory: TempDir,
}

impl IdentityProvider {
    /// Starts one.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn start() -> Self {
        let directory = World::get().scratch();
        let script = tools::script("identity_provider.cjs").display().to_string();
        let modules = tools::javascript().display().to_string();
        let log = directory.path().join("provider.log");
        let mut process = Process::start(&tools::tool("node"), &[&script, &modules], &log);
        let issuer = process.wait_for(START_LIMIT, |log| {
            let line = log.lines().find_map(|line| line.strip_prefix("ready "));
            line.map(str::to_owned)
        });
        Self {
            issuer,
            process,
            _directory: directory,
        }
    }

    /// Its issuer identifier, which is its URL.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Ends it, as an outage does.
    pub fn stop(&mut self) {
        self.process.kill();
    }
}

const START_LIMIT: Duration = Duration::from_mins(1);
