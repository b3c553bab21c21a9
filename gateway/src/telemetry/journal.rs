//! Which disks of the audit journal have all that was acknowledged, told when somebody asks.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// The disks of the journal in this health.
#[derive(Debug)]
pub(super) struct JournalDevices(pub(super) Arc<audit::Health>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeviceLabel {
    device: String,
}

impl Collector for JournalDevices {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut devices = encoder.encode_descriptor(
            "audit_device_up",
            "1 where a disk of the audit journal has all events that were acknowledged, else 0; by directory",
            None,
            MetricType::Gauge,
        )?;
        for (device, up) in self.0.devices() {
            let labels = DeviceLabel {
                device: device.to_owned(),
            };
            ConstGauge::new(i64::from(up)).encode(devices.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
