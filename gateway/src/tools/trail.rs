//! Reading the trail with the keys: its lines, with what is sealed in them opened. For whoever holds the root keys; it
//! changes nothing and proves nothing.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use audit::{AuditKey, Field, Identity, Uuid};
use serde_json::Value;

use super::{Custody, ToolError};

/// Opens lines of a trail.
#[derive(Debug, Default)]
pub struct TrailReader {
    /// By tenant; of no tenant under the empty name.
    keys: HashMap<String, Vec<AuditKey>>,
}

impl TrailReader {
    /// With the keys of these tenants, and the deployment's.
    pub async fn new(custody: &Custody, tenants: &[&str]) -> Result<Self, ToolError> {
        let mut keys = HashMap::new();
        for tenant in tenants {
            // A tenant that never did anything has no keys, and no lines.
            if let Ok(of_tenant) = custody.trail_keys(tenant).await {
                keys.insert((*tenant).to_owned(), of_tenant);
            }
        }
        keys.extend(Self::of_no_tenant(&custody.identity).keys);
        Ok(Self { keys })
    }

    /// With the deployment's key alone: for what is about no tenant.
    pub fn of_no_tenant(identity: &Identity) -> Self {
        let own = vec![identity.audit_key().clone()];
        Self {
            keys: HashMap::from([(String::new(), own)]),
        }
    }

    /// Calls `see` with each line of a journal, log after log, in which `sealed` is opened as far as there are keys.
    pub fn read(
        &self,
        journal: &Path,
        see: &mut impl FnMut(Value) -> Result<(), ToolError>,
    ) -> Result<(), ToolError> {
        for segment in segments(journal)? {
            each_line(&segment, |line| {
                // What is no line is what a crash tore; `sealgate-verify` speaks of it.
                match serde_json::from_slice(line) {
                    Ok(line) => see(self.opened(line)),
                    Err(_) => Ok(()),
                }
            })?;
        }
        Ok(())
    }

    fn opened(&self, mut line: Value) -> Value {
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
        let (tenant, log, akey) = (text("tenant"), text("log").to_owned(), text("akey"));
        // Where no key of the tenant was to be had, its lines are under the deployment's.
        let of_tenant = self.keys.get(tenant).into_iter().flatten();
        let keys = of_tenant.chain(self.keys.get("").into_iter().flatten());
        let key = keys.clone().find(|key| key.id() == akey).cloned();
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

/// Calls `see` with each line of a segment. Zeros behind the last one are room for more lines.
pub(super) fn each_line(
    segment: &Path,
    mut see: impl FnMut(&[u8]) -> Result<(), ToolError>,
) -> Result<(), ToolError> {
    let file = File::open(segment).map_err(ToolError::file(segment))?;
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(ToolError::file(segment))?;
        if line.iter().any(|byte| *byte != 0) {
            see(&line)?;
        }
    }
    Ok(())
}

/// The segments of all logs in a journal, or of one log, in their order.
pub(super) fn segments(journal: &Path) -> Result<Vec<PathBuf>, ToolError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(journal).map_err(ToolError::file(journal))? {
        let path = entry.map_err(ToolError::file(journal))?.path();
        if path.is_dir() {
            found.extend(segments(&path)?);
        } else if path.extension().is_some_and(|end| end == "jsonl") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
