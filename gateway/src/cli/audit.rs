//! `sealgate audit`: what an administrator does with the trail.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audit::{Class, Event, Identity, Journal, JournalError, Kind};
use clap::{Args, Subcommand};

use super::serve::load;
use super::terminal::Terminal;
use super::{Failure, Outcome};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::report;
use crate::tools::{Custody, TrailReader};
use crate::trail::copy_super_log;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Print the deployment's verification key: all that `sealgate-verify` needs to trust.
    Key {
        /// The configuration file of a gateway.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Copy the super-log out of the system bucket, so that `sealgate-verify` sees whether a log is missing.
    SuperLog {
        /// The configuration file of a gateway.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// To where: a directory named `super` beside the copies of all replicas' logs.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Look at the bucket in which copies of the trail lie that nobody can change, or fetch them.
    #[command(subcommand)]
    Archive(super::archive::ArchiveCommand),
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
            Self::SuperLog { config, out } => {
                let count = super::block_on(async {
                    let custody = custody(&config).await?;
                    let copied = copy_super_log(&custody.system, &out).await;
                    copied.map_err(|error| Failure::new(&error))
                })??;
                terminal.say(&format!("{count} entries in {}", out.display()));
            }
            Self::Archive(archive) => return archive.run(terminal),
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
        self.put_on_record(&config, custody.identity).await?;
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

impl Read {
    /// Whoever opens what is sealed is on record before a line is shown.
    async fn put_on_record(&self, config: &Config, identity: Arc<Identity>) -> Result<(), Failure> {
        let clock = Clock::system();
        let settings = audit::Settings {
            replica: format!("{}-reader", config.audit.replica),
            headroom: 0,
            ..audit::Settings::default()
        };
        let place = config.audit.journal.join(audit::READERS);
        let unrecorded = |error: &JournalError| {
            Failure(format!(
                "this read cannot be put on record, so nothing is opened: {}",
                report(error)
            ))
        };
        // Another reader has the directory for as long as it takes to write three lines.
        let mut tries = 0;
        let journal = loop {
            match Journal::open(&place, Arc::clone(&identity), settings.clone(), clock.now()) {
                Err(JournalError::InUse { .. }) if tries < 100 => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                opened => break opened.map_err(|error| unrecorded(&error))?,
            }
        };
        let mut search = Event::of_trail(Kind::Search, clock.now());
        search.tenant.clone_from(&self.tenant);
        search.class = Class::Read;
        search.actor_type = Some("administrator");
        search.principal = Some("whoever holds the root keys".to_owned());
        let whole = self.tenant.is_none();
        search.detail.insert("all_tenants".to_owned(), whole.into());
        let start = Event::of_trail(Kind::Start, clock.now());
        let stop = Event::of_trail(Kind::Stop, clock.now());
        for event in [&start, &search, &stop] {
            let recorded = journal.record(event, None).await;
            recorded.map_err(|error| unrecorded(&error))?;
        }
        Ok(())
    }
}

async fn custody(config: &std::path::Path) -> Result<Custody, Failure> {
    let config = load(config)?;
    Ok(Custody::configured(&config, &Clock::system()).await?)
}
