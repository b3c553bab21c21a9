//! What an operator watches: numbers for Prometheus and a line in the log for what failed. It names operations,
//! failure classes and request ids; no object, no key and no client, and tenants only where they have a limit to what they store. The trail has those, under the same request id.

mod archive;
mod endpoint;
mod exchange;
mod journal;
mod keys;
mod sinks;
mod stored;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kms_keys::Keyrings;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

pub use archive::ArchiveMeters;
pub use endpoint::Endpoint;
pub use exchange::Exchange;
pub use sinks::SinkMeters;

use crate::admin::KeyHealth;
use crate::body::Upload;
use crate::error::INTEGRITY_CLASSES;
use crate::limits::Limit;
use crate::s3::RequestId;

/// The numbers of this process, from its start.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    in_flight: Gauge,
    received: Counter,
    sent: Counter,
    integrity_failures: Family<ClassLabel, Counter>,
    oldest_active_key: Gauge,
    overdue_rotations: Gauge,
    keys_pending_destruction: Gauge,
    frozen_tenants: Gauge,
    mirror_differences: Gauge,
    mirror_age: Gauge,
    limited: Family<LimitLabel, Counter>,
    jobs_open: Gauge,
    jobs_stillest: Gauge,
    job_objects: Family<JobLabels, Counter>,
    stopping: AtomicBool,
    trail: Arc<audit::Health>,
    unrecorded: Gauge,
    open_intents: Gauge,
    sinks: SinkMeters,
    archive: ArchiveMeters,
    stored: stored::StoredNumbers,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
}

impl Telemetry {
    /// All numbers at zero; each failure class is there from the start, so that its first rise shows.
    pub fn new() -> Self {
        let mut telemetry = Self {
            registry: Registry::with_prefix("sealgate"),
            requests: Family::default(),
            in_flight: Gauge::default(),
            received: Counter::default(),
            sent: Counter::default(),
            integrity_failures: Family::default(),
            oldest_active_key: Gauge::default(),
            overdue_rotations: Gauge::default(),
            keys_pending_destruction: Gauge::default(),
            frozen_tenants: Gauge::default(),
            mirror_differences: Gauge::default(),
            mirror_age: Gauge::default(),
            limited: Family::default(),
            jobs_open: Gauge::default(),
            jobs_stillest: Gauge::default(),
            job_objects: Family::default(),
            stopping: AtomicBool::new(false),
            trail: Arc::default(),
            unrecorded: Gauge::default(),
            open_intents: Gauge::default(),
            sinks: SinkMeters::default(),
            archive: ArchiveMeters::default(),
            stored: stored::StoredNumbers::default(),
        };
        for class in INTEGRITY_CLASSES {
            let _ = telemetry
                .integrity_failures
                .get_or_create(&ClassLabel { class });
        }
        for limit in Limit::ALL {
            let limit = limit.name();
            let _ = telemetry.limited.get_or_create(&LimitLabel { limit });
        }
        telemetry.register();
        telemetry
    }

    /// The same, of a replica whose trail is in this health: where events do not reach the disk, it is not ready.
    pub fn watching(trail: Arc<audit::Health>) -> Self {
        let mut telemetry = Self::new();
        telemetry
            .registry
            .register_collector(Box::new(journal::JournalDevices(Arc::clone(&trail))));
        telemetry.trail = trail;
        telemetry
    }

    /// The same, telling of these keyrings what their key management was asked.
    #[must_use]
    pub fn with_keys(mut self, keyrings: Arc<Keyrings>) -> Self {
        self.registry
            .register_collector(Box::new(keys::KeyNumbers(keyrings)));
        self
    }

    /// So many intents on the trail have no outcome and were not reconciled yet.
    pub fn open_intents(&self, count: usize) {
        self.open_intents
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Where the trail's sinks say how far they are.
    pub fn sinks(&self) -> &SinkMeters {
        &self.sinks
    }

    /// Where the trail's archive says how far it is.
    pub fn archive(&self) -> &ArchiveMeters {
        &self.archive
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "requests",
            "Requests answered, by operation and class of status",
            self.requests.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Requests whose answer has not wholly left",
            self.in_flight.clone(),
        );
        registry.register_with_unit(
            "received",
            "Bytes of request bodies as clients sent them",
            Unit::Bytes,
            self.received.clone(),
        );
        registry.register_with_unit(
            "sent",
            "Bytes of answers' bodies",
            Unit::Bytes,
            self.sent.clone(),
        );
        registry.register(
            "integrity_failures",
            "Stored objects and documents that were refused, by the layer that failed",
            self.integrity_failures.clone(),
        );
        registry.register(
            "limited",
            "Requests refused because their tenant takes more than its limit, by limit",
            self.limited.clone(),
        );
        registry.register(
            "audit_unrecorded_events",
            "Events that the journal did not take since the start: their requests were refused, or, where an answer had left already, an audit.gap line counts them",
            self.unrecorded.clone(),
        );
        registry.register(
            "audit_open_intents",
            "Intents on the trail without an outcome, until they are reconciled",
            self.open_intents.clone(),
        );
        self.sinks.register(registry);
        self.archive.register(registry);
        self.stored.register(registry);
        self.register_keys();
        self.register_jobs();
    }

    fn register_jobs(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "open_jobs",
            "Jobs over all objects of a tenant that are not over",
            self.jobs_open.clone(),
        );
        registry.register_with_unit(
            "stillest_job",
            "Time since an open job last got on, of the one that has not for the longest",
            Unit::Seconds,
            self.jobs_stillest.clone(),
        );
        registry.register(
            "job_objects",
            "Objects and versions that jobs of this replica dealt with, by kind of job and what became of them",
            self.job_objects.clone(),
        );
    }

    /// So many jobs are open, and one has not got on for so long.
    pub fn jobs(&self, open: usize, stillest: Duration) {
        self.jobs_open.set(i64::try_from(open).unwrap_or(i64::MAX));
        let seconds = i64::try_from(stillest.as_secs()).unwrap_or(i64::MAX);
        self.jobs_stillest.set(seconds);
    }

    /// A job dealt with an object; `outcome`: in a word.
    pub fn job_object(&self, kind: &'static str, outcome: &'static str) {
        let labels = JobLabels { kind, outcome };
        self.job_objects.get_or_create(&labels).inc();
    }

    fn register_keys(&mut self) {
        let registry = &mut self.registry;
        registry.register_with_unit(
            "oldest_active_key_age",
            "Age of the oldest KEK version that is still the active one of a tenant",
            Unit::Seconds,
            self.oldest_active_key.clone(),
        );
        registry.register(
            "overdue_rotations",
            "Tenants whose active KEK version is older than the cryptoperiod",
            self.overdue_rotations.clone(),
        );
        registry.register(
            "keys_pending_destruction",
            "KEK versions that wait for their destruction",
            self.keys_pending_destruction.clone(),
        );
        registry.register(
            "frozen_tenants",
            "Tenants whose keys are frozen",
            self.frozen_tenants.clone(),
        );
        registry.register(
            "keyring_mirror_differences",
            "Documents that the mirror of keyrings has otherwise, or alone",
            self.mirror_differences.clone(),
        );
        registry.register_with_unit(
            "keyring_mirror_age",
            "How long ago the mirror of keyrings was compared as a whole; 0 without a mirror",
            Unit::Seconds,
            self.mirror_age.clone(),
        );
    }

    /// How the keys were found to be.
    pub fn keys(&self, health: &KeyHealth) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.oldest_active_key
            .set(number(health.oldest_active.as_secs()));
        self.overdue_rotations.set(number(health.overdue));
        self.keys_pending_destruction
            .set(number(health.pending_destruction));
        self.frozen_tenants.set(number(health.frozen));
        self.mirror_differences
            .set(number(health.mirror_differences));
        self.mirror_age.set(number(health.mirror_age.as_secs()));
    }

    /// A request was refused because its tenant takes too much.
    pub fn limited(&self, limit: Limit) {
        let limit = limit.name();
        self.limited.get_or_create(&LimitLabel { limit }).inc();
    }

    /// A request has arrived.
    pub fn arrival(self: &Arc<Self>, id: RequestId, upload: Upload) -> Exchange {
        Exchange::begin(Arc::clone(self), id, upload)
    }

    /// From now on the process says that it is not ready, so that no new requests are sent to it.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Why this replica is not ready, if it is not.
    fn unready(&self) -> Option<&'static str> {
        if self.is_stopping() {
            Some("stopping")
        } else if !self.trail.is_good() {
            Some("the audit journal takes no events")
        } else {
            None
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The numbers in the text form of `OpenMetrics`, which Prometheus reads.
    fn text(&self) -> Result<String, std::fmt::Error> {
        let unrecorded = i64::try_from(self.trail.refused()).unwrap_or(i64::MAX);
        self.unrecorded.set(unrecorded);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_class_is_there_before_it_happens() {
        let text = Telemetry::new().text().unwrap();
        for class in INTEGRITY_CLASSES {
            let line = format!("sealgate_integrity_failures_total{{class=\"{class}\"}} 0\n");
            assert!(text.contains(&line), "{line} not in {text}");
        }
        assert!(text.contains("sealgate_received_bytes_total 0\n"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
