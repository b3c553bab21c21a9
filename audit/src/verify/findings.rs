//! What a verification came to. Names only.

use serde::Serialize;

/// How bad a finding is; the worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Something was altered.
    Tamper,
    /// Something is missing.
    Incomplete,
    /// The trail itself says that something is missing.
    Gap,
    /// As is to be expected of a trail that is being written.
    Note,
}

/// What was found: the table in `docs/audit.md`, section 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "docs/audit.md says of each when it is reported"
)]
pub enum Code {
    Certificate,
    Checkpoint,
    LineAltered,
    LinesMissing,
    TilesAltered,
    Root,
    Chain,
    Heads,
    Clock,
    Fork,
    SuperLog,
    Manifest,
    FileAltered,
    FileAdded,
    SegmentMissing,
    TileMissing,
    FileMissing,
    LogMissing,
    SuperLogMissing,
    Gap,
    UncleanEnd,
    OpenIntent,
    UnsignedTail,
    Running,
}

impl Code {
    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Certificate
            | Self::Checkpoint
            | Self::LineAltered
            | Self::LinesMissing
            | Self::TilesAltered
            | Self::Root
            | Self::Chain
            | Self::Heads
            | Self::Clock
            | Self::Fork
            | Self::SuperLog
            | Self::Manifest
            | Self::FileAltered
            | Self::FileAdded => Severity::Tamper,
            Self::SegmentMissing
            | Self::TileMissing
            | Self::FileMissing
            | Self::LogMissing
            | Self::SuperLogMissing => Severity::Incomplete,
            Self::Gap | Self::UncleanEnd | Self::OpenIntent => Severity::Gap,
            Self::UnsignedTail | Self::Running => Severity::Note,
        }
    }

    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Checkpoint => "checkpoint",
            Self::LineAltered => "line-altered",
            Self::LinesMissing => "lines-missing",
            Self::TilesAltered => "tiles-altered",
            Self::Root => "root",
            Self::Chain => "chain",
            Self::Heads => "heads",
            Self::Clock => "clock",
            Self::Fork => "fork",
            Self::SuperLog => "super-log",
            Self::Manifest => "manifest",
            Self::FileAltered => "file-altered",
            Self::FileAdded => "file-added",
            Self::SegmentMissing => "segment-missing",
            Self::TileMissing => "tile-missing",
            Self::FileMissing => "file-missing",
            Self::LogMissing => "log-missing",
            Self::SuperLogMissing => "super-log-missing",
            Self::Gap => "gap",
            Self::UncleanEnd => "unclean-end",
            Self::OpenIntent => "open-intent",
            Self::UnsignedTail => "unsigned-tail",
            Self::Running => "running",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What.
    pub code: Code,
    /// In which log; empty for the super-log and for files of a pack.
    pub log: String,
    /// The first `seq` it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// The last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
    /// The file, or the tenant, or how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
}

/// What a verification came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// How many logs there are.
    pub logs: u64,
    /// How many lines.
    pub lines: u64,
    /// How many of them are under a checkpoint that verifies.
    pub signed: u64,
    /// All findings.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Reports something about a log.
    pub(super) fn found(&mut self, code: Code, log: &str) -> &mut Finding {
        self.findings.push(Finding {
            code,
            log: log.to_owned(),
            first: None,
            last: None,
            what: None,
        });
        let last = self.findings.len().saturating_sub(1);
        // Pushed just now.
        #[expect(clippy::indexing_slicing, reason = "it was pushed in the line above")]
        &mut self.findings[last]
    }

    /// Reports something about lines of a log.
    pub(super) fn of_lines(&mut self, code: Code, log: &str, first: u64, last: u64) {
        let finding = self.found(code, log);
        finding.first = Some(first);
        finding.last = Some(last);
    }

    /// Reports something about a file, a tenant, a number.
    pub(super) fn of(&mut self, code: Code, log: &str, what: impl Into<String>) {
        self.found(code, log).what = Some(what.into());
    }

    /// 0 clean, 2 gaps are declared, 3 something was altered, 4 something is missing.
    pub fn exit_code(&self) -> u8 {
        let worst = self
            .findings
            .iter()
            .map(|finding| finding.code.severity())
            .min();
        match worst {
            Some(Severity::Tamper) => 3,
            Some(Severity::Incomplete) => 4,
            Some(Severity::Gap) => 2,
            Some(Severity::Note) | None => 0,
        }
    }
}
