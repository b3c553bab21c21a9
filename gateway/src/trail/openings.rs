//! Opening what lines seal, for whoever holds the keys. It must not know where lines come from.

use std::collections::HashMap;

use audit::{AuditKey, Field, Uuid};
use serde_json::Value;

/// Audit keys that open lines, by tenant; of no tenant under the empty name.
#[derive(Debug, Default)]
pub struct Openings(HashMap<String, Vec<AuditKey>>);

impl Openings {
    /// With these keys of a tenant as well.
    pub fn add(&mut self, tenant: &str, keys: Vec<AuditKey>) {
        self.0.entry(tenant.to_owned()).or_default().extend(keys);
    }

    /// All keys under which lines of a tenant may be: its own, and the deployment's where it had none.
    pub fn keys<'a>(
        &'a self,
        tenant: &str,
    ) -> impl Iterator<Item = &'a AuditKey> + Clone + use<'a> {
        let of_tenant = self.0.get(tenant).into_iter().flatten();
        of_tenant.chain(self.0.get("").into_iter().flatten())
    }

    /// The line, with what is sealed in it opened as far as there are keys.
    pub fn opened(&self, mut line: Value) -> Value {
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
        let (tenant, log, akey) = (text("tenant"), text("log").to_owned(), text("akey"));
        let key = self.keys(tenant).find(|key| key.id() == akey).cloned();
        let (Some(key), Ok(id)) = (key, text("id").parse::<Uuid>()) else {
            return line;
        };
        let sealed = line.get_mut("sealed").and_then(Value::as_object_mut);
        for (name, value) in sealed.into_iter().flatten() {
            let field = Field::ALL.into_iter().find(|field| field.name() == name);
            let opened = field
                .zip(value.as_str())
                .and_then(|(field, sealed)| key.open(&log, id, field, sealed));
            if let Some(opened) = opened {
                *value = Value::String(opened);
            }
        }
        line
    }
}
