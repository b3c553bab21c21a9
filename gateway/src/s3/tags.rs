//! Tags as headers and documents spell them, and what S3 allows of them. Pure.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;

use super::code::{Code, S3Error};
use super::xml::Element;

/// A key and its value.
pub type Tag = (String, String);

/// The tags of a header `x-amz-tagging`, `a=1&b=2`, encoded as a query, in their order.
pub fn of_header(header: &str) -> Vec<Tag> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    header
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// The tags of a `Tagging` document, in their order.
pub fn of_document(tagging: &Element) -> Vec<Tag> {
    let set = tagging.child("TagSet");
    let text = |tag: &Element, name| tag.child_text(name).unwrap_or_default().to_owned();
    set.iter()
        .flat_map(|set| set.all("Tag"))
        .map(|tag| (text(tag, "Key"), text(tag, "Value")))
        .collect()
}

/// Refuses with `InvalidTag` what S3 does not take: more than `most` tags, a key twice, keys that are not of 1 to 128
/// characters, values over 256, and keys that AWS keeps for itself.
pub fn check(tags: &[Tag], most: usize) -> Result<(), S3Error> {
    let names: BTreeSet<&str> = tags.iter().map(|(name, _)| name.as_str()).collect();
    let fits = |(name, value): &Tag| {
        (1..=128).contains(&name.chars().count()) && value.chars().count() <= 256
    };
    if tags.len() > most || names.len() < tags.len() || !tags.iter().all(fits) {
        return Err(Code::InvalidTag.because(format!(
            "There may be {most} tags, each key once, of 1 to 128 characters, with a value of up to 256."
        )));
    }
    let is_system = |name: &&&str| {
        name.get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
    };
    match names.iter().find(is_system) {
        None => Ok(()),
        Some(name) => Err(Code::InvalidTag
            .because("Keys that begin with aws: are the system's.")
            .with("TagKey", *name)),
    }
}

/// The most tags that an object has.
pub const OF_OBJECT: usize = 10;
/// The most tags that a bucket has.
pub const OF_BUCKET: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_query() {
        let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            of_header("a%20b=1%262&c+d=&e"),
            [tag("a b", "1&2"), tag("c d", ""), tag("e", "")]
        );
        assert_eq!(of_header(""), []);
    }

    #[test]
    fn tags_have_limits() {
        let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let many: Vec<Tag> = (0..51).map(|number| tag(&number.to_string(), "")).collect();
        for (good, most) in [
            (&[tag(&"ä".repeat(128), &"v".repeat(256))][..], OF_OBJECT),
            (&[tag("aws", ":")], OF_OBJECT),
            (&many[..10], OF_OBJECT),
            (&many[..50], OF_BUCKET),
        ] {
            assert_eq!(check(good, most), Ok(()), "{good:?}");
        }
        for (bad, most) in [
            (&[tag(&"k".repeat(129), "")][..], OF_OBJECT),
            (&[tag("k", &"v".repeat(257))], OF_OBJECT),
            (&[tag("", "v")], OF_OBJECT),
            (&[tag("k", "1"), tag("k", "2")], OF_OBJECT),
            (&[tag("AWS:k", "1")], OF_OBJECT),
            (&many[..11], OF_OBJECT),
            (&many, OF_BUCKET),
        ] {
            let code = check(bad, most).map_err(|error| error.code);
            assert_eq!(code, Err(Code::InvalidTag), "{bad:?}");
        }
    }
}
