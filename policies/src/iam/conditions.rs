//! `Condition`: operators over keys, with IAM's rules for keys that are absent and for several values.
//!
//! An operator that negates is true where the key is absent, and true if no value matches; another is false
//! where the key is absent, and true if some value matches; `…IfExists` is true where the key is absent.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Malformed;
use super::json::Json;
use super::keys::{Key, Kind, Named};
use super::text::{matches, pattern, quoted, refused_in_pattern};
use crate::Target;

/// One key under one operator.
#[derive(Debug, Clone)]
pub(super) struct Test {
    key: String,
    operator: Operator,
    values: Vec<String>,
    element: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Operator {
    family: Family,
    compare: Compare,
    negated: bool,
    if_exists: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Text,
    Pattern,
    Number,
    Date,
    Truth,
    Address,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Reads `Condition`.
pub(super) fn read(element: &str, value: &Json) -> Result<Vec<Test>, Malformed> {
    let operators = value
        .members()
        .ok_or_else(|| Malformed::new(element, "must be an object of operators"))?;
    let mut tests = Vec::new();
    for (name, keys) in operators {
        let element = format!("{element}.{name}");
        let operator = Operator::find(name).map_err(|reason| Malformed::new(&element, reason))?;
        let keys = keys.members().filter(|keys| !keys.is_empty());
        let keys =
            keys.ok_or_else(|| Malformed::new(&element, "must be an object of condition keys"))?;
        for (key, value) in keys {
            let element = format!("{element}.{key}");
            let values: Option<Vec<String>> = value.items().iter().map(Json::scalar).collect();
            let values = values
                .filter(|values| !values.is_empty())
                .ok_or_else(|| Malformed::new(&element, "must be a value or a list of values"))?;
            let test = Test {
                key: key.clone(),
                operator,
                values,
                element,
            };
            // Said now of whichever resource: whatever is wrong is wrong for both.
            test.cedar(Target::Object)?;
            tests.push(test);
        }
    }
    Ok(tests)
}

impl Test {
    /// The key.
    pub(super) fn named(&self) -> Result<Named<'_>, Malformed> {
        Named::find(&self.key).ok_or_else(|| {
            Malformed::new(
                &self.element,
                "is no condition key that is understood here; see docs/policies.md for those that are",
            )
        })
    }

    /// Where it stands.
    pub(super) fn element(&self) -> &str {
        &self.element
    }

    /// Whether it holds only for some who ask, or from some places.
    pub(super) fn restricts(&self) -> bool {
        let open = |value: &String| value.starts_with('*') || value.ends_with("/0");
        let named = Named::find(&self.key).is_some_and(Named::restricts);
        let Operator {
            negated,
            if_exists,
            family,
            ..
        } = self.operator;
        named && !negated && !if_exists && family != Family::Null && !self.values.iter().any(open)
    }

    /// As a Cedar expression about resources of this kind.
    pub(super) fn cedar(&self, target: Target) -> Result<String, Malformed> {
        let key = self.named()?.on(target);
        let refused = |reason: String| Malformed::new(&self.element, reason);
        if self.operator.family == Family::Null {
            return self.null(&key).map_err(refused);
        }
        let values = self
            .values
            .iter()
            .map(|value| one(self.operator, &key, value))
            .collect::<Result<Vec<String>, String>>()
            .map_err(refused)?;
        let some = format!("({})", values.join(" || "));
        let test = if self.operator.negated {
            format!("!{some}")
        } else {
            some
        };
        let if_absent = self.operator.negated || self.operator.if_exists;
        Ok(match &key.has {
            None => test,
            Some(has) if if_absent => format!("(if {has} then {test} else true)"),
            Some(has) => format!("({has} && {test})"),
        })
    }

    fn null(&self, key: &Key) -> Result<String, String> {
        let has = key.has.as_deref().unwrap_or("true");
        match self.values.as_slice() {
            [value] if value == "true" => Ok(format!("!({has})")),
            [value] if value == "false" => Ok(format!("({has})")),
            _ => Err("must be true or false, once".to_owned()),
        }
    }
}

impl Operator {
    fn find(name: &str) -> Result<Self, String> {
        if name.contains(':') {
            return Err(
                "ForAnyValue and ForAllValues are not accepted: no key here has several values, and ForAllValues is true for an absent one"
                    .to_owned(),
            );
        }
        let (plain, if_exists) = match name.strip_suffix("IfExists") {
            Some(plain) => (plain, true),
            None => (name, false),
        };
        let (family, compare, negated) = match plain {
            "StringEquals" => (Family::Text, Compare::Equal, false),
            "StringNotEquals" => (Family::Text, Compare::Equal, true),
            "StringLike" => (Family::Pattern, Compare::Equal, false),
            "StringNotLike" => (Family::Pattern, Compare::Equal, true),
            "NumericEquals" => (Family::Number, Compare::Equal, false),
            "NumericNotEquals" => (Family::Number, Compare::Equal, true),
            "NumericLessThan" => (Family::Number, Compare::Less, false),
            "NumericLessThanEquals" => (Family::Number, Compare::LessOrEqual, false),
            "NumericGreaterThan" => (Family::Number, Compare::Greater, false),
            "NumericGreaterThanEquals" => (Family::Number, Compare::GreaterOrEqual, false),
            "DateEquals" => (Family::Date, Compare::Equal, false),
            "DateNotEquals" => (Family::Date, Compare::Equal, true),
            "DateLessThan" => (Family::Date, Compare::Less, false),
            "DateLessThanEquals" => (Family::Date, Compare::LessOrEqual, false),
            "DateGreaterThan" => (Family::Date, Compare::Greater, false),
            "DateGreaterThanEquals" => (Family::Date, Compare::GreaterOrEqual, false),
            "Bool" => (Family::Truth, Compare::Equal, false),
            "IpAddress" => (Family::Address, Compare::Equal, false),
            "NotIpAddress" => (Family::Address, Compare::Equal, true),
            "Null" if !if_exists => (Family::Null, Compare::Equal, false),
            _ => {
                return Err(
                    "is no operator that is understood here: String(Not)Equals, String(Not)Like, Numeric…, Date…, Bool, (Not)IpAddress, each with or without IfExists, and Null are"
                        .to_owned(),
                );
            }
        };
        Ok(Self {
            family,
            compare,
            negated,
            if_exists,
        })
    }
}

impl Compare {
    fn cedar(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// One value under an operator.
fn one(operator: Operator, key: &Key, value: &str) -> Result<String, String> {
    let Key {
        value: of, kind, ..
    } = key;
    let compare = operator.compare.cedar();
    match (operator.family, *kind) {
        (Family::Text, Kind::Text) => {
            refuse_variables(value)?;
            Ok(format!("{of} == {}", quoted(value)))
        }
        (Family::Pattern, Kind::Text) => match refused_in_pattern(value) {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(format!("{of} like {}", pattern(value))),
        },
        (Family::Text | Family::Pattern, Kind::OneOf(known)) => {
            refuse_variables(value)?;
            let is_pattern = operator.family == Family::Pattern;
            let meant: Vec<String> = known
                .iter()
                .filter(|(ours, _)| *ours == value || (is_pattern && matches(value, ours)))
                .map(|(_, cedar)| format!("{of} == {}", quoted(cedar)))
                .collect();
            if meant.is_empty() {
                let known: Vec<&str> = known.iter().map(|(ours, _)| *ours).collect();
                return Err(format!("{value:?} is none of {}", known.join(", ")));
            }
            Ok(format!("({})", meant.join(" || ")))
        }
        (Family::Number, Kind::Number) => {
            let number: i64 = value
                .parse()
                .map_err(|_| format!("{value:?} must be a whole number"))?;
            Ok(format!("{of} {compare} {number}"))
        }
        (Family::Number, Kind::TlsVersion) => Ok(format!("{of} {compare} {}", tls_version(value)?)),
        (Family::Date, Kind::Date) => Ok(format!("{of} {compare} {}", datetime(value)?)),
        (Family::Truth, Kind::Truth) => match value {
            "true" => Ok(format!("({of})")),
            "false" => Ok(format!("!({of})")),
            _ => Err(format!("{value:?} must be true or false")),
        },
        (Family::Address, Kind::Address) => {
            Ok(format!("{of}.isInRange(ip({}))", quoted(&address(value)?)))
        }
        (_, kind) => Err(format!(
            "the operator does not fit the key, which takes {}",
            family_of(kind)
        )),
    }
}

fn family_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::OneOf(_) => "StringEquals and its like",
        Kind::Number | Kind::TlsVersion => "NumericEquals and its like",
        Kind::Date => "DateLessThan and its like",
        Kind::Address => "IpAddress and NotIpAddress",
        Kind::Truth => "Bool",
    }
}

fn refuse_variables(value: &str) -> Result<(), String> {
    if value.contains("${") {
        return Err("policy variables are accepted in Resource only".to_owned());
    }
    Ok(())
}

fn tls_version(value: &str) -> Result<u8, String> {
    match value {
        "1.0" | "1" => Ok(10),
        "1.1" => Ok(11),
        "1.2" => Ok(12),
        "1.3" => Ok(13),
        _ => Err(format!("{value:?} must be 1.0, 1.1, 1.2 or 1.3")),
    }
}

/// RFC 3339, a date alone, or seconds since 1970.
fn datetime(value: &str) -> Result<String, String> {
    let of_seconds = || OffsetDateTime::from_unix_timestamp(value.parse().ok()?).ok();
    let of_date = || OffsetDateTime::parse(&format!("{value}T00:00:00Z"), &Rfc3339).ok();
    let parsed = OffsetDateTime::parse(value, &Rfc3339).ok();
    let time = parsed
        .or_else(of_date)
        .or_else(of_seconds)
        .ok_or_else(|| format!("{value:?} must be a time as 2027-01-31T12:00:00Z"))?;
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    let text = time
        .to_offset(time::UtcOffset::UTC)
        .format(format)
        .map_err(|_| format!("{value:?} is out of range"))?;
    Ok(format!("datetime({})", quoted(&text)))
}

/// An address or a block of them, with no bits set behind the prefix.
fn address(value: &str) -> Result<String, String> {
    let refused = || format!("{value:?} must be an address or a block of them, as 10.0.0.0/8");
    let (base, length) = match value.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<u32>().map_err(|_| refused())?)),
        None => (value, None),
    };
    let base: std::net::IpAddr = base.parse().map_err(|_| refused())?;
    let (bits, width) = match base {
        std::net::IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        std::net::IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let Some(length) = length else {
        return Ok(base.to_string());
    };
    let free = u32::checked_sub(width, length).ok_or_else(refused)?;
    let rest = 1_u128
        .checked_shl(free)
        .map_or(u128::MAX, |bit| bit.wrapping_sub(1));
    if bits & rest != 0 {
        return Err(format!(
            "{value:?} has bits set behind its prefix of {length}"
        ));
    }
    Ok(format!("{base}/{length}"))
}
