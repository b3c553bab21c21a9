//! `[audit.archive]`: the bucket in which copies of the trail lie that nobody can change, and for how long.

use std::path::Path;
use std::time::Duration;

use super::UpstreamConfig;
use super::reader::{Problems, Section};
use super::upstream::read_store;
use crate::s3::BucketName;

/// Where the trail is archived.
#[derive(Debug)]
pub struct ArchiveConfig {
    /// Its store; the gateway's own where none is given.
    pub store: Option<UpstreamConfig>,
    /// Its bucket, which has Object Lock and is for this alone.
    pub bucket: String,
    /// What names in it begin with: nothing, or something that ends in a slash.
    pub prefix: String,
    /// How long at least everything is kept.
    pub retention: Duration,
    /// How often it is written at most.
    pub every: Duration,
}

impl ArchiveConfig {
    /// Whether the trail is kept for as long as HIPAA asks for its documentation (45 CFR 164.316(b)(2)(i)).
    pub fn keeps_six_years(&self) -> bool {
        self.retention >= days(SIX_YEARS)
    }

    /// Reads the table `archive` of `[audit]`, which need not be there. `upstream` is the store and what its buckets' names
    /// begin with.
    pub(super) fn read(
        audit: &mut Section,
        (upstream, bucket_prefix): (Option<&UpstreamConfig>, &str),
        base: &Path,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut archive = audit.section("archive", problems)?;
        let bucket = archive.text("bucket", "acme-audit-archive", problems);
        if !bucket.is_empty() && BucketName::parse(&bucket).is_err() {
            problems.add(&archive.at("bucket"), "is no name of a bucket");
        }
        let own = archive.has("s3") || archive.has("embedded");
        let store = own.then(|| read_store(&mut archive, "archive", base, problems));
        let store = store.flatten();
        let shared = upstream.is_some_and(|first| is_same(store.as_ref().unwrap_or(first), first));
        if shared && bucket.starts_with(bucket_prefix) {
            let why = format!(
                "must not begin with {bucket_prefix:?} in the gateway's own store, where buckets of that name are tenants' and the gateway's"
            );
            problems.add(&archive.at("bucket"), why);
        }
        let read = Self {
            store,
            bucket,
            prefix: read_prefix(&mut archive, problems),
            retention: read_retention(&mut archive, problems),
            every: Duration::from_secs(
                archive
                    .optional_number("flush_seconds", 1..=3600, problems)
                    .unwrap_or(FLUSH),
            ),
        };
        archive.finish(problems);
        Some(read)
    }
}

fn is_same(store: &UpstreamConfig, other: &UpstreamConfig) -> bool {
    match (store, other) {
        (UpstreamConfig::Embedded { path }, UpstreamConfig::Embedded { path: other }) => {
            path == other
        }
        (
            UpstreamConfig::S3 { endpoint, .. },
            UpstreamConfig::S3 {
                endpoint: other, ..
            },
        ) => endpoint == other,
        _ => false,
    }
}

fn read_prefix(archive: &mut Section, problems: &mut Problems) -> String {
    let Some(prefix) = archive.optional_text("prefix", problems) else {
        return String::new();
    };
    let fits = prefix.len() <= 128
        && !prefix.starts_with('/')
        && prefix
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    if !fits {
        problems.add(
            &archive.at("prefix"),
            "must be at most 128 letters, digits, or - _ . / and not begin with a slash",
        );
    }
    format!("{}/", prefix.trim_end_matches('/'))
}

fn read_retention(archive: &mut Section, problems: &mut Problems) -> Duration {
    let named = archive.optional_text("retention", problems);
    let given = archive.optional_number("retention_days", 1..=LONGEST, problems);
    match (named.as_deref(), given) {
        (None, Some(given)) => days(given),
        (None | Some("default"), None) => days(SIX_YEARS),
        (Some("clinical"), None) => days(TEN_YEARS),
        (Some(_), Some(_)) => {
            problems.add(
                &archive.at("retention"),
                "is given twice: also as retention_days",
            );
            days(SIX_YEARS)
        }
        (Some(_), None) => {
            problems.add(
                &archive.at("retention"),
                "must be \"default\" (6 years) or \"clinical\" (10 years); other times are told in days, as retention_days",
            );
            days(SIX_YEARS)
        }
    }
}

const fn days(count: u64) -> Duration {
    Duration::from_hours(24 * count)
}

/// Days: six years have one leap day or two.
const SIX_YEARS: u64 = 6 * 365 + 2;
/// Ten have three at most.
const TEN_YEARS: u64 = 10 * 365 + 3;
/// The longest that stores take.
const LONGEST: u64 = 36_500;
/// Seconds.
const FLUSH: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (ArchiveConfig, Vec<String>) {
        let mut problems = Problems::default();
        let mut root = Section::root(format!("[archive]\n{text}").parse().unwrap());
        let upstream = UpstreamConfig::Embedded {
            path: "/bucket".into(),
        };
        let store = (Some(&upstream), "sealgate-");
        let archive = ArchiveConfig::read(&mut root, store, Path::new("/"), &mut problems);
        root.finish(&mut problems);
        let problems = problems.into_vec();
        let problems = problems.iter().map(ToString::to_string).collect();
        (archive.unwrap(), problems)
    }

    #[test]
    fn six_years_unless_more_is_said_or_less_in_days() {
        for (text, days, six) in [
            ("", 2192, true),
            ("retention = \"default\"", 2192, true),
            ("retention = \"clinical\"", 3653, true),
            ("retention_days = 2", 2, false),
        ] {
            let (archive, problems) = read(&format!("bucket = \"trail\"\n{text}"));
            assert!(problems.is_empty(), "{problems:?}");
            assert_eq!(archive.retention.as_secs(), days * 86_400, "{text}");
            assert_eq!(archive.keeps_six_years(), six, "{text}");
            assert!(archive.store.is_none() && archive.prefix.is_empty());
        }
    }

    #[test]
    fn an_archive_is_apart_from_what_tenants_reach() {
        let (archive, problems) = read("bucket = \"sealgate-trail\"\nembedded.path = \"other\"");
        assert!(problems.is_empty(), "{problems:?}");
        assert!(archive.store.is_some());
        for (text, problem) in [
            (
                "bucket = \"sealgate-trail\"",
                "archive.bucket: must not begin",
            ),
            (
                "bucket = \"sealgate-trail\"\nembedded.path = \"/bucket\"",
                "archive.bucket: must not begin",
            ),
            ("bucket = \"No\"", "archive.bucket: is no name"),
            (
                "bucket = \"trail\"\nretention = \"ever\"",
                "archive.retention: must be",
            ),
            (
                "bucket = \"trail\"\nretention = \"clinical\"\nretention_days = 9",
                "archive.retention: is given twice",
            ),
            (
                "bucket = \"trail\"\nretention_days = 0",
                "archive.retention_days: must be a number from 1",
            ),
            (
                "bucket = \"trail\"\nprefix = \"/a\"",
                "archive.prefix: must be",
            ),
            ("", "archive.bucket: is missing"),
        ] {
            let (_, problems) = read(text);
            assert!(
                problems.len() == 1 && problems[0].starts_with(problem),
                "{problem} not alone in {problems:?}"
            );
        }
    }
}
