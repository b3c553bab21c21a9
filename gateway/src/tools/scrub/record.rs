//! A scrub's record: what was found and how far it came, as lines of JSON that only grow, so that a scrub that
//! was killed goes on where its last line says.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Counts, Finding};
use crate::tools::ToolError;

/// Which scrub a record is of: another bucket's or another question's is not gone on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    pub(super) tenant: String,
    pub(super) bucket: String,
    pub(super) bucket_id: String,
    pub(super) prefix: String,
    pub(super) all_versions: bool,
    pub(super) against_trail: bool,
}

/// How far a scrub came.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// All versions of this key and of the keys before it are done.
    pub(super) behind: String,
    pub(super) counts: Counts,
}

/// What is known of a scrub, in memory and in its file if it has one.
#[derive(Debug)]
pub(super) struct Record {
    file: Option<File>,
    pub(super) place: Place,
    pub(super) findings: Vec<Finding>,
    /// Keys that did not hold what the trail said when they were examined.
    pub(super) suspects: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Scrub(Subject),
    Found(Finding),
    Suspect(String),
    At(Place),
    End,
}

impl Record {
    /// One that is forgotten when the program ends.
    pub(super) fn in_memory() -> Self {
        Self {
            file: None,
            place: Place::default(),
            findings: Vec::new(),
            suspects: Vec::new(),
        }
    }

    /// The record in `path`, to go on with; a new one if there is none or if that scrub was finished.
    pub(super) fn open(path: &Path, subject: &Subject) -> Result<Self, ToolError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(ToolError::file(path))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                ToolError::Asked(format!("another scrub is using {}", path.display()))
            }
            TryLockError::Error(error) => ToolError::file(path)(error),
        })?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(ToolError::file(path))?;
        let other = || {
            ToolError::Asked(format!(
                "{} is the record of another scrub; name another file",
                path.display()
            ))
        };
        let (mut record, kept) = match read(&text) {
            Some((found, ..)) if found != *subject => return Err(other()),
            Some((_, record, kept)) => (record, kept),
            None if text.is_empty() => (Self::in_memory(), 0),
            None => return Err(other()),
        };
        file.set_len(kept)
            .and_then(|()| file.seek(SeekFrom::Start(kept)))
            .map_err(ToolError::file(path))?;
        record.file = Some(file);
        if kept == 0 {
            record.write(&Line::Scrub(subject.clone()))?;
        }
        Ok(record)
    }

    /// Whether an earlier run did part of the work.
    pub(super) fn is_resumed(&self) -> bool {
        self.place != Place::default()
    }

    pub(super) fn found(&mut self, finding: Finding) -> Result<(), ToolError> {
        self.write(&Line::Found(finding.clone()))?;
        self.findings.push(finding);
        Ok(())
    }

    pub(super) fn suspect(&mut self, key: &str) -> Result<(), ToolError> {
        self.write(&Line::Suspect(key.to_owned()))?;
        self.suspects.push(key.to_owned());
        Ok(())
    }

    /// Makes all that was found so far last, and the place to go on from.
    pub(super) fn reached(&mut self) -> Result<(), ToolError> {
        self.write(&Line::At(self.place.clone()))?;
        self.synced()
    }

    pub(super) fn finished(&mut self) -> Result<(), ToolError> {
        self.write(&Line::End)?;
        self.synced()
    }

    fn synced(&self) -> Result<(), ToolError> {
        self.file
            .as_ref()
            .map_or(Ok(()), File::sync_data)
            .map_err(|error| failed(&error))
    }

    fn write(&mut self, line: &Line) -> Result<(), ToolError> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut text = serde_json::to_vec(line).map_err(|error| failed(&error.into()))?;
        text.push(b'\n');
        file.write_all(&text).map_err(|error| failed(&error))
    }
}

/// What a record says up to its last place, and how many bytes that is: what follows is done again. A finished
/// one says nothing.
fn read(text: &[u8]) -> Option<(Subject, Record, u64)> {
    let (mut subject, mut end) = (None, 0_usize);
    let (mut record, mut since) = (Record::in_memory(), Record::in_memory());
    let mut kept = 0;
    for raw in text.split_inclusive(|byte| *byte == b'\n') {
        // The last line may be torn.
        let Ok(line) = serde_json::from_slice::<Line>(raw) else {
            break;
        };
        end = end.saturating_add(raw.len());
        match line {
            Line::Scrub(found) => {
                subject = Some(found);
                kept = end;
            }
            Line::Found(finding) => since.findings.push(finding),
            Line::Suspect(key) => since.suspects.push(key),
            Line::At(place) => {
                record.place = place;
                record.findings.append(&mut since.findings);
                record.suspects.append(&mut since.suspects);
                kept = end;
            }
            Line::End => return Some((subject?, Record::in_memory(), 0)),
        }
    }
    Some((subject?, record, u64::try_from(kept).ok()?))
}

fn failed(error: &io::Error) -> ToolError {
    ToolError::Asked(format!("the scrub's record cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::FindingKind;
    use super::*;

    fn subject(bucket: &str) -> Subject {
        Subject {
            tenant: "t".to_owned(),
            bucket: bucket.to_owned(),
            bucket_id: "id".to_owned(),
            prefix: String::new(),
            all_versions: false,
            against_trail: false,
        }
    }

    fn finding(key: &str) -> Finding {
        Finding {
            kind: FindingKind::Damaged,
            key: key.to_owned(),
            version: None,
            detail: "d".to_owned(),
        }
    }

    #[test]
    fn what_follows_the_last_place_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("record");
        let mut record = Record::open(&path, &subject("b")).unwrap();
        assert!(!record.is_resumed());
        record.found(finding("a")).unwrap();
        record.suspect("s").unwrap();
        record.place.behind = "a".to_owned();
        record.place.counts.objects = 7;
        record.reached().unwrap();
        record.found(finding("b")).unwrap();
        assert!(Record::open(&path, &subject("b")).is_err(), "in use");
        drop(record);
        // A torn line, as a crash leaves it.
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend(b"{\"found\":{\"ki");
        std::fs::write(&path, torn).unwrap();

        let mut record = Record::open(&path, &subject("b")).unwrap();
        assert!(record.is_resumed());
        assert_eq!(record.place.counts.objects, 7);
        assert_eq!(record.findings, [finding("a")]);
        assert_eq!(record.suspects, ["s"]);
        record.found(finding("c")).unwrap();
        record.reached().unwrap();
        drop(record);
        let mut record = Record::open(&path, &subject("b")).unwrap();
        assert_eq!(record.findings, [finding("a"), finding("c")]);
        record.finished().unwrap();
        drop(record);
        assert!(Record::open(&path, &subject("other")).is_err());
        assert!(!Record::open(&path, &subject("b")).unwrap().is_resumed());
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("letter");
        std::fs::write(&path, "Dear Ada").unwrap();
        assert!(Record::open(&path, &subject("b")).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"Dear Ada");
    }
}
