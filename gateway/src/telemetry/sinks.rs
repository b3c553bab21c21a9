//! How far the trail's sinks are behind. Labels are the names that the operator gave them.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// The numbers of all sinks; clones count together.
#[derive(Debug, Clone, Default)]
pub struct SinkMeters {
    behind: Family<SinkLabel, Gauge>,
    oldest: Family<SinkLabel, Gauge>,
    delivered: Family<SinkLabel, Counter>,
    failures: Family<SinkLabel, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabel {
    sink: String,
}

impl SinkMeters {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "audit_sink_lag_events",
            "Signed lines of the trail that the sink has not been told",
            self.behind.clone(),
        );
        registry.register_with_unit(
            "audit_sink_lag",
            "Age of the oldest line that the sink is being told; 0 while there is none",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register(
            "audit_sink_delivered_events",
            "Lines that the sink was told and said to have",
            self.delivered.clone(),
        );
        registry.register(
            "audit_sink_failures",
            "Attempts to tell the sink that failed and are repeated",
            self.failures.clone(),
        );
    }

    /// A sink is there: its numbers are, too.
    pub fn begin(&self, sink: &str) {
        self.behind(sink, 0);
        self.oldest(sink, Duration::ZERO);
        self.delivered(sink, 0);
        let _ = self.failures.get_or_create(&label(sink));
    }

    /// So many lines it has not been told.
    pub fn behind(&self, sink: &str, lines: u64) {
        let lines = i64::try_from(lines).unwrap_or(i64::MAX);
        self.behind.get_or_create(&label(sink)).set(lines);
    }

    /// How old the oldest is that it is being told.
    pub fn oldest(&self, sink: &str, age: Duration) {
        let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        self.oldest.get_or_create(&label(sink)).set(seconds);
    }

    /// It was told so many lines.
    pub fn delivered(&self, sink: &str, lines: usize) {
        let lines = u64::try_from(lines).unwrap_or(u64::MAX);
        self.delivered.get_or_create(&label(sink)).inc_by(lines);
    }

    /// It could not be told.
    pub fn failed(&self, sink: &str) {
        self.failures.get_or_create(&label(sink)).inc();
    }
}

fn label(sink: &str) -> SinkLabel {
    SinkLabel {
        sink: sink.to_owned(),
    }
}
