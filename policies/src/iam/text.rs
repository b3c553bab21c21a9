//! Texts and patterns of IAM, and how they are written in Cedar.

/// A Cedar string literal.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// A Cedar pattern for an IAM pattern in which `*` is the only wildcard.
pub(super) fn pattern(text: &str) -> String {
    let parts: Vec<String> = text.split('*').map(escaped).collect();
    format!("\"{}\"", parts.join("*"))
}

/// A Cedar pattern that stands for the text itself.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            ' '..='~' => character.to_string(),
            other => format!("\\u{{{:x}}}", u32::from(other)),
        })
        .collect()
}

/// Whether a text is what an IAM pattern means, letters of either case being equal.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    glob(pattern.as_bytes(), text.as_bytes())
}

/// `*` is any bytes, `?` one; without recursion, and in time of the product of both lengths at most.
fn glob(mut pattern: &[u8], mut text: &[u8]) -> bool {
    // Behind the last star, and where it ended so far.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => return true,
            (Some((b'*', rest)), _) => {
                star = Some((rest, text));
                pattern = rest;
            }
            (Some((wanted, rest)), Some((found, shorter)))
                if *wanted == b'?' || wanted == found =>
            {
                (pattern, text) = (rest, shorter);
            }
            _ => {
                let longer = star.and_then(|(rest, from)| Some((rest, from.split_first()?.1)));
                let Some((rest, from)) = longer else {
                    return false;
                };
                star = longer;
                (pattern, text) = (rest, from);
            }
        }
    }
}

/// Why a text cannot be a pattern here, if it cannot.
pub(super) fn refused_in_pattern(text: &str) -> Option<&'static str> {
    if text.contains('?') {
        Some("? stands for one character in IAM and cannot be expressed; use * or list the values")
    } else if text.contains("${") {
        Some(
            "policy variables are accepted only as a whole segment of a Resource, ${aws:username} or ${aws:PrincipalTag/name}",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_iam() {
        for (pattern, text, expected) in [
            ("s3:*", "s3:GetObject", true),
            ("S3:getobject", "s3:GetObject", true),
            ("s3:Get*Tagging", "s3:GetObjectVersionTagging", true),
            ("s3:Get*Tagging", "s3:GetObjectTaggings", false),
            ("s3:Get?bject", "s3:GetObject", true),
            ("s3:?GetObject", "s3:GetObject", false),
            ("*a*b", "xaybzb", true),
            ("*a*b", "xaybz", false),
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        let stars = "*".repeat(20_000);
        assert!(matches(&stars, "s3:GetObject"));
        assert!(!matches(&format!("{stars}x{stars}"), "s3:GetObject"));
    }
}
