//! Reading the trail with the keys: its lines, with what is sealed in them opened. For whoever holds the root keys; it
//! changes nothing and proves nothing.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use audit::Identity;
use serde_json::Value;

use super::{Custody, ToolError};
use crate::trail::Openings;

/// Opens lines of a trail.
#[derive(Debug, Default)]
pub struct TrailReader(Openings);

impl TrailReader {
    /// With the keys of these tenants, and the deployment's.
    pub async fn new(custody: &Custody, tenants: &[&str]) -> Result<Self, ToolError> {
        let mut reader = Self::of_no_tenant(&custody.identity);
        for tenant in tenants {
            // A tenant that never did anything has no keys, and no lines.
            if let Ok(of_tenant) = custody.trail_keys(tenant).await {
                reader.0.add(tenant, of_tenant);
            }
        }
        Ok(reader)
    }

    /// With the deployment's key alone: for what is about no tenant.
    pub fn of_no_tenant(identity: &Identity) -> Self {
        let mut openings = Openings::default();
        openings.add("", vec![identity.audit_key().clone()]);
        Self(openings)
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
                    Ok(line) => see(self.0.opened(line)),
                    Err(_) => Ok(()),
                }
            })?;
        }
        Ok(())
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
