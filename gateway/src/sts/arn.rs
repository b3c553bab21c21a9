//! The names of roles and of who acts in them, in AWS's form: the account is the tenant. Pure.

use crate::s3::{Code, S3Error};
use crate::sessions::Session;

/// `arn:aws:iam::TENANT:role/ROLE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleArn {
    pub(super) tenant: String,
    pub(super) role: String,
}

impl RoleArn {
    pub(super) fn parse(text: &str) -> Result<Self, S3Error> {
        let found = text
            .strip_prefix("arn:aws:iam::")
            .and_then(|rest| rest.split_once(":role/"))
            .filter(|(tenant, role)| !tenant.is_empty() && !role.is_empty());
        let (tenant, role) = found.ok_or_else(|| {
            Code::ValidationError.because(format!(
                "RoleArn {text:?} is invalid; it must be arn:aws:iam::TENANT:role/ROLE, as in arn:aws:iam::clinic:role/reader."
            ))
        })?;
        Ok(Self {
            tenant: tenant.to_owned(),
            role: role.to_owned(),
        })
    }
}

/// Who acts in a session.
pub(super) fn of_session(session: &Session) -> String {
    let (tenant, name) = (&session.tenant, &session.name);
    match session.roles.as_slice() {
        [role] if !name.is_empty() => format!("arn:aws:sts::{tenant}:assumed-role/{role}/{name}"),
        _ => of_user(tenant, &session.principal),
    }
}

/// Who acts with long-lived credentials.
pub(super) fn of_user(tenant: &str, principal: &str) -> String {
    format!("arn:aws:iam::{tenant}:user/{principal}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_with_its_tenant() {
        let arn = RoleArn::parse("arn:aws:iam::clinic-a:role/reader").unwrap();
        assert_eq!(
            (arn.tenant.as_str(), arn.role.as_str()),
            ("clinic-a", "reader")
        );
        for text in [
            "",
            "reader",
            "arn:aws:iam::clinic-a:user/reader",
            "arn:aws:iam:::role/reader",
            "arn:aws:iam::clinic-a:role/",
            "arn:aws:sts::clinic-a:assumed-role/reader/x",
        ] {
            assert_eq!(
                RoleArn::parse(text).unwrap_err().code,
                Code::ValidationError,
                "{text}"
            );
        }
    }
}
