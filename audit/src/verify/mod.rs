//! Verifying a trail offline: from its files and the deployment's public key. It holds no secret, and must not know the
//! gateway. `docs/audit.md`, section 5, says what it reports.

mod evidence;
mod extract;
mod files;
mod findings;
mod lines;
mod log;
mod proved;
mod receipt;
mod superlog;

use std::collections::BTreeMap;
use std::path::Path;

pub use evidence::verify_evidence;
pub use extract::{EXTRACT, Extract, LogExtract, Proved, extract, extract_logs, verify_extract};
pub use files::ReadError;
pub use findings::{Code, Finding, Report, Severity};
pub(crate) use proved::OnDisk;
pub use proved::{Found, LINES, Unproved, prove_lines, verify_lines};
pub use receipt::{RECEIPT, Receipt, ReceiptProblem, Statement, Verified, verify_receipt};

use crate::signed::VerifyingKey;
use files::Trail;

/// Verifies every log below a directory: a journal, an archive's copy, or one log.
///
/// # Errors
/// If the directory cannot be read, or holds no log.
pub fn verify_trail(directory: &Path, key: &VerifyingKey) -> Result<Report, ReadError> {
    let trail = Trail::find(directory)?;
    let mut report = Report::default();
    let mut checked = BTreeMap::new();
    for (name, place) in &trail.logs {
        let found = log::verify(name, place, key, &mut report)?;
        checked.insert(name.clone(), found);
    }
    log::ends(&checked, &mut report);
    superlog::verify(&trail, key, &checked, &mut report)?;
    report.findings.sort();
    Ok(report)
}

#[cfg(test)]
mod tests;
