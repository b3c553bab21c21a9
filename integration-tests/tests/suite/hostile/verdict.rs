//! What a client may be told: the exact plaintext of an authentic version, or an error; never wrong bytes and
//! never a clean short end. It knows no attack.

use integration_tests::hostile::{Message, bounds};

use super::siege::Loot;

/// What became of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Exactly what was asked for.
    Exact,
    /// An error status, or a connection that broke short of the announced length.
    Refused,
}

/// Judges the answer to a GET of `range`, or of all; `allowed` are the versions it may show.
///
/// The error says what the client was wrongly told.
pub(super) fn of_get(
    answer: &Message,
    allowed: &[&Loot],
    range: Option<&str>,
) -> Result<Verdict, String> {
    match answer.status() {
        0 | 400..=599 => return Ok(Verdict::Refused),
        200 | 206 => {}
        _ => return Err(format!("{} is no answer to a GET", answer.start)),
    }
    let mut wrong = String::new();
    for loot in allowed {
        match of_version(answer, loot, range) {
            Ok(verdict) => return Ok(verdict),
            Err(why) => wrong.push_str(&why),
        }
    }
    Err(wrong)
}

/// Judges the answer to a HEAD. The size of an object uploaded in parts is the store's word there.
pub(super) fn of_head(answer: &Message, allowed: &[&Loot]) -> Result<Verdict, String> {
    match answer.status() {
        0 | 400..=599 => return Ok(Verdict::Refused),
        200 => {}
        _ => return Err(format!("{} is no answer to a HEAD", answer.start)),
    }
    let length = answer.length().and_then(|length| length.try_into().ok());
    let is_of = |loot: &&Loot| {
        let authenticated = loot.parts.len() == 1;
        has_metadata_of(answer, loot) && (!authenticated || length == Some(loot.plain.len()))
    };
    if allowed.iter().any(is_of) {
        return Ok(Verdict::Exact);
    }
    Err(format!(
        "HEAD tells a length of {length:?} or metadata that no version has"
    ))
}

fn of_version(answer: &Message, loot: &Loot, range: Option<&str>) -> Result<Verdict, String> {
    let size = loot.plain.len();
    let asked = range.filter(|_| answer.status() == 206);
    if asked.is_none() && answer.status() == 206 {
        return Err("a range that nobody asked for".to_owned());
    }
    let (first, end) = match asked {
        Some(range) => bounds(range, size).ok_or("a range that is not there")?,
        None => (0, size),
    };
    let expected = loot.plain.get(first..end).unwrap_or_default();
    if !expected.starts_with(&answer.body) {
        return Err(format!("wrong bytes, {} of them", answer.body.len()));
    }
    if !answer.is_whole() {
        // An answer without a length could not break short of it.
        return match answer.length() {
            Some(_) => Ok(Verdict::Refused),
            None => Err("an answer without a length".to_owned()),
        };
    }
    if answer.body.len() != expected.len() {
        return Err(format!(
            "a clean end after {} of {} bytes",
            answer.body.len(),
            expected.len()
        ));
    }
    let told = format!("bytes {first}-{}/{size}", end.saturating_sub(1));
    if asked.is_some() && answer.header("content-range") != Some(&told) {
        return Err(format!("a Content-Range that is not {told}"));
    }
    if !has_metadata_of(answer, loot) {
        return Err("other metadata than the client's".to_owned());
    }
    Ok(Verdict::Exact)
}

/// Exactly the client's metadata: its one entry, its content type, nothing of the store's.
fn has_metadata_of(answer: &Message, loot: &Loot) -> bool {
    let mut entries = answer
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-amz-meta-"));
    let only = entries.next();
    only.is_some_and(|(name, value)| name == "x-amz-meta-seed" && value == loot.seed)
        && entries.next().is_none()
        && answer.header("content-type") == Some("text/x-siege")
        && answer.header("cache-control").is_none()
        && answer.header("content-encoding").is_none()
}
