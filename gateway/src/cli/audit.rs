//! `sealgate audit`: what an administrator does with the trail.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::serve::load;
use super::terminal::Terminal;
use super::{Failure, Outcome};
use crate::clock::Clock;
use crate::tools::{Custody, TrailReader};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Print the deployment's verification key: all that `sealgate-verify` needs to trust.
    Key {
        /// The configuration file of a gateway.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Print the trail as JSON lines, with what is sealed in them opened.
    Read(Read),
    /// Search a tenant's trail through the admin API: who touched what, when, from where. Each search is on the trail.
    Search(Box<super::search::Search>),
}

/// Options of `sealgate audit read`.
#[derive(Debug, Args)]
pub(super) struct Read {
    /// The configuration file of a gateway.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// A replica's journal directory; again for each replica. Otherwise the configuration's.
    #[arg(long, value_name = "DIR")]
    journal: Vec<PathBuf>,
    /// Only lines about this tenant.
    #[arg(long)]
    tenant: Option<String>,
}

impl AuditCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::Key { config } => {
                let key = super::block_on(async {
                    let custody = custody(&config).await?;
                    let key = custody.identity.deployment_key();
                    key.map_err(|error| Failure::new(&error))
                })??;
                terminal.say(&key.verifying().to_string());
            }
            Self::Search(search) => search.run(terminal)?,
            Self::Read(read) => super::block_on(read.read(terminal))??,
        }
        Ok(Outcome::Clean)
    }
}

impl Read {
    async fn read(self, terminal: &mut Terminal) -> Result<(), Failure> {
        let config = load(&self.config)?;
        let custody = Custody::configured(&config, &Clock::system()).await?;
        let tenants: Vec<&str> = match &self.tenant {
            Some(tenant) => vec![tenant],
            None => config
                .tenants
                .iter()
                .map(|tenant| tenant.id.as_str())
                .collect(),
        };
        let reader = TrailReader::new(&custody, &tenants).await?;
        let journals = match self.journal.as_slice() {
            [] => vec![config.audit.journal.clone()],
            given => given.to_vec(),
        };
        for journal in journals {
            reader.read(&journal, &mut |line| {
                let named = line.get("tenant").and_then(serde_json::Value::as_str);
                if self.tenant.is_none() || self.tenant.as_deref() == named {
                    terminal.say(&line.to_string());
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

async fn custody(config: &std::path::Path) -> Result<Custody, Failure> {
    let config = load(config)?;
    Ok(Custody::configured(&config, &Clock::system()).await?)
}
