//! A call as its form says it. It must not know credentials.

use std::collections::HashMap;
use std::time::Duration;

use http::request::Parts;
use http::{Method, header};
use percent_encoding::percent_decode_str;

use crate::s3::{Code, S3Error};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    AssumeRole,
    AssumeRoleWithWebIdentity,
    GetCallerIdentity,
    GetSessionToken,
}

/// One call.
#[derive(Debug)]
pub(super) struct StsRequest {
    pub(super) action: Action,
    fields: HashMap<String, String>,
}

/// Whether a request is a call of STS and not one of S3, which takes no such form.
pub fn is_meant(parts: &Parts) -> bool {
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    parts.method == Method::POST
        && parts.uri.path() == "/"
        && parts.uri.query().is_none_or(str::is_empty)
        && kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

impl Action {
    const ALL: [(&'static str, &'static str, Self); 4] = [
        ("AssumeRole", "sts:AssumeRole", Self::AssumeRole),
        (
            "AssumeRoleWithWebIdentity",
            "sts:AssumeRoleWithWebIdentity",
            Self::AssumeRoleWithWebIdentity,
        ),
        (
            "GetCallerIdentity",
            "sts:GetCallerIdentity",
            Self::GetCallerIdentity,
        ),
        (
            "GetSessionToken",
            "sts:GetSessionToken",
            Self::GetSessionToken,
        ),
    ];

    fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(name, ..)| *name == text);
        found.map(|(.., action)| action)
    }

    /// The operation, for the trail.
    pub(super) fn operation(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(.., action)| *action == self);
        found.map_or("sts:Unknown", |(_, operation, _)| operation)
    }
}

impl StsRequest {
    /// Reads a form (`application/x-www-form-urlencoded`).
    pub(super) fn parse(form: &[u8]) -> Result<Self, S3Error> {
        let form = std::str::from_utf8(form).map_err(|_| invalid("The form is not UTF-8."))?;
        let mut fields = HashMap::new();
        for pair in form.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name)?;
            if fields.insert(name.clone(), decoded(value)?).is_some() {
                return Err(invalid(format!(
                    "The parameter {name} came more than once."
                )));
            }
        }
        let named = fields.get("Action").map_or("", String::as_str);
        if named.is_empty() {
            return Err(Code::MissingAction.because("The form has no Action."));
        }
        let action = Action::parse(named).ok_or_else(|| {
            Code::InvalidAction.because(format!(
                "The action {named} is not offered here: only AssumeRole, AssumeRoleWithWebIdentity, GetSessionToken and GetCallerIdentity are."
            ))
        })?;
        let version = fields.get("Version").map_or(VERSION, String::as_str);
        if version != VERSION {
            return Err(Code::InvalidAction.because(format!("The version must be {VERSION}.")));
        }
        Ok(Self { action, fields })
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let value = self.fields.get(name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, S3Error> {
        self.field(name)
            .ok_or_else(|| invalid(format!("The parameter {name} is required.")))
    }

    /// `RoleSessionName`: `[\w+=,.@-]{2,64}`.
    pub(super) fn session_name(&self) -> Result<&str, S3Error> {
        let name = self.required("RoleSessionName")?;
        let is_name = (2..=64).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte));
        is_name.then_some(name).ok_or_else(|| {
            invalid("RoleSessionName must be 2 to 64 letters, digits or _ + = , . @ -.")
        })
    }

    /// `DurationSeconds`, from 900.
    pub(super) fn duration(&self, usual: Duration, longest: Duration) -> Result<Duration, S3Error> {
        let Some(text) = self.field("DurationSeconds") else {
            return Ok(usual);
        };
        text.parse()
            .ok()
            .filter(|seconds| (SHORTEST..=longest.as_secs()).contains(seconds))
            .map(Duration::from_secs)
            .ok_or_else(|| {
                invalid(format!(
                    "DurationSeconds must be a number from {SHORTEST} to {}.",
                    longest.as_secs()
                ))
            })
    }

    /// Devices are the identity provider's business.
    pub(super) fn refuse_devices(&self) -> Result<(), S3Error> {
        match self
            .field("SerialNumber")
            .or_else(|| self.field("TokenCode"))
        {
            None => Ok(()),
            Some(_) => Err(invalid(
                "No second factor is verified here: sign in with one at the identity provider and call AssumeRoleWithWebIdentity.",
            )),
        }
    }

    /// `Policy`: what the session is restricted to, in IAM's JSON.
    pub(super) fn policy(&self) -> Result<Option<&str>, S3Error> {
        for (prefix, instead) in [
            (
                "PolicyArns.",
                "there are no managed policies here; write the same into Policy",
            ),
            (
                "Tags.",
                "attributes of a principal come from its identity provider, or from `sealgate user set`",
            ),
            (
                "TransitiveTagKeys.",
                "a session made in a session keeps all of its attributes anyway",
            ),
        ] {
            self.refuse(|name| name.starts_with(prefix), instead)?;
        }
        let policy = self.field("Policy");
        match policy {
            Some(text) if text.chars().count() > LONGEST_POLICY => Err(invalid(format!(
                "Policy has more than {LONGEST_POLICY} characters; leave out blanks, or list fewer places."
            ))),
            _ => Ok(policy),
        }
    }

    /// A restriction that is not kept to would be worse than none.
    pub(super) fn refuse_policies(&self) -> Result<(), S3Error> {
        self.refuse(
            |name| name == "Policy" || name.starts_with("PolicyArns.") || name.starts_with("Tags."),
            "GetSessionToken takes none, as in AWS; AssumeRole does",
        )
    }

    fn refuse(&self, is_refused: impl Fn(&str) -> bool, instead: &str) -> Result<(), S3Error> {
        match self.fields.keys().find(|name| is_refused(name)) {
            None => Ok(()),
            Some(name) => Err(invalid(format!(
                "The parameter {name} is not offered here: {instead}."
            ))),
        }
    }
}

fn decoded(text: &str) -> Result<String, S3Error> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| invalid("A parameter is not UTF-8."))
}

fn invalid(why: impl Into<String>) -> S3Error {
    Code::ValidationError.because(why)
}

const VERSION: &str = "2011-06-15";
/// Seconds, as AWS has it.
const SHORTEST: u64 = 900;
/// Characters, as AWS has it.
const LONGEST_POLICY: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_and_sdks_write_it() {
        let form = b"Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3Aa%3Arole%2Fb&RoleSessionName=x%2By&Note=a+b";
        let request = StsRequest::parse(form).unwrap();
        assert_eq!(request.action, Action::AssumeRole);
        assert_eq!(
            request.required("RoleArn").unwrap(),
            "arn:aws:iam::a:role/b"
        );
        assert_eq!(request.session_name().unwrap(), "x+y");
        assert_eq!(request.field("Note"), Some("a b"));
    }

    #[test]
    fn what_is_not_offered_is_refused_by_its_name() {
        for (form, code) in [
            ("", Code::MissingAction),
            ("Action=GetFederationToken", Code::InvalidAction),
            ("Action=AssumeRole&Version=2010-01-01", Code::InvalidAction),
            ("Action=AssumeRole&Action=AssumeRole", Code::ValidationError),
            ("Action=AssumeRole&x=%ff", Code::ValidationError),
        ] {
            assert_eq!(
                StsRequest::parse(form.as_bytes()).unwrap_err().code,
                code,
                "{form}"
            );
        }
        let request =
            |rest: &str| StsRequest::parse(format!("Action=AssumeRole{rest}").as_bytes()).unwrap();
        for rest in ["", "&RoleSessionName=x", "&RoleSessionName=x%20y"] {
            assert!(request(rest).session_name().is_err(), "{rest}");
        }
        assert!(request("&SerialNumber=1").refuse_devices().is_err());
        for rest in ["&PolicyArns.member.1.arn=a", "&Tags.member.1.Key=a"] {
            assert!(request(rest).policy().is_err(), "{rest}");
            assert!(request(rest).refuse_policies().is_err(), "{rest}");
        }
        assert!(request("&Policy={}").refuse_policies().is_err());
        assert_eq!(request("&Policy={}").policy(), Ok(Some("{}")));
        let long = |length: usize| request(&format!("&Policy={}", "%C3%A4".repeat(length)));
        assert!(long(2048).policy().is_ok() && long(2049).policy().is_err());
    }

    #[test]
    fn a_session_lasts_as_long_as_asked_within_limits() {
        let (usual, longest) = (Duration::from_hours(1), Duration::from_hours(2));
        let lasts = |text: &str| {
            let form = format!("Action=AssumeRole{text}");
            StsRequest::parse(form.as_bytes())
                .unwrap()
                .duration(usual, longest)
                .ok()
        };
        assert_eq!(lasts(""), Some(usual));
        assert_eq!(lasts("&DurationSeconds=900"), Some(Duration::from_mins(15)));
        for refused in ["899", "7201", "-1", "1h", "1e3"] {
            assert_eq!(
                lasts(&format!("&DurationSeconds={refused}")),
                None,
                "{refused}"
            );
        }
    }
}
