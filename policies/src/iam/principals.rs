//! `Principal`: everybody of the tenant, or the users and roles of it that are named.

use super::json::Json;
use super::text::quoted;
use super::{Malformed, Scope};

/// Whom a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// Every principal of the tenant.
    Everyone,
    /// Those for whom one of these Cedar expressions holds.
    Named(Vec<String>),
}

impl Who {
    /// As a Cedar expression; `None` for everyone.
    pub(super) fn cedar(&self) -> Option<String> {
        match self {
            Self::Everyone => None,
            Self::Named(tests) => Some(format!("({})", tests.join(" || "))),
        }
    }
}

/// Reads `Principal`.
pub(super) fn read(element: &str, value: &Json, scope: Scope<'_>) -> Result<Who, Malformed> {
    let Scope::Bucket { tenant, .. } = scope else {
        return Err(Malformed::new(
            element,
            "a session's policy names no principal; it is about the session's own",
        ));
    };
    if value.text() == Some("*") {
        return Ok(Who::Everyone);
    }
    let members = value.members().filter(|members| !members.is_empty());
    let members = members.ok_or_else(|| {
        Malformed::new(
            element,
            "must be \"*\" or {\"AWS\": …}, with \"*\" or ARNs of this tenant",
        )
    })?;
    let mut tests = Vec::new();
    for (kind, value) in members {
        let element = format!("{element}.{kind}");
        if kind != "AWS" {
            return Err(Malformed::new(
                element,
                "is not accepted here: only principals of this tenant, as AWS, are",
            ));
        }
        if value.items().is_empty() {
            return Err(Malformed::new(element, "is empty"));
        }
        for item in value.items() {
            match item.text() {
                Some("*") => return Ok(Who::Everyone),
                Some(arn) => tests.push(of_arn(&element, arn, tenant)?),
                None => {
                    return Err(Malformed::new(
                        element,
                        "must be a string or a list of strings",
                    ));
                }
            }
        }
    }
    Ok(Who::Named(tests))
}

fn of_arn(element: &str, arn: &str, tenant: &str) -> Result<String, Malformed> {
    let refused = |reason: &str| Err(Malformed::new(element, format!("{arn:?} {reason}")));
    let Some((account, named)) = arn
        .strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.split_once(':'))
    else {
        return refused(
            "is no ARN of a user or a role; write arn:aws:iam::TENANT:user/NAME or arn:aws:iam::TENANT:role/NAME",
        );
    };
    if account != tenant {
        return refused("is of another tenant; a bucket is its tenant's alone");
    }
    if named.contains(['*', '?']) || named.contains("${") {
        return refused("has a wildcard; write \"*\" for everybody, or name them");
    }
    match named.split_once('/') {
        Some(("user", name)) if !name.is_empty() => {
            Ok(format!("principal == Principal::{}", quoted(name)))
        }
        Some(("role", name)) if !name.is_empty() => {
            Ok(format!("principal in Role::{}", quoted(name)))
        }
        _ if named == "root" => refused(
            "names the account and in IAM leaves the choice to its users' policies; name users or roles, or write \"*\" for everybody of the tenant",
        ),
        _ => refused("is no user and no role"),
    }
}
