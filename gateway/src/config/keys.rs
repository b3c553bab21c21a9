//! `[keys]`: how long a KEK version is the active one, and where keyrings are mirrored.

use std::path::Path;
use std::time::Duration;

use kms_keys::PendingReads;

use super::UpstreamConfig;
use super::reader::{Problems, Section};
use super::upstream::read_store;
use crate::s3::BucketName;

/// How keys are kept.
#[derive(Debug)]
pub struct KeysConfig {
    /// How long a KEK version is the active one, until it is rotated by schedule.
    pub cryptoperiod: Duration,
    /// Whether a key that waits for its destruction opens meanwhile.
    pub pending_reads: PendingReads,
    /// A second place for the keyrings.
    pub mirror: Option<MirrorConfig>,
}

/// A second place for what no object can be opened without.
#[derive(Debug)]
pub struct MirrorConfig {
    /// Its store.
    pub store: UpstreamConfig,
    /// Its bucket, which is for this alone.
    pub bucket: String,
}

impl KeysConfig {
    /// Reads `[keys]`, which need not be there. `upstream` is the store and its system bucket.
    pub(super) fn read(
        root: &mut Section,
        upstream: (Option<&UpstreamConfig>, &str),
        base: &Path,
        problems: &mut Problems,
    ) -> Self {
        let mut read = Self {
            cryptoperiod: Duration::from_hours(24 * YEAR),
            pending_reads: PendingReads::Refused,
            mirror: None,
        };
        let Some(mut keys) = root.section("keys", problems) else {
            return read;
        };
        if let Some(days) = keys.optional_number("cryptoperiod_days", 1..=LONGEST, problems) {
            read.cryptoperiod = Duration::from_hours(24 * days);
        }
        match keys
            .optional_text("reads_pending_destruction", problems)
            .as_deref()
        {
            None | Some("refused") => {}
            Some("allowed") => read.pending_reads = PendingReads::Allowed,
            Some(_) => problems.add(
                "keys.reads_pending_destruction",
                "must be \"refused\" or \"allowed\"",
            ),
        }
        if let Some(mut mirror) = keys.section("mirror", problems) {
            read.mirror = read_mirror(&mut mirror, upstream, base, problems);
            mirror.finish(problems);
        }
        keys.finish(problems);
        read
    }
}

fn read_mirror(
    mirror: &mut Section,
    (upstream, system_bucket): (Option<&UpstreamConfig>, &str),
    base: &Path,
    problems: &mut Problems,
) -> Option<MirrorConfig> {
    let bucket = mirror.text("bucket", "acme-keyrings-mirror", problems);
    if !bucket.is_empty() && BucketName::parse(&bucket).is_err() {
        problems.add(&mirror.at("bucket"), "is no name of a bucket");
    }
    let store = read_store(mirror, "mirror", base, problems)?;
    let is_same = match (&store, upstream?) {
        (UpstreamConfig::Embedded { path }, UpstreamConfig::Embedded { path: first }) => {
            path == first
        }
        (
            UpstreamConfig::S3 { endpoint, .. },
            UpstreamConfig::S3 {
                endpoint: first, ..
            },
        ) => endpoint == first && bucket == system_bucket,
        _ => false,
    };
    if is_same {
        let at = mirror.at("bucket");
        problems.add(
            at.trim_end_matches(".bucket"),
            "is the very place that it is to mirror; best is another provider or region",
        );
    }
    Some(MirrorConfig { store, bucket })
}

/// Days; NIST SP 800-57 part 1 has one to two years for keys that wrap keys.
const YEAR: u64 = 365;
const LONGEST: u64 = 3 * YEAR;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, upstream: &UpstreamConfig) -> (KeysConfig, Vec<String>) {
        let mut problems = Problems::default();
        let mut root = Section::root(text.parse().unwrap());
        let base = Path::new("/etc/sealgate");
        let upstream = (Some(upstream), "sealgate-system");
        let keys = KeysConfig::read(&mut root, upstream, base, &mut problems);
        root.finish(&mut problems);
        let problems = problems.into_vec();
        (keys, problems.iter().map(ToString::to_string).collect())
    }

    fn embedded(path: &str) -> UpstreamConfig {
        UpstreamConfig::Embedded { path: path.into() }
    }

    #[test]
    fn nothing_need_be_said() {
        let (keys, problems) = read("", &embedded("/bucket"));
        assert!(keys.mirror.is_none() && problems.is_empty());
        assert_eq!(keys.cryptoperiod, Duration::from_hours(365 * 24));
    }

    #[test]
    fn a_mirror_is_another_place() {
        let mirror = |bucket: &str, path: &str| {
            format!(
                "[keys.mirror]\nbucket = \"{bucket}\"\n[keys.mirror.embedded]\npath = \"{path}\""
            )
        };
        let upstream = embedded("/bucket");
        let (keys, problems) = read(&mirror("copies", "disk2"), &upstream);
        assert!(problems.is_empty(), "{problems:?}");
        let store = keys.mirror.unwrap().store;
        assert!(
            matches!(store, UpstreamConfig::Embedded { path } if path == Path::new("/etc/sealgate/disk2"))
        );
        for (text, problem) in [
            (
                mirror("copies", "/bucket"),
                "keys.mirror: is the very place",
            ),
            (
                "[keys]\nreads_pending_destruction = \"maybe\"".to_owned(),
                "keys.reads_pending_destruction: must be",
            ),
            (mirror("No", "/other"), "keys.mirror.bucket: is no name"),
            (
                "[keys.mirror]\nbucket = \"copies\"".to_owned(),
                "keys.mirror: needs exactly one",
            ),
        ] {
            let (_, problems) = read(&text, &upstream);
            assert!(
                problems.len() == 1 && problems[0].starts_with(problem),
                "{problem} not alone in {problems:?}"
            );
        }
    }
}
