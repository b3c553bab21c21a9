//! The one place that maps the store's `ETags` to the client's and back.
//!
//! The rule (docs/decisions/0001): the store's `"<hex>"` of a single PUT is an MD5 of sealed bytes, and
//! clients that see a bare MD5-shaped value compare it with the plaintext. So it is shown with a
//! multipart-style suffix, `"<hex>-1"`; a store's `"<hex>-1"` (a multipart upload of one part) is shown
//! as `"<hex>-01"`; everything else as it is. A pure function and its inverse, so listings, heads and
//! conditions agree without a look-up.

/// The `ETag` a client sees for the store's, both without quotes.
pub fn shown(upstream: &str) -> String {
    match upstream.strip_suffix(ONE_PART) {
        Some(digest) if is_md5_shaped(digest) => format!("{digest}{SHOWN_ONE_PART}"),
        _ if is_md5_shaped(upstream) => format!("{upstream}{ONE_PART}"),
        _ => upstream.to_owned(),
    }
}

/// The store's `ETag` for one that a client names, both without quotes. A value that no object can show
/// (a bare MD5) becomes one that no store has, so that a condition on it fails instead of matching.
pub fn upstream(shown: &str) -> String {
    if let Some(digest) = shown
        .strip_suffix(SHOWN_ONE_PART)
        .filter(|digest| is_md5_shaped(digest))
    {
        return format!("{digest}{ONE_PART}");
    }
    match shown.strip_suffix(ONE_PART) {
        Some(digest) if is_md5_shaped(digest) => digest.to_owned(),
        _ if is_md5_shaped(shown) => format!("{shown}-0"),
        _ => shown.to_owned(),
    }
}

/// Rewrites the value of `If-Match`, `If-None-Match` and their copy-source forms: `*`, or a list of
/// tags, quoted or bare, weak or strong.
pub fn condition_upstream(value: &str) -> String {
    if value.trim() == "*" {
        return "*".to_owned();
    }
    let tags = value
        .split(',')
        .map(|tag| format!("\"{}\"", upstream(unquoted(tag))));
    tags.collect::<Vec<_>>().join(", ")
}

/// The value of an `ETag` header without weak mark and quotes.
pub fn unquoted(value: &str) -> &str {
    let value = value.trim();
    value.strip_prefix("W/").unwrap_or(value).trim_matches('"')
}

fn is_md5_shaped(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

const ONE_PART: &str = "-1";
const SHOWN_ONE_PART: &str = "-01";

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "d41d8cd98f00b204e9800998ecf8427e";

    #[test]
    fn the_mapping_is_a_bijection_and_never_shows_a_bare_md5() {
        let store = [
            HEX.to_owned(),
            format!("{HEX}-1"),
            format!("{HEX}-2"),
            format!("{HEX}-10000"),
            "opaque".to_owned(),
        ];
        let mut seen = std::collections::HashSet::new();
        for tag in &store {
            let client = shown(tag);
            assert_ne!(client, HEX);
            assert_eq!(&upstream(&client), tag);
            assert!(seen.insert(client));
        }
    }

    #[test]
    fn a_bare_md5_in_a_condition_matches_nothing() {
        assert!(
            !["", "-1", "-2"]
                .map(|suffix| format!("{HEX}{suffix}"))
                .contains(&upstream(HEX))
        );
    }

    #[test]
    fn conditions_keep_stars_and_lists() {
        assert_eq!(condition_upstream("*"), "*");
        assert_eq!(
            condition_upstream(&format!("\"{HEX}-1\"")),
            format!("\"{HEX}\"")
        );
        assert_eq!(
            condition_upstream(&format!("{HEX}-1, W/\"{HEX}-7\"")),
            format!("\"{HEX}\", \"{HEX}-7\"")
        );
    }
}
