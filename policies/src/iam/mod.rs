//! Bucket policies and session policies in IAM's JSON, compiled to Cedar. What is not understood in full is
//! refused with the element's name; nothing is skipped.
//!
//! What cannot be evaluated cannot be written: the compiled policies use no arithmetic, so that none of them
//! ever fails. `Principal: "*"` means every principal of the bucket's tenant; nobody is anonymous here.

mod actions;
mod conditions;
mod json;
mod keys;
mod principals;
mod resources;
mod statement;
mod text;

use json::Json;
use statement::{Effect, Statement};

use crate::Source;
use crate::set::PolicySet;

/// A compiled policy.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// To decide by.
    pub set: PolicySet,
    /// The same as Cedar text, to be read.
    pub cedar: String,
    /// Whether it is public in S3's sense: it allows something to `*` with no condition on who or from where.
    pub is_public: bool,
}

/// Why a policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{element}: {reason}")]
pub struct Malformed {
    /// Where: `Statement[1].Condition.StringLike.s3:prefix`.
    pub element: String,
    /// What is wrong, and how to mend it.
    pub reason: String,
}

impl Malformed {
    pub(super) fn new(element: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            element: element.into(),
            reason: reason.into(),
        }
    }
}

/// Where a policy will stand.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    /// On a bucket of a tenant.
    Bucket { tenant: &'a str, bucket: &'a str },
    /// In a session: it names no principal, and any bucket.
    Session,
}

/// Compiles the policy of a bucket.
pub fn compile_bucket_policy(
    document: &[u8],
    tenant: &str,
    bucket: &str,
) -> Result<Compiled, Malformed> {
    compile(document, Scope::Bucket { tenant, bucket })
}

/// Compiles the policy that a session is given when it begins (`Policy` of `AssumeRole`).
pub fn compile_session_policy(document: &[u8]) -> Result<Compiled, Malformed> {
    compile(document, Scope::Session)
}

fn compile(document: &[u8], scope: Scope<'_>) -> Result<Compiled, Malformed> {
    if document.len() > LARGEST {
        let reason = format!("it has {} bytes; {LARGEST} are the most", document.len());
        return Err(Malformed::new("Policy", reason));
    }
    let json: Json = serde_json::from_slice(document)
        .map_err(|error| Malformed::new("Policy", format!("it is no JSON: {error}")))?;
    let members = json
        .members()
        .ok_or_else(|| Malformed::new("Policy", "it must be a JSON object"))?;
    let mut statements = None;
    let mut version = OLD_VERSION;
    for (name, value) in members {
        match name.as_str() {
            "Version" => version = checked_version(value)?,
            "Id" if value.text().is_some() => {}
            "Statement" => statements = Some(value),
            other => {
                return Err(Malformed::new(
                    other,
                    "is not an element of a policy here; Version, Id and Statement are",
                ));
            }
        }
    }
    let statements = statements
        .ok_or_else(|| Malformed::new("Statement", "is missing"))?
        .items();
    if statements.is_empty() {
        return Err(Malformed::new("Statement", "is empty"));
    }
    let read = (0..)
        .zip(statements)
        .map(|(index, statement)| Statement::read(index, statement, scope))
        .collect::<Result<Vec<Statement>, Malformed>>()?;
    if version == OLD_VERSION && String::from_utf8_lossy(document).contains("${") {
        return Err(Malformed::new(
            "Version",
            "policy variables need \"Version\": \"2012-10-17\"",
        ));
    }
    finished(&read, scope)
}

fn checked_version(value: &Json) -> Result<&'static str, Malformed> {
    let known = [OLD_VERSION, "2012-10-17"];
    known
        .into_iter()
        .find(|known| value.text() == Some(known))
        .ok_or_else(|| Malformed::new("Version", "must be \"2012-10-17\" or \"2008-10-17\""))
}

fn finished(statements: &[Statement], scope: Scope<'_>) -> Result<Compiled, Malformed> {
    for (index, statement) in (0_usize..).zip(statements) {
        let twice = statements.iter().skip(index.saturating_add(1));
        if twice.into_iter().any(|other| other.id == statement.id) {
            let element = format!("Statement[{index}].Sid");
            return Err(Malformed::new(
                element,
                format!("{} is used twice", statement.id),
            ));
        }
    }
    let cedar: String = statements.iter().map(Statement::cedar).collect();
    let name = match scope {
        Scope::Bucket { .. } => "bucket-policy",
        Scope::Session => "session-policy",
    };
    // Whatever slipped through the compiler ends here.
    let set = PolicySet::load(&[Source::new(name, cedar.clone())]).map_err(|problems| {
        let told = problems
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        Malformed::new("Policy", format!("it cannot be expressed here: {told}"))
    })?;
    Ok(Compiled {
        set,
        cedar,
        is_public: statements
            .iter()
            .any(|one| one.effect == Effect::Allow && one.is_public()),
    })
}

/// S3's limit on a bucket policy.
const LARGEST: usize = 20 * 1024;

/// What a policy without a version has; variables are no variables in it.
const OLD_VERSION: &str = "2008-10-17";

#[cfg(test)]
mod tests;
