//! Verifying a stored object without opening it: structure, padding and hashes; the header beside it; with an
//! audit key the MAC.

use sealed_object::{BodyChecker, Checked, Error, Header, Sealed};
use serde::Serialize;

use super::audit_keys::AuditKeys;
use super::stored::Stored;
use crate::upstream::UpstreamError;

/// What verifying found.
#[derive(Debug, Serialize)]
pub struct Verification {
    /// Whether nothing is wrong.
    pub whole: bool,
    /// Stored bytes.
    pub stored: u64,
    /// The object's id, in hex.
    pub object_id: Option<String>,
    /// The suite's id.
    pub suite: Option<u8>,
    /// Plaintext bytes.
    pub plaintext: Option<u64>,
    /// The number of parts.
    pub parts: Option<usize>,
    /// The AUX key that the audit MAC is under, in hex.
    pub audit_key: Option<String>,
    /// `agrees`, `disagrees` or `not given`.
    pub header: &'static str,
    /// `verified`, `refused` or `not checked`.
    pub audit_mac: &'static str,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Serialize)]
pub struct Problem {
    /// The code of the failure table.
    pub code: &'static str,
    /// In words.
    pub what: String,
}

impl Problem {
    fn new(error: Error, what: impl Into<String>) -> Self {
        Self {
            code: error.code(),
            what: what.into(),
        }
    }
}

/// Verifies a stored object. `header`: what was stored beside it, if that is known; an error if it is no header.
///
/// # Errors
/// If the bytes cannot be read.
pub async fn verify(
    mut stored: Stored,
    header: Option<Result<Header, Error>>,
    keys: &AuditKeys,
) -> Result<Verification, UpstreamError> {
    let mut found = Verification {
        whole: false,
        stored: stored.length,
        object_id: None,
        suite: None,
        plaintext: None,
        parts: None,
        audit_key: None,
        header: "not given",
        audit_mac: "not checked",
        problems: Vec::new(),
    };
    let header = match header.transpose() {
        Ok(header) => header,
        Err(error) => {
            let what = format!("the headers beside it: {error}");
            found.header = "disagrees";
            found.problems.push(Problem::new(error, what));
            None
        }
    };
    match check(&mut stored).await? {
        Ok(checked) => found.take(&checked, header.as_ref(), keys),
        Err(error) => found.problems.push(Problem::new(error, error.to_string())),
    }
    found.whole = found.problems.is_empty();
    Ok(found)
}

/// Reads all of a stored body and checks it. The outer error is the store's, the inner one the body's.
async fn check(stored: &mut Stored) -> Result<Result<Checked, Error>, UpstreamError> {
    let mut checker = match BodyChecker::new(Sealed(stored.length)) {
        Ok(checker) => checker,
        Err(error) => return Ok(Err(error)),
    };
    while let Some(piece) = stored.next().await? {
        if let Err(error) = checker.push(piece) {
            return Ok(Err(error));
        }
    }
    Ok(checker.finish())
}

impl Verification {
    fn take(&mut self, checked: &Checked, header: Option<&Header>, keys: &AuditKeys) {
        let trailer = checked.trailer();
        self.object_id = Some(hex::encode(trailer.object_id().0));
        self.suite = Some(trailer.suite().id());
        self.plaintext = Some(trailer.plain().0);
        self.parts = Some(checked.parts().len());
        self.audit_key = Some(hex::encode(trailer.aux_id().0));
        for part in checked.damaged() {
            let what = format!("part {part} is not the bytes that were sealed");
            self.problems.push(Problem::new(Error::Part, what));
        }
        if let Some(header) = header {
            let belongs = checked.belongs_to(header);
            self.header = if belongs.is_ok() {
                "agrees"
            } else {
                "disagrees"
            };
            self.problems.extend(belongs.err().map(|error| {
                Problem::new(
                    error,
                    "the header belongs to another object than these bytes",
                )
            }));
        }
        if let Some(key) = keys.of(trailer) {
            let verified = trailer.check_audit_mac(key);
            self.audit_mac = if verified.is_ok() {
                "verified"
            } else {
                "refused"
            };
            self.problems.extend(verified.err().map(|error| {
                Problem::new(
                    error,
                    "the audit MAC does not verify: somebody changed the object",
                )
            }));
        }
    }
}
