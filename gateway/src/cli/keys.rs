//! `sealgate keys`: what an administrator does with a tenant's keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::object::tenant_of;
use super::serve::load;
use super::terminal::Terminal;
use super::{Failure, Outcome};
use crate::clock::Clock;
use crate::tools::{Custody, ToolError, export_audit_keys};

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Write a tenant's audit keys to a file: they check the MAC of stored objects and open none.
    ExportAudit(ExportAudit),
}

/// Options of `sealgate keys export-audit`.
#[derive(Debug, Args)]
pub(super) struct ExportAudit {
    /// The configuration file of a gateway.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The tenant; may be left out if the configuration has only one.
    #[arg(long)]
    tenant: Option<String>,
    /// The new file, readable by its owner only.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

impl KeysCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let Self::ExportAudit(export) = self;
        let tenant = super::block_on(export.export())??;
        terminal.say(&format!(
            "{}: the audit keys of tenant {tenant}",
            export.out.display()
        ));
        Ok(Outcome::Clean)
    }
}

impl ExportAudit {
    async fn export(&self) -> Result<String, ToolError> {
        let config = load(&self.config).map_err(|failure| ToolError::Asked(failure.0))?;
        let tenant = tenant_of(&config, self.tenant.as_deref())?;
        let custody = Custody::configured(&config, &Clock::system()).await?;
        export_audit_keys(&custody.keys, &tenant, &self.out).await?;
        Ok(tenant)
    }
}
