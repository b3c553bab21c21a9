//! The super-log: what each log was at times, written once into a place where nothing is overwritten. It shows a log
//! that is gone, or that was computed anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::files::{ReadError, Trail, listed};
use super::findings::{Code, Report};
use super::log::Checked;
use crate::signed::{SUPER_LOG, VerifyingKey};
use crate::tree::{Growing, Hash, empty_root, sha256};

/// One entry's text.
struct Entry {
    previous: String,
    /// Log, size and root.
    logs: Vec<(String, u64, Hash)>,
}

/// Verifies the super-log, where there is one, and the logs against it.
pub(super) fn verify(
    trail: &Trail,
    key: &VerifyingKey,
    logs: &BTreeMap<String, Checked>,
    report: &mut Report,
) -> Result<(), ReadError> {
    let Some(directory) = &trail.super_log else {
        return Ok(());
    };
    let mut seen: BTreeMap<(String, u64), Hash> = BTreeMap::new();
    let (mut expected, mut previous) = (0_u64, Some("-".to_owned()));
    for path in listed(directory)? {
        let Some(number) = number_of(&path) else {
            continue;
        };
        while expected < number {
            report.of_lines(Code::SuperLogMissing, "", expected, expected);
            (expected, previous) = (expected.saturating_add(1), None);
        }
        expected = number.saturating_add(1);
        let note = fs::read(&path).map_err(|source| ReadError::File { path, source })?;
        let entry = std::str::from_utf8(&note)
            .ok()
            .and_then(|note| read(note, number, key));
        let follows = entry.as_ref().is_some_and(|entry| {
            previous
                .as_ref()
                .is_none_or(|previous| entry.previous == *previous)
        });
        if !follows {
            report.of_lines(Code::SuperLog, "", number, number);
        }
        previous = Some(STANDARD.encode(sha256(&note)));
        for (log, size, root) in entry.into_iter().flat_map(|entry| entry.logs) {
            if seen
                .insert((log.clone(), size), root)
                .is_some_and(|before| before != root)
            {
                report.of_lines(Code::Fork, &log, size, size);
            }
        }
    }
    compare(&seen, logs, report);
    Ok(())
}

fn compare(
    seen: &BTreeMap<(String, u64), Hash>,
    logs: &BTreeMap<String, Checked>,
    report: &mut Report,
) {
    let mut current: Option<(&str, Growing, bool)> = None;
    for ((log, size), root) in seen {
        let Some(checked) = logs.get(log) else {
            if current.as_ref().is_none_or(|(name, ..)| name != log) {
                report.found(Code::LogMissing, log);
                current = Some((log, Growing::default(), false));
            }
            continue;
        };
        if current.as_ref().is_none_or(|(name, ..)| name != log) {
            current = Some((log, Growing::default(), true));
        }
        let Some((_, tree, comparable)) = &mut current else {
            continue;
        };
        // Sizes of one log come in order, so that one tree grows through all of them.
        while *comparable && tree.size() < *size {
            let at = usize::try_from(tree.size()).unwrap_or(usize::MAX);
            match checked.leaves.get(at) {
                Some(Some(leaf)) => tree.push(*leaf, &mut Vec::new()),
                Some(None) => *comparable = false,
                None => {
                    report.of_lines(
                        Code::SegmentMissing,
                        log,
                        tree.size(),
                        size.saturating_sub(1),
                    );
                    *comparable = false;
                }
            }
        }
        if *comparable && tree.root() != *root {
            report.of_lines(Code::Fork, log, *size, *size);
        }
    }
}

fn read(note: &str, number: u64, key: &VerifyingKey) -> Option<Entry> {
    let mut lines = key.open(note).ok()?.lines();
    let head = (lines.next()?, lines.next()?, lines.next()?);
    if head != (SUPER_LOG, key.name(), number.to_string().as_str()) {
        return None;
    }
    let previous = lines.next()?.to_owned();
    let log = |line: &str| {
        let mut fields = line.split(' ');
        let (log, size, root) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?);
        let root: Hash = STANDARD.decode(root).ok()?.try_into().ok()?;
        (size > 0 || root == empty_root()).then(|| (log.to_owned(), size, root))
    };
    let logs = lines.map(log).collect::<Option<_>>()?;
    Some(Entry { previous, logs })
}

fn number_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.parse().ok().filter(|_| name.len() == 20)
}
