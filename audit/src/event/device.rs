//! What somebody works with, as far as a `User-Agent` tells: the program and the system, and no versions, so that an update
//! is no new device. `docs/audit.md`, section 3, is the rule.

/// The device of a `User-Agent`: `chrome/windows`, `aws-cli/linux`, `curl`. Empty if it names nothing.
pub(crate) fn device(ua: &str) -> String {
    let ua = ua.to_ascii_lowercase();
    let products = products(&ua);
    let first = products.first().copied().unwrap_or_default();
    let program = if first == "mozilla" {
        // They all say that they are the others too.
        let is_one = |product: &&str| BROWSERS.iter().any(|(word, _)| word == product);
        let rank = |product: &&str| BROWSERS.iter().position(|(word, _)| word == product);
        let best = products.iter().copied().filter(is_one).min_by_key(rank);
        let named = |word: &str| BROWSERS.iter().find(|(one, _)| *one == word);
        best.and_then(named).map_or(first, |(_, name)| *name)
    } else {
        first
    };
    let system = SYSTEMS.iter().find(|(word, _)| ua.contains(word));
    let program: String = program.chars().take(LONGEST).collect();
    match system {
        Some((_, system)) => format!("{program}/{system}"),
        None => program,
    }
}

/// The names of products, without versions and without comments in parentheses.
fn products(ua: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let outside = ua.split_inclusive(['(', ')']).filter_map(|piece| {
        let is_outside = depth == 0;
        if piece.ends_with('(') {
            depth = depth.saturating_add(1);
        } else if piece.ends_with(')') {
            depth = depth.saturating_sub(1);
        }
        is_outside.then(|| piece.trim_end_matches(['(', ')']))
    });
    let words = outside.flat_map(str::split_whitespace);
    words
        .filter_map(|word| word.split('/').next())
        .filter(|name| !name.is_empty())
        .collect()
}

/// What a browser calls itself, and is called here; whichever comes first in this list is it.
const BROWSERS: &[(&str, &str)] = &[
    ("edg", "edge"),
    ("edga", "edge"),
    ("edgios", "edge"),
    ("opr", "opera"),
    ("firefox", "firefox"),
    ("fxios", "firefox"),
    ("headlesschrome", "chrome"),
    ("chrome", "chrome"),
    ("crios", "chrome"),
    ("safari", "safari"),
];

/// A word anywhere in it, and the system it tells of; the first that is there.
const SYSTEMS: &[(&str, &str)] = &[
    ("windows", "windows"),
    ("android", "android"),
    ("iphone", "ios"),
    ("ipad", "ios"),
    ("mac os", "macos"),
    ("macos", "macos"),
    ("darwin", "macos"),
    ("linux", "linux"),
];

/// Of a program's name, in characters.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_systems_are_told_and_versions_are_not() {
        for (ua, expected) in [
            ("", ""),
            ("curl/8.5.0", "curl"),
            (
                "aws-cli/2.15.30 md/awscrt#0.19.19 ua/2.0 os/linux#5.10 lang/python#3.11.8",
                "aws-cli/linux",
            ),
            (
                "Boto3/1.42.0 md/Botocore#1.42.0 os/macos#24.1.0",
                "boto3/macos",
            ),
            ("MinIO (Linux; x86_64) minio-py/7.2.15", "minio/linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
                "edge/windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                "safari/ios",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
                "firefox/linux",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36",
                "chrome/android",
            ),
            ("Mozilla/5.0 (compatible; (nested) thing)", "mozilla"),
        ] {
            assert_eq!(device(ua), expected, "{ua}");
        }
        assert_eq!(device(&"x".repeat(1000)).len(), LONGEST);
    }
}
