//! What an operator watches: numbers for Prometheus and a line in the log for what failed. It names operations,
//! failure classes and request ids; no object, no key and no client. The trail has those, under the same request id.

mod endpoint;
mod exchange;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

pub use endpoint::Endpoint;
pub use exchange::Exchange;

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
    limited: Family<LimitLabel, Counter>,
    stopping: AtomicBool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    status: &'static str,
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
            limited: Family::default(),
            stopping: AtomicBool::new(false),
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

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The numbers in the text form of `OpenMetrics`, which Prometheus reads.
    fn text(&self) -> Result<String, std::fmt::Error> {
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
