//! `Resource` and `NotResource`: the bucket itself, and patterns of keys in it.

use super::json::Json;
use super::text::{pattern, quoted, refused_in_pattern};
use super::{Malformed, Scope};

/// What a statement is about, as Cedar expressions: one for buckets, one for objects. `None`: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) tenant: bool,
    pub(super) bucket: Option<String>,
    pub(super) object: Option<String>,
}

/// What one pattern names.
struct Place {
    tenant: bool,
    bucket: Option<String>,
    object: Option<String>,
}

/// Reads the element `element` with that value; `negated` for `NotResource`. `forbids`: whether the statement
/// denies, so that what is in doubt counts as named.
pub(super) fn read(
    element: &str,
    value: &Json,
    negated: bool,
    forbids: bool,
    scope: Scope<'_>,
) -> Result<Places, Malformed> {
    if value.items().is_empty() {
        return Err(Malformed::new(element, "is empty"));
    }
    let mut places = Vec::new();
    for item in value.items() {
        let text = item
            .text()
            .ok_or_else(|| Malformed::new(element, "must be a string or a list of strings"))?;
        // In doubt a name is taken as meant where that denies: for NotResource it is the other way about.
        let place = of_arn(text, forbids != negated, scope)
            .map_err(|reason| Malformed::new(element, format!("{text:?} {reason}")))?;
        places.push(place);
    }
    let joined = |expressions: Vec<&String>| {
        if negated {
            negation(&expressions)
        } else {
            disjunction(&expressions)
        }
    };
    Ok(Places {
        tenant: places.iter().any(|place| place.tenant) != negated,
        bucket: joined(
            places
                .iter()
                .filter_map(|place| place.bucket.as_ref())
                .collect(),
        ),
        object: joined(
            places
                .iter()
                .filter_map(|place| place.object.as_ref())
                .collect(),
        ),
    })
}

fn disjunction(expressions: &[&String]) -> Option<String> {
    if expressions.iter().any(|expression| *expression == TRUE) {
        return Some(TRUE.to_owned());
    }
    let parts: Vec<&str> = expressions
        .iter()
        .map(|expression| expression.as_str())
        .collect();
    (!parts.is_empty()).then(|| format!("({})", parts.join(" || ")))
}

fn negation(expressions: &[&String]) -> Option<String> {
    match disjunction(expressions) {
        None => Some(TRUE.to_owned()),
        Some(all) if all == TRUE => None,
        Some(some) => Some(format!("!{some}")),
    }
}

fn of_arn(arn: &str, generously: bool, scope: Scope<'_>) -> Result<Place, String> {
    let everything = || Place {
        tenant: true,
        bucket: Some(TRUE.to_owned()),
        object: Some(TRUE.to_owned()),
    };
    if arn == "*" {
        return Ok(everything());
    }
    let named = arn.strip_prefix("arn:aws:s3:::").ok_or(
        "is no ARN of a bucket or of objects; write arn:aws:s3:::BUCKET or arn:aws:s3:::BUCKET/KEY",
    )?;
    if named == "*" {
        return Ok(everything());
    }
    let (bucket, key) = match named.split_once('/') {
        Some((bucket, key)) => (bucket, Some(key)),
        None => (named, None),
    };
    // `bucket*` is the bucket and everything in it.
    let (bucket, and_all) = match bucket.strip_suffix('*') {
        Some(bucket) if key.is_none() && matches!(scope, Scope::Bucket { .. }) => (bucket, true),
        _ => (bucket, false),
    };
    if bucket.is_empty() || bucket.contains(['*', '?', '$']) {
        return Err("has a wildcard in the bucket's name; name the bucket".to_owned());
    }
    let (of_bucket, of_object) = match scope {
        Scope::Bucket { bucket: here, .. } if here == bucket => (None, None),
        Scope::Bucket { bucket: here, .. } => {
            return Err(format!("is not in this bucket, {here}"));
        }
        Scope::Session => (
            Some(format!("resource.name == {}", quoted(bucket))),
            Some(format!("resource.bucket == {}", quoted(bucket))),
        ),
    };
    let or_true = |expression: Option<String>| expression.unwrap_or_else(|| TRUE.to_owned());
    Ok(match key {
        None => Place {
            tenant: false,
            bucket: Some(or_true(of_bucket)),
            object: and_all.then(|| TRUE.to_owned()),
        },
        Some(key) => {
            let of_key = of_key(key, generously)?;
            Place {
                tenant: false,
                bucket: None,
                object: Some(match of_object {
                    None => of_key,
                    Some(of_bucket) if of_key == TRUE => of_bucket,
                    Some(of_bucket) => format!("({of_bucket} && {of_key})"),
                }),
            }
        }
    })
}

/// A pattern of keys.
fn of_key(key: &str, generously: bool) -> Result<String, String> {
    if key == "*" {
        return Ok(TRUE.to_owned());
    }
    if key.contains("${") {
        return with_variables(key, generously);
    }
    if let Some(reason) = refused_in_pattern(key) {
        return Err(format!("is refused: {reason}"));
    }
    Ok(if key.contains('*') {
        format!("resource.key like {}", pattern(key))
    } else {
        format!("resource.key == {}", quoted(key))
    })
}

/// A pattern whose segments are literal or one variable each, and that ends there or in `/*`.
fn with_variables(key: &str, generously: bool) -> Result<String, String> {
    let (fixed, is_open) = match key.strip_suffix("/*") {
        Some(fixed) => (fixed, true),
        None => (key, false),
    };
    let segments = segments_of(fixed);
    if segments.len() > 3 {
        return Err(
            "has a variable and more than three segments before it ends or before /*".to_owned(),
        );
    }
    let mut tests = Vec::new();
    let mut doubts = Vec::new();
    for (name, segment) in ["seg1", "seg2", "seg3"].into_iter().zip(&segments) {
        let (test, doubt) = of_segment(name, segment)?;
        tests.push(format!("resource has {name} && {test}"));
        doubts.extend(doubt);
    }
    let slashes = if is_open {
        segments.len()
    } else {
        segments.len().saturating_sub(1)
    };
    tests.push(format!("resource.key like \"{}*\"", "*/".repeat(slashes)));
    if !is_open {
        tests.push(format!(
            "!(resource.key like \"{}*\")",
            "*/".repeat(slashes.saturating_add(1))
        ));
    }
    let exact = tests.join(" && ");
    // IAM puts the value in as text, and a slash in it reaches over segments. Names with slashes are granted
    // nothing by that, and denied everything.
    Ok(if generously {
        format!("(({exact}) || {})", doubts.join(" || "))
    } else {
        format!("({exact})")
    })
}

/// What stands between slashes, but for those in the name of a variable: `${aws:PrincipalTag/team}`. A brace without a
/// dollar is a letter of the key.
fn segments_of(text: &str) -> Vec<&str> {
    let (mut in_variable, mut after_dollar) = (false, false);
    let ends = |character: char| {
        match character {
            '{' if after_dollar => in_variable = true,
            '}' => in_variable = false,
            _ => {}
        }
        after_dollar = character == '$';
        character == '/' && !in_variable
    };
    text.split(ends).collect()
}

/// The test of a segment, and when a variable in it cannot be told from several segments.
fn of_segment(name: &str, segment: &str) -> Result<(String, Option<String>), String> {
    if segment == "${aws:username}" {
        let test = format!("resource.{name} == principal.name");
        return Ok((test, Some("principal.name like \"*/*\"".to_owned())));
    }
    let tag = segment
        .strip_prefix("${aws:PrincipalTag/")
        .and_then(|rest| rest.strip_suffix('}'))
        .filter(|tag| !tag.is_empty() && !tag.contains(['$', '{', '}']));
    if let Some(tag) = tag {
        let tag = quoted(tag);
        let has = format!("principal.hasTag({tag})");
        return Ok((
            format!("{has} && resource.{name} == principal.getTag({tag})"),
            Some(format!("({has} && principal.getTag({tag}) like \"*/*\")")),
        ));
    }
    if segment.contains(['*', '?']) || segment.contains("${") {
        return Err(
            "has a variable that is not a whole segment, or a wildcard before one; write prefix/${aws:username}/*"
                .to_owned(),
        );
    }
    Ok((format!("resource.{name} == {}", quoted(segment)), None))
}

/// What holds of every resource.
pub(super) const TRUE: &str = "true";
