//! `sealgate audit archive`: whether what is archived stays, and how it comes back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::Identity;
use clap::Subcommand;

use super::serve::load;
use super::terminal::Terminal;
use super::{Failure, Outcome};
use crate::archive::{ArchiveBucket, fetch};
use crate::assemble::archive_bucket;
use crate::clock::Clock;
use crate::tools::Custody;

#[derive(Debug, Subcommand)]
pub(super) enum ArchiveCommand {
    /// Try whether the gateway itself could remove what is archived, or have it kept for a shorter time.
    Check {
        /// The configuration file of a gateway.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Fetch all that is archived, in the form of a journal, for `sealgate-verify trail`.
    Fetch {
        /// The configuration file of a gateway.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// To where: a directory that is empty, or is made.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

impl ArchiveCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::Check { config } => super::block_on(check(&config, terminal))?,
            Self::Fetch { config, out } => super::block_on(get(&config, &out, terminal))?,
        }
    }
}

async fn check(config: &Path, terminal: &mut Terminal) -> Result<Outcome, Failure> {
    let (bucket, identity) = archive(config).await?;
    let tried = bucket.try_worm(&identity, Clock::system().now()).await;
    let lacks = tried.map_err(|error| Failure::new(&error))?;
    for lack in &lacks {
        terminal.say(&format!("{}: {lack}", bucket.name()));
    }
    if !lacks.is_empty() {
        return Ok(Outcome::Found);
    }
    terminal.say(&format!(
        "{}: what is archived can neither be removed nor kept for a shorter time by the gateway",
        bucket.name()
    ));
    Ok(Outcome::Clean)
}

async fn get(config: &Path, out: &Path, terminal: &mut Terminal) -> Result<Outcome, Failure> {
    let (bucket, identity) = archive(config).await?;
    let fetched = fetch(&bucket, &identity, out).await;
    let fetched = fetched.map_err(|error| Failure::new(&error))?;
    terminal.say(&format!(
        "{} logs, {} lines and {} entries of the super-log in {}",
        fetched.logs,
        fetched.lines,
        fetched.entries,
        out.display()
    ));
    if fetched.unread > 0 {
        terminal.say(&format!(
            "{} objects could not be read, and are missing in what was fetched: the log names them",
            fetched.unread
        ));
    }
    if fetched.overlaid > 0 {
        terminal.say(&format!(
            "somebody put something over {} names, or marked them as deleted, after they were archived; what was there first was fetched",
            fetched.overlaid
        ));
    }
    if fetched.unread > 0 || fetched.overlaid > 0 {
        return Ok(Outcome::Found);
    }
    Ok(Outcome::Clean)
}

/// The archive of a configuration, and whose it is.
async fn archive(config: &Path) -> Result<(ArchiveBucket, Arc<Identity>), Failure> {
    let (config, clock) = (load(config)?, Clock::system());
    let custody = Custody::configured(&config, &clock).await?;
    let none = || Failure("the configuration has no [audit.archive]".to_owned());
    let upstream = custody.upstream.as_ref().ok_or_else(none)?;
    let bucket = archive_bucket(&config, upstream, &custody.identity, &clock);
    let bucket = bucket.map_err(|error| Failure::new(&error))?;
    Ok((bucket.ok_or_else(none)?, custody.identity))
}
