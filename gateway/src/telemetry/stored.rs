//! What tenants with a limit to it store, by their ids: the only numbers that name tenants, and only those that an
//! operator gave a limit.

use std::time::SystemTime;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::Telemetry;
use crate::stored_bytes::Counted;

/// The numbers.
#[derive(Debug, Default)]
pub(super) struct StoredNumbers {
    bytes: Family<TenantLabel, Gauge>,
    limits: Family<TenantLabel, Gauge>,
    ages: Family<TenantLabel, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TenantLabel {
    tenant: String,
}

impl TenantLabel {
    fn of(tenant: &str) -> Self {
        let tenant = tenant.to_owned();
        Self { tenant }
    }
}

impl StoredNumbers {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "stored",
            "Stored bytes of a tenant, as they were last counted",
            Unit::Bytes,
            self.bytes.clone(),
        );
        registry.register_with_unit(
            "stored_limit",
            "Stored bytes that a tenant should keep below; nothing is refused above",
            Unit::Bytes,
            self.limits.clone(),
        );
        registry.register_with_unit(
            "stored_age",
            "How long ago the stored bytes of a tenant were counted",
            Unit::Seconds,
            self.ages.clone(),
        );
    }
}

impl Telemetry {
    /// What a tenant with this limit stores, if that was counted.
    pub fn stored(&self, tenant: &str, limit: u64, counted: Option<Counted>, now: SystemTime) {
        let numbers = &self.stored;
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let label = TenantLabel::of(tenant);
        numbers.limits.get_or_create(&label).set(number(limit));
        if let Some(counted) = counted {
            let bytes = number(counted.amount.bytes);
            numbers.bytes.get_or_create(&label).set(bytes);
            let age = now.duration_since(counted.ended.into());
            let age = number(age.unwrap_or_default().as_secs());
            numbers.ages.get_or_create(&label).set(age);
        }
    }

    /// The tenant has no limit any more.
    pub fn stored_no_more(&self, tenant: &str) {
        let numbers = &self.stored;
        for family in [&numbers.bytes, &numbers.limits, &numbers.ages] {
            family.remove(&TenantLabel::of(tenant));
        }
    }
}
