//! What key management services were asked and what the cache of unwrapped keys spared them, counted where it
//! happens and told when somebody asks. Names providers, and no tenant and no key.

use std::fmt;
use std::sync::Arc;

use kms_keys::{CacheCounts, Keyrings};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// The numbers of these keyrings.
#[derive(Debug)]
pub(super) struct KeyNumbers(pub(super) Arc<Keyrings>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    provider: String,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabel {
    answer: &'static str,
}

impl Collector for KeyNumbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.calls(&mut encoder)?;
        cache(&mut encoder, &self.0.cache_counts())
    }
}

impl KeyNumbers {
    fn calls(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let calls = self.0.providers().calls();
        let labels: Vec<CallLabels> = calls
            .iter()
            .map(|calls| CallLabels {
                provider: calls.provider.clone(),
                operation: calls.call.as_str(),
                outcome: calls.outcome.as_str(),
            })
            .collect();
        let mut counts = encoder.encode_descriptor(
            "kms_calls",
            "Calls to key management services, by provider, operation and outcome",
            None,
            MetricType::Counter,
        )?;
        for (calls, labels) in calls.iter().zip(&labels) {
            ConstCounter::new(calls.count).encode(counts.encode_family(labels)?)?;
        }
        let mut times = encoder.encode_descriptor(
            "kms_call",
            "How long these calls took together",
            Some(&Unit::Seconds),
            MetricType::Counter,
        )?;
        for (calls, labels) in calls.iter().zip(&labels) {
            let took = calls.took.as_secs_f64();
            ConstCounter::new(took).encode(times.encode_family(labels)?)?;
        }
        Ok(())
    }
}

fn cache(encoder: &mut DescriptorEncoder<'_>, counts: &CacheCounts) -> Result<(), fmt::Error> {
    let mut requests = encoder.encode_descriptor(
        "key_cache_requests",
        "Requests for unwrapped keys, by where the answer came from",
        None,
        MetricType::Counter,
    )?;
    for (answer, count) in [
        ("hit", counts.hits),
        ("miss", counts.misses),
        ("stale", counts.stale),
        ("refusal", counts.refusals),
    ] {
        let labels = AnswerLabel { answer };
        ConstCounter::new(count).encode(requests.encode_family(&labels)?)?;
    }
    for (name, help, count) in [
        (
            "key_cache_renewals",
            "Keys unwrapped anew ahead of their time",
            counts.renewals,
        ),
        (
            "key_cache_evictions",
            "Unwrapped keys that left memory",
            counts.evictions,
        ),
    ] {
        let counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(count).encode(counter)?;
    }
    let size = encoder.encode_descriptor(
        "key_cache_size",
        "Unwrapped keys in memory",
        None,
        MetricType::Gauge,
    )?;
    ConstGauge::new(i64::try_from(counts.size).unwrap_or(i64::MAX)).encode(size)
}
