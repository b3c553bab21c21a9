//! The policy of a form: what its signer allows. It must not know who signed it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Form;
use crate::s3::code::{Code, S3Error};

/// A policy, understood.
#[derive(Debug)]
pub struct FormPolicy {
    expiration: OffsetDateTime,
    matches: Vec<Match>,
    lengths: Lengths,
}

/// How many bytes the file may have, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// At least.
    pub least: u64,
    /// At most.
    pub most: u64,
}

/// A condition on one field.
#[derive(Debug)]
struct Match {
    operator: Operator,
    /// In lower case.
    field: String,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    StartsWith,
}

#[derive(Deserialize)]
struct Document {
    expiration: String,
    conditions: Vec<Value>,
}

impl Lengths {
    /// No limit.
    pub const ANY: Self = Self {
        least: 0,
        most: u64::MAX,
    };

    /// Refuses a file that can have between `least` and `most` bytes only, if none of these is allowed.
    pub fn check(self, least: u64, most: u64) -> Result<(), S3Error> {
        if least > self.most {
            return Err(Code::EntityTooLarge
                .because("Your proposed upload exceeds the maximum allowed size.")
                .with("ProposedSize", least.to_string())
                .with("MaxSizeAllowed", self.most.to_string()));
        }
        if most < self.least {
            return Err(Code::EntityTooSmall
                .because("Your proposed upload is smaller than the minimum allowed size.")
                .with("ProposedSize", most.to_string())
                .with("MinSizeAllowed", self.least.to_string()));
        }
        Ok(())
    }
}

impl FormPolicy {
    /// Reads the field `policy`: a JSON document in base64. `InvalidPolicyDocument` says what is wrong with it.
    pub fn parse(field: &str) -> Result<Self, S3Error> {
        // Tools that make policies break the lines of base64.
        let text: String = field.split_ascii_whitespace().collect();
        let document = STANDARD
            .decode(text)
            .map_err(|_| invalid("it is not base64"))?;
        let document: Document =
            serde_json::from_slice(&document).map_err(|error| invalid(&error.to_string()))?;
        let expiration = Some(document.expiration.as_str())
            .filter(|text| text.ends_with('Z') && text.contains('T'))
            .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok())
            .ok_or_else(|| invalid("expiration must be a time as in 2026-01-02T03:04:05Z"))?;
        let mut policy = Self {
            expiration,
            matches: Vec::new(),
            lengths: Lengths::ANY,
        };
        for condition in &document.conditions {
            policy.add(condition)?;
        }
        Ok(policy)
    }

    /// Whether the policy allows this form on this bucket at this time: every condition must hold, and every field
    /// must have one. `AccessDenied` says which does not.
    pub fn check(&self, form: &Form, bucket: &str, now: OffsetDateTime) -> Result<(), S3Error> {
        if now > self.expiration {
            return Err(refused("Policy expired."));
        }
        for condition in &self.matches {
            let value = match condition.field.as_str() {
                "bucket" => bucket,
                field => form.field(field).unwrap_or_default(),
            };
            if !condition.holds(value) {
                return Err(refused(&format!(
                    "Policy Condition failed: {}",
                    condition.in_words()
                )));
            }
        }
        let covered = |name: &str| self.matches.iter().any(|one| one.field == name);
        let named = form.fields().map(|(name, _)| name).chain(["bucket"]);
        let extra: Vec<&str> = named
            .filter(|name| !needs_no_condition(name) && !covered(name))
            .collect();
        if !extra.is_empty() {
            return Err(refused(&format!(
                "Extra input fields: {}",
                extra.join(", ")
            )));
        }
        match form.field("bucket") {
            Some(other) if other != bucket => Err(refused(
                "the field bucket names another bucket than the request.",
            )),
            _ => Ok(()),
        }
    }

    /// How many bytes the file may have.
    pub fn lengths(&self) -> Lengths {
        self.lengths
    }

    fn add(&mut self, condition: &Value) -> Result<(), S3Error> {
        match condition {
            Value::Object(pairs) if !pairs.is_empty() => {
                for (field, value) in pairs {
                    self.matches
                        .push(Match::new(Operator::Equal, field, value)?);
                }
                Ok(())
            }
            Value::Array(items) => match items.as_slice() {
                [Value::String(operator), least, most]
                    if operator.eq_ignore_ascii_case("content-length-range") =>
                {
                    self.add_lengths(least, most)
                }
                [Value::String(operator), Value::String(field), value] => {
                    let operator = Operator::parse(operator)?;
                    let field = field
                        .strip_prefix('$')
                        .ok_or_else(|| invalid("a field in a condition must begin with $"))?;
                    self.matches.push(Match::new(operator, field, value)?);
                    Ok(())
                }
                _ => Err(invalid(
                    "a condition must have an operator and two arguments",
                )),
            },
            _ => Err(invalid(
                "a condition must be a list, or an object that is not empty",
            )),
        }
    }

    fn add_lengths(&mut self, least: &Value, most: &Value) -> Result<(), S3Error> {
        let number = |value: &Value| {
            let number = value
                .as_u64()
                .or_else(|| value.as_str().and_then(|text| text.parse().ok()));
            number.ok_or_else(|| invalid("content-length-range must have two whole numbers"))
        };
        // Where a policy has several, all of them must hold.
        self.lengths.least = self.lengths.least.max(number(least)?);
        self.lengths.most = self.lengths.most.min(number(most)?);
        Ok(())
    }
}

impl Operator {
    fn parse(text: &str) -> Result<Self, S3Error> {
        match text.to_ascii_lowercase().as_str() {
            "eq" => Ok(Self::Equal),
            "starts-with" => Ok(Self::StartsWith),
            _ => Err(invalid(
                "an operator must be eq, starts-with or content-length-range",
            )),
        }
    }
}

impl Match {
    fn new(operator: Operator, field: &str, value: &Value) -> Result<Self, S3Error> {
        let value = value
            .as_str()
            .ok_or_else(|| invalid("the value in a condition must be a string"))?;
        Ok(Self {
            operator,
            field: field.to_ascii_lowercase(),
            value: value.to_owned(),
        })
    }

    fn holds(&self, value: &str) -> bool {
        match self.operator {
            Operator::Equal => value == self.value,
            // A list of types: each of them must begin so.
            Operator::StartsWith if self.field == "content-type" => value
                .split(',')
                .all(|one| one.trim_start().starts_with(&self.value)),
            Operator::StartsWith => value.starts_with(&self.value),
        }
    }

    fn in_words(&self) -> String {
        let operator = match self.operator {
            Operator::Equal => "eq",
            Operator::StartsWith => "starts-with",
        };
        format!("[\"{operator}\", \"${}\", \"{}\"]", self.field, self.value)
    }
}

/// The signature itself, what S3 was told to ignore, and checksums, which can only make an upload stricter.
fn needs_no_condition(name: &str) -> bool {
    ["awsaccesskeyid", "signature", "x-amz-signature", "policy"].contains(&name)
        || name.starts_with("x-ignore-")
        || name.starts_with("x-amz-checksum-")
        || name == "content-md5"
}

fn invalid(why: &str) -> S3Error {
    Code::InvalidPolicyDocument.because(format!("Invalid Policy: {why}."))
}

fn refused(why: &str) -> S3Error {
    Code::AccessDenied.because(format!("Invalid according to Policy: {why}"))
}
