//! The trail's lines in others' words: OCSF and CloudTrail. Tokens stand where names would; what is sealed is carried
//! along as it is, with what it takes to open it.

mod cloudtrail;
mod ocsf;

use serde_json::{Map, Value, json};

pub(super) use cloudtrail::cloudtrail;
pub(super) use ocsf::ocsf;

/// A line's member by its path, empty if there is none.
fn text<'a>(line: &'a Value, at: &str) -> &'a str {
    line.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

/// Members of a line that have no place in the other format, under their own names: all that are not in `placed`, so
/// that members that lines get later are not lost.
fn remaining(line: &Value, placed: &[&str]) -> Value {
    let members = line.as_object().into_iter().flatten();
    let kept = members.filter(|(name, _)| !placed.contains(&name.as_str()));
    Value::Object(
        kept.map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

/// An object without its members that are null, empty or empty objects.
fn without_blanks(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members
                .into_iter()
                .map(|(name, value)| (name, without_blanks(value)))
                .filter(|(_, value)| {
                    !matches!(value, Value::Null)
                        && *value != json!("")
                        && *value != Value::Object(Map::new())
                });
            Value::Object(members.collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
