//! How far the trail's archive is, and whether nobody can remove what lies there. The label is the bucket's name, which the
//! operator gave; there are no samples without an archive.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// The numbers of an archive; clones count together.
#[derive(Debug, Clone, Default)]
pub struct ArchiveMeters {
    behind: Family<ArchiveLabel, Gauge>,
    since: Family<ArchiveLabel, Gauge>,
    kept: Family<ArchiveLabel, Counter>,
    failures: Family<ArchiveLabel, Counter>,
    findings: Family<ArchiveLabel, Counter>,
    proven: Family<ArchiveLabel, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ArchiveLabel {
    bucket: String,
}

impl ArchiveMeters {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "audit_archive_lag_events",
            "Signed lines of this replica's journal that are not in the archive",
            self.behind.clone(),
        );
        registry.register_with_unit(
            "audit_archive_lag",
            "Time since everything that was signed was in the archive",
            Unit::Seconds,
            self.since.clone(),
        );
        registry.register(
            "audit_archive_objects",
            "Objects that the archive took or had",
            self.kept.clone(),
        );
        registry.register(
            "audit_archive_failures",
            "Attempts to write to the archive or to look at it that failed and are repeated",
            self.failures.clone(),
        );
        registry.register(
            "audit_archive_findings",
            "Places in the archive that held other bytes than ours, and parts of the trail that were gone or altered before they were archived",
            self.findings.clone(),
        );
        registry.register(
            "audit_archive_worm",
            "Whether the latest trial showed that the gateway can neither remove nor shorten what is archived",
            self.proven.clone(),
        );
    }

    /// There is an archive: its numbers are, too, and nothing is proven.
    pub fn begin(&self, bucket: &str) {
        self.lag(bucket, 0, Duration::ZERO);
        self.proven(bucket, false);
        for counter in [&self.kept, &self.failures, &self.findings] {
            let _ = counter.get_or_create(&label(bucket));
        }
    }

    /// So many lines are not there, and it is so long since none was missing.
    pub fn lag(&self, bucket: &str, lines: u64, since: Duration) {
        let lines = i64::try_from(lines).unwrap_or(i64::MAX);
        self.behind.get_or_create(&label(bucket)).set(lines);
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        self.since.get_or_create(&label(bucket)).set(seconds);
    }

    /// It has one object more.
    pub fn kept(&self, bucket: &str) {
        self.kept.get_or_create(&label(bucket)).inc();
    }

    /// It could not be written or looked at.
    pub fn failed(&self, bucket: &str) {
        self.failures.get_or_create(&label(bucket)).inc();
    }

    /// Something is not as it was written.
    pub fn found(&self, bucket: &str) {
        self.findings.get_or_create(&label(bucket)).inc();
    }

    /// Whether what lies there stays.
    pub fn proven(&self, bucket: &str, proven: bool) {
        self.proven
            .get_or_create(&label(bucket))
            .set(i64::from(proven));
    }
}

fn label(bucket: &str) -> ArchiveLabel {
    ArchiveLabel {
        bucket: bucket.to_owned(),
    }
}
