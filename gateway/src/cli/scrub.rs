//! `sealgate scrub`: a bucket's objects, all of them, with progress for whoever watches.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::object::{bucket_name, tenant_of};
use super::serve::load;
use super::terminal::Terminal;
use super::{Failure, Outcome};
use crate::clock::Clock;
use crate::tools::scrub::{Counts, Finding, Plan, Report, Watcher, scrub};
use crate::tools::{Custody, ToolError};

/// Options of `sealgate scrub`.
#[derive(Debug, Args)]
pub(super) struct ScrubOptions {
    /// The bucket, by the name that clients use.
    bucket: String,
    /// The configuration file of a gateway. The embedded bucket can be scrubbed only while its gateway is stopped.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The tenant; may be left out if the configuration has only one.
    #[arg(long)]
    tenant: Option<String>,
    /// Only keys that begin so.
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Every version, not only what a key shows now.
    #[arg(long)]
    all_versions: bool,
    /// Keep what was done in this file; a scrub that was ended, however, goes on from it.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// At most so many stored bytes a second, for example 50MiB.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    rate: Option<u64>,
    /// Compare with the audit trail: what was acknowledged must be there, and be what was written last.
    #[arg(long)]
    against_trail: bool,
    /// With --against-trail: a replica's journal directory; again for each replica. Otherwise the configuration's.
    #[arg(long, value_name = "DIR", requires = "against_trail")]
    journal: Vec<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

impl ScrubOptions {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let mut progress = Progress::new();
        let report = super::block_on(self.scrub(&mut progress))?;
        progress.end();
        let report = report?;
        if self.json {
            terminal.say_json(&report)?;
        } else {
            for line in lines_of(&report) {
                terminal.say(&line);
            }
        }
        Ok(if report.findings.is_empty() {
            Outcome::Clean
        } else {
            Outcome::Found
        })
    }

    async fn scrub(&self, progress: &mut Progress) -> Result<Report, ToolError> {
        let config = load(&self.config).map_err(|failure| ToolError::Asked(failure.0))?;
        let tenant = tenant_of(&config, self.tenant.as_deref())?;
        let custody = Custody::configured(&config, &Clock::system()).await?;
        let ids = config.tenants.iter().map(|one| one.id.clone());
        let journals = match (self.against_trail, self.journal.as_slice()) {
            (false, _) => Vec::new(),
            (true, []) => vec![config.audit.journal.clone()],
            (true, named) => named.to_vec(),
        };
        let plan = Plan {
            bucket: bucket_name(&self.bucket)?,
            other_tenants: ids.filter(|id| *id != tenant).collect(),
            tenant,
            prefix: self.prefix.clone(),
            all_versions: self.all_versions,
            journals,
            record: self.state.clone(),
            rate: self.rate,
        };
        scrub(&custody, &plan, progress).await
    }
}

fn lines_of(report: &Report) -> Vec<String> {
    let Counts {
        objects,
        bytes,
        gone,
        folder_markers,
        not_told,
    } = report.counts;
    let mut lines: Vec<String> = report.findings.iter().map(line_of).collect();
    let mut kinds: BTreeMap<_, u64> = BTreeMap::new();
    for finding in &report.findings {
        let count = kinds.entry(finding.kind).or_default();
        *count = count.saturating_add(1);
    }
    lines.push(format!(
        "{}/{}: {objects} objects, {} whole",
        report.tenant,
        report.bucket,
        HumanBytes(bytes)
    ));
    if report.resumed_after > 0 {
        lines.push(format!(
            "went on after {} objects that were done before",
            report.resumed_after
        ));
    }
    if gone > 0 {
        lines.push(format!("{gone} were deleted meanwhile"));
    }
    if folder_markers > 0 {
        lines.push(format!(
            "{folder_markers} folder markers of which the store keeps only the name"
        ));
    }
    if let Some(unread) = report.trail_lines_unread {
        lines.push(format!(
            "compared with the trail; of {not_told} objects it does not tell, {unread} of its lines cannot be read"
        ));
    }
    if kinds.is_empty() {
        lines.push("nothing was found".to_owned());
    }
    for (kind, count) in kinds {
        lines.push(format!("{kind:<12} {count}"));
    }
    lines
}

/// Keys come from elsewhere and may hold what moves a terminal's cursor.
fn line_of(finding: &Finding) -> String {
    let version = finding.version.as_deref().unwrap_or_default();
    let at = if version.is_empty() { "" } else { "@" };
    format!(
        "{:<12} {}{at}{}: {}",
        finding.kind,
        finding.key.escape_debug(),
        version.escape_debug(),
        finding.detail
    )
}

/// A bar on a terminal, else a line now and then; on standard error, so that the report stands alone.
struct Progress {
    bar: Option<ProgressBar>,
    said: Instant,
}

impl Progress {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template(
                "{bar:24} {pos}/{len} objects, {msg}, {elapsed} gone, {eta} to go",
            );
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            bar,
            said: Instant::now(),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Watcher for Progress {
    fn wants_total(&self) -> bool {
        self.bar.is_some()
    }

    fn total(&mut self, objects: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(objects);
        }
    }

    fn progress(&mut self, counts: &Counts, findings: usize) {
        let told = || format!("{}, {findings} findings", HumanBytes(counts.bytes));
        match &self.bar {
            Some(bar) => {
                bar.set_position(counts.objects);
                bar.set_message(told());
            }
            None if self.said.elapsed() >= SAID_EVERY => {
                self.said = Instant::now();
                Terminal::default().note(&format!("{} objects, {}", counts.objects, told()));
            }
            None => {}
        }
    }

    fn found(&mut self, finding: &Finding) {
        let line = line_of(finding);
        match &self.bar {
            Some(bar) => bar.println(line),
            None => Terminal::default().note(&line),
        }
    }
}

/// `50MiB`, `1GB`, `4096`.
fn parse_size(text: &str) -> Result<u64, String> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let unit = text.strip_prefix(digits.as_str()).unwrap_or_default();
    let factor = UNITS.iter().find(|(name, _)| *name == unit.trim());
    let size = digits
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(number, (_, factor))| number.checked_mul(*factor))
        .filter(|size| *size > 0);
    size.ok_or_else(|| "a number of bytes, such as 4096, 500KiB, 50MiB or 1GB".to_owned())
}

const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];
const SAID_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("50MiB"), Ok(52_428_800));
        assert_eq!(parse_size("1 GB"), Ok(1_000_000_000));
        for bad in [
            "",
            "MiB",
            "0",
            "-1",
            "1.5MiB",
            "9 lightyears",
            "99999999999GiB",
        ] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
