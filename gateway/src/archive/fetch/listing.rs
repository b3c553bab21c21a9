//! What lies in an archive, by the names that it gives. Names in the bucket are whoever's may write there: of those that are
//! not of the archive's form nothing is fetched.

use std::collections::BTreeMap;

use super::super::bucket::ArchiveBucket;
use crate::upstream::{Begin, UpstreamError, Walk};

/// Everything of a deployment.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// By where they lie in a journal.
    pub(super) logs: BTreeMap<String, Log>,
    pub(super) entries: Vec<(u64, Place)>,
    pub(super) overlaid: u64,
}

/// What there is of one log.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) certificate: Option<Place>,
    pub(super) checkpoints: BTreeMap<u64, Place>,
    /// By their paths in the log.
    pub(super) tiles: BTreeMap<String, Place>,
    /// By their first lines.
    pub(super) pieces: Vec<Piece>,
}

/// Where some lines lie.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) first: u64,
    pub(super) place: Place,
}

/// A name, and the version that was written first.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) version: Option<String>,
}

impl Listing {
    pub(super) async fn of(bucket: &ArchiveBucket) -> Result<Self, UpstreamError> {
        let walk = Walk {
            bucket: bucket.bucket.clone(),
            prefix: bucket.place.clone(),
            versions: true,
        };
        let mut firsts: BTreeMap<String, (Option<String>, bool)> = BTreeMap::new();
        let mut from = Some(Begin::First);
        while let Some(begin) = from {
            let (listed, next) = walk.page(&bucket.upstream, &begin).await?;
            for one in listed {
                // Versions of a name are listed from the latest to the first.
                let overlaid = !one.latest;
                firsts.insert(one.key, (one.version, overlaid));
            }
            from = next;
        }
        let mut listing = Self::default();
        for (key, (version, overlaid)) in firsts {
            let Some(name) = key.strip_prefix(&bucket.place) else {
                continue;
            };
            let place = Place {
                name: name.to_owned(),
                version,
            };
            if listing.take(place).is_some() && overlaid {
                listing.overlaid = listing.overlaid.saturating_add(1);
            }
        }
        Ok(listing)
    }

    /// Notes what a name is; none of a name that no replica writes.
    fn take(&mut self, place: Place) -> Option<()> {
        let name = place.name.clone();
        if let Some(number) = name.strip_prefix("super/") {
            self.entries.push((number_of(number)?, place));
            return Some(());
        }
        let (readers, rest) = match name.strip_prefix(READERS) {
            Some(rest) => (READERS, rest),
            None => ("", name.as_str()),
        };
        let (log, what) = rest.split_once('/').filter(|(log, _)| is_log(log))?;
        let known = what == "certificate"
            || ["checkpoint/", "segments/", "tile/"]
                .iter()
                .any(|folder| what.starts_with(folder));
        if !known {
            return None;
        }
        let log = self.logs.entry(format!("{readers}{log}")).or_default();
        if what == "certificate" {
            log.certificate = Some(place);
        } else if let Some(size) = what.strip_prefix("checkpoint/") {
            log.checkpoints.insert(number_of(size)?, place);
        } else if let Some(range) = what.strip_prefix("segments/") {
            let first = number_of(range.split_once('-')?.0)?;
            log.pieces.push(Piece { first, place });
        } else {
            // Only tiles of the tree are looked up here, by the paths that they have.
            log.tiles.insert(what.to_owned(), place);
        }
        Some(())
    }
}

/// Twenty digits.
fn number_of(text: &str) -> Option<u64> {
    let digits = text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// What replicas call their logs; it stands in a path.
fn is_log(name: &str) -> bool {
    name.contains('-')
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

const READERS: &str = "readers/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_replica_writes_lead_nowhere() {
        let mut listing = Listing::default();
        let mut take = |name: &str| {
            let place = Place {
                name: name.to_owned(),
                version: None,
            };
            listing.take(place).is_some()
        };
        let number = "00000000000000000007";
        for name in [
            "super/00000000000000000007",
            "a-1/certificate",
            "a-1/checkpoint/00000000000000000007",
            "a-1/segments/00000000000000000000-00000000000000000007.jsonl",
            "a-1/segments/00000000000000000000-00000000000000000007.1.jsonl",
            "a-1/tile/0/000.p/7",
            "readers/a-reader-1/certificate",
        ] {
            assert!(take(name), "{name}");
        }
        for name in [
            "canary/2026-11-27",
            "super/7",
            "super/+0000000000000000007",
            "../a-1/certificate",
            ".a-1/certificate",
            "a-1/closed",
            "a-1/segments/7-8.jsonl",
            "x/a-1/certificate",
        ] {
            assert!(!take(name), "{name}");
        }
        let logs: Vec<&str> = listing.logs.keys().map(String::as_str).collect();
        assert_eq!(logs, ["a-1", "readers/a-reader-1"]);
        assert_eq!(listing.entries[0].1.name, format!("super/{number}"));
        assert_eq!(listing.logs["a-1"].pieces.len(), 2);
    }
}
