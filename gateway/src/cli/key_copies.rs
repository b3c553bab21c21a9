//! `sealgate keys backup|restore|mirror`: copies of keyrings. The first two work by a configuration, beside a
//! gateway or when none can run; with the admin API, a restoration is from the mirror and needs two others.

use std::path::PathBuf;

use clap::Args;
use http::Method;
use kms_keys::{Fates, Mode};
use serde_json::{Value, json};

use super::admin::{lines, tell, tell_asked};
use super::client::{AdminOptions, text_of};
use super::serve::load;
use super::terminal::Terminal;
use super::{Failure, Outcome};
use crate::clock::Clock;
use crate::tools::{BackedUp, Copy, Restored, ToolError, back_up, restore};

/// Options of `sealgate keys backup`.
#[derive(Debug, Args)]
pub(super) struct BackupOptions {
    /// The configuration file of a gateway.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// One tenant; all if left out.
    #[arg(long)]
    tenant: Option<String>,
    /// The new file, or a directory in which it gets a name by deployment and time.
    #[arg(long, value_name = "FILE|DIR")]
    to: PathBuf,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
}

/// Options of `sealgate keys restore`.
#[derive(Debug, Args)]
pub(super) struct RestoreOptions {
    /// The configuration file of a gateway: works on its store, without a gateway.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A file of `sealgate keys backup`; needs --config.
    #[arg(
        long,
        value_name = "FILE",
        requires = "config",
        conflicts_with = "from_mirror",
        required_unless_present = "from_mirror"
    )]
    from: Option<PathBuf>,
    /// From the mirror; without --config by the admin API, and with --apply by the leave of two others.
    #[arg(long)]
    from_mirror: bool,
    /// One tenant of the mirror; all if left out.
    #[arg(long, requires = "from_mirror")]
    tenant: Option<String>,
    /// Do it; without, only what would be done is told.
    #[arg(long)]
    apply: bool,
    /// The approval to use, once two others have given it.
    #[arg(long, value_name = "ID", conflicts_with = "config")]
    approval: Option<String>,
    #[command(flatten)]
    options: AdminOptions,
}

/// Options of `sealgate keys mirror`.
#[derive(Debug, Args)]
pub(super) struct MirrorOptions {
    /// Bring to the mirror what it lacks.
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    options: AdminOptions,
}

impl BackupOptions {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let config = load(&self.config)?;
        let clock = Clock::system();
        let work = back_up(&config, self.tenant.as_deref(), &self.to, &clock);
        let done = super::block_on(work)??;
        if self.json {
            terminal.say_json(&json!({
                "file": done.file.display().to_string(),
                "deployment": done.deployment,
                "counts": done.counts,
                "unusable": done.unusable,
            }))?;
        } else {
            tell_backup(terminal, &done);
        }
        Ok(found(!done.unusable.is_empty()))
    }
}

impl RestoreOptions {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let Some(file) = &self.config else {
            return self.ask(terminal);
        };
        let config = load(file)?;
        let from = match self.from {
            Some(file) => Copy::File(file),
            None => Copy::Mirror(self.tenant),
        };
        let (mode, clock) = (mode(self.apply), Clock::system());
        let done: Result<Restored, ToolError> =
            super::block_on(restore(&config, &from, mode, &clock))?;
        let done = done?;
        let answer = json!({
            "deployment": done.deployment,
            "applied": self.apply,
            "counts": done.fates,
            "documents": done.told.iter().map(|(path, fate)| json!({ "path": path, "fate": fate })).collect::<Vec<_>>(),
        });
        tell_restoration(terminal, self.options.json, &answer)
    }

    /// By the admin API.
    fn ask(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let mut body = json!({ "apply": self.apply });
        if let Some(members) = body.as_object_mut() {
            let said = [("tenant", self.tenant), ("approval", self.approval)];
            members.extend(
                said.into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?)))),
            );
        }
        let options = &self.options;
        let answer = options.ask(Method::POST, "/v1/keys/restore", Some(&body))?;
        match answer.get("approval") {
            Some(asked) => tell_asked(terminal, options.json, asked),
            None => tell_restoration(terminal, options.json, &answer),
        }
    }
}

impl MirrorOptions {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let method = if self.apply {
            Method::POST
        } else {
            Method::GET
        };
        let answer = self.options.ask(method, "/v1/keys/mirror", None)?;
        tell(terminal, self.options.json, &answer, |answer| {
            let mut shown = lines(answer, "documents", document);
            shown.push(format!(
                "{} the same, {} to bring, {} newer in the mirror, {} to look at; {} only in the mirror",
                fates(answer).same,
                fates(answer).brought(),
                fates(answer).newer,
                fates(answer).trouble(),
                text_of(answer, "only_in_mirror"),
            ));
            shown
        })?;
        let agrees = text_of(&answer, "agrees") == "true";
        Ok(found(!agrees))
    }
}

fn tell_backup(terminal: &mut Terminal, done: &BackedUp) {
    for path in &done.unusable {
        terminal.say(&format!(
            "not in it, as it cannot be trusted any more: {path}"
        ));
    }
    let counts = &done.counts;
    terminal.say(&format!(
        "{}: {} tenants, {} scopes, {} KEKs of scopes, {} buckets of deployment {}; read again as a whole",
        done.file.display(),
        counts.tenants,
        counts.scopes,
        counts.index,
        counts.buckets,
        done.deployment,
    ));
}

/// By either way, so that whoever watches the exit code need not know which.
fn tell_restoration(
    terminal: &mut Terminal,
    json: bool,
    answer: &Value,
) -> Result<Outcome, Failure> {
    tell(terminal, json, answer, restoration)?;
    Ok(found(fates(answer).trouble() > 0))
}

fn restoration(answer: &Value) -> Vec<String> {
    let mut shown = lines(answer, "documents", document);
    let applied = text_of(answer, "applied") == "true";
    shown.push(format!(
        "deployment {}: {} documents {}, {} the same, {} newer there, {} to look at",
        text_of(answer, "deployment"),
        fates(answer).brought(),
        if applied {
            "brought"
        } else {
            "would be brought"
        },
        fates(answer).same,
        fates(answer).newer,
        fates(answer).trouble(),
    ));
    shown.push(if applied {
        "Start the gateways anew: a replica does not take an older keyring than it has seen."
            .to_owned()
    } else {
        "Nothing was changed; --apply does it.".to_owned()
    });
    shown
}

fn document(one: &Value) -> String {
    format!("{:<9} {}", text_of(one, "fate"), text_of(one, "path"))
}

fn fates(answer: &Value) -> Fates {
    let counts = answer.get("counts").cloned().unwrap_or_default();
    serde_json::from_value(counts).unwrap_or_default()
}

fn mode(apply: bool) -> Mode {
    if apply { Mode::Bring } else { Mode::Look }
}

fn found(trouble: bool) -> Outcome {
    if trouble {
        Outcome::Found
    } else {
        Outcome::Clean
    }
}
