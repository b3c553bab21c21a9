//! Verifying an evidence pack: that the deployment signed its manifest, that each file is as the manifest says and none is
//! missing or added, and the proofs in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, SeekFrom};

use serde::Deserialize;
use zip::ZipArchive;
use zip::result::{ZipError, ZipResult};

use super::extract::{EXTRACT, Extract, verify_extract};
use super::findings::{Code, Report};
use super::proved::{LINES, verify_lines};
use crate::evidence::{Listed, MANIFEST, Manifest};
use crate::signed::VerifyingKey;
use crate::tree::sha256;

/// Verifies a pack. What the manifest says comes with the report, if the deployment signed it: without that nothing else in
/// the pack is looked at.
///
/// # Errors
/// If it cannot be read, or is no zip.
pub fn verify_evidence(
    mut pack: impl Read + Seek,
    key: &VerifyingKey,
) -> Result<(Option<Manifest>, Report), ZipError> {
    let directory = directory_at_end(&mut pack)?;
    let mut zip = ZipArchive::new(pack)?;
    let mut report = Report::default();
    let note = read(&mut zip, MANIFEST, LARGEST_MANIFEST);
    let note = note.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let manifest = note
        .as_deref()
        .and_then(|note| key.open(note).ok())
        .and_then(Manifest::parse)
        .filter(|manifest| manifest.deployment == key.name());
    let Some(manifest) = manifest else {
        report.of(Code::Manifest, "", MANIFEST);
        return Ok((None, report));
    };
    let mut there = names(&mut zip)?;
    there.remove(MANIFEST);
    for file in &manifest.files {
        if there.remove(&file.name) {
            verify_file(&mut zip, file, key, &mut report);
        } else {
            report.of(Code::FileMissing, "", &file.name);
        }
    }
    for added in there {
        report.of(Code::FileAdded, "", added);
    }
    if directory != Some(zip.central_directory_start()) || !is_filled(&mut zip)? {
        report.of(Code::FileAdded, "", "bytes that are of no file");
    }
    report.findings.sort();
    Ok((Some(manifest), report))
}

/// That a file is the one that the manifest names, and what it proves.
fn verify_file<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    file: &Listed,
    key: &VerifyingKey,
    report: &mut Report,
) {
    // The zip has a checksum of its own; whatever is wrong with the file, it is not the one that was signed.
    let bytes = read(zip, &file.name, file.size).ok();
    let Some(bytes) = bytes.filter(|bytes| sha256(bytes) == file.sha256) else {
        report.of(Code::FileAltered, "", &file.name);
        return;
    };
    let kind = serde_json::from_slice::<Kind>(&bytes).map(|kind| kind.kind);
    let verify = match kind.as_deref() {
        Ok(EXTRACT) => verify_extract,
        Ok(LINES) => verify_lines,
        // It proves nothing but that the deployment says so.
        _ => return,
    };
    let Ok(extract) = serde_json::from_slice::<Extract>(&bytes) else {
        report.of(Code::FileAltered, "", &file.name);
        return;
    };
    let found = verify(&extract, key);
    report.logs = report.logs.saturating_add(found.logs);
    report.lines = report.lines.saturating_add(found.lines);
    report.signed = report.signed.saturating_add(found.signed);
    for mut finding in found.findings {
        let what = finding.what.map(|what| format!(" {what}"));
        finding.what = Some(format!("{}{}", file.name, what.unwrap_or_default()));
        report.findings.push(finding);
    }
}

#[derive(Deserialize)]
struct Kind {
    kind: String,
}

/// A file, if it is no longer than `most` bytes.
fn read<R: Read + Seek>(zip: &mut ZipArchive<R>, name: &str, most: u64) -> ZipResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = zip.by_name(name)?;
    let length = file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(length).is_ok_and(|length| length <= most) {
        return Ok(bytes);
    }
    Err(io::Error::from(io::ErrorKind::FileTooLarge).into())
}

fn names<R: Read + Seek>(zip: &mut ZipArchive<R>) -> ZipResult<BTreeSet<String>> {
    let numbers = 0..zip.len();
    numbers
        .map(|number| Ok(zip.by_index_raw(number)?.name()?.into_owned()))
        .collect()
}

/// Where the directory begins that ends with the pack: some programs take the last one that they find, some go on to one
/// before it (APPNOTE.TXT 4.3.16). `None` if something is behind it, or it says that there are other disks.
fn directory_at_end(pack: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    let length = pack.seek(SeekFrom::End(0))?;
    let Some(at) = length.checked_sub(END_RECORD) else {
        return Ok(None);
    };
    pack.seek(SeekFrom::Start(at))?;
    let mut record = Vec::new();
    pack.take(END_RECORD).read_to_end(&mut record)?;
    pack.rewind()?;
    let number = |from: usize| {
        let bytes = record.get(from..)?.first_chunk()?;
        Some(u64::from(u32::from_le_bytes(*bytes)))
    };
    let is_alone = record.starts_with(b"PK\x05\x06\0\0\0\0") && record.ends_with(b"\0\0");
    let ends = number(12)
        .zip(number(16))
        .filter(|(size, start)| size.saturating_add(*start) == at);
    Ok(ends.filter(|_| is_alone).map(|(_, start)| start))
}

/// Whether files fill the pack up to its directory: what is in no file, or in one whose name is there twice, would be shown by
/// some programs and not by others.
fn is_filled<R: Read + Seek>(zip: &mut ZipArchive<R>) -> ZipResult<bool> {
    let mut spans = BTreeMap::new();
    for number in 0..zip.len() {
        let file = zip.by_index_raw(number)?;
        let data = file.data_start().unwrap_or_default();
        spans.insert(
            file.header_start(),
            data.saturating_add(file.compressed_size()),
        );
    }
    let mut next = 0;
    for (start, end) in spans {
        if start != next {
            return Ok(false);
        }
        next = end;
    }
    let alone = zip.offset() == 0 && zip.comment().is_empty();
    Ok(alone && next == zip.central_directory_start())
}

const LARGEST_MANIFEST: u64 = 1 << 20;
/// Bytes of the record that ends a zip without a comment.
const END_RECORD: u64 = 22;

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use serde_json::json;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::evidence::{Pack, Subject};
    use crate::signed::SigningKey;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed("sealgate/d", &[seed; 32]).unwrap()
    }

    fn subject() -> Subject {
        let day = |day| format!("2026-11-{day}T00:00:00Z");
        Subject {
            tenant: "clinic".to_owned(),
            from: day(1),
            to: day(30),
            made: day(30),
        }
    }

    fn packed(files: &[(&str, &str)]) -> Vec<u8> {
        let mut pack = Pack::default();
        for (name, text) in files {
            pack.add(name, text).unwrap();
        }
        pack.seal(subject(), &key(1)).unwrap()
    }

    fn found(pack: &[u8], by: u8) -> Vec<(&'static str, String)> {
        let (_, report) = verify_evidence(Cursor::new(pack), key(by).verifying()).unwrap();
        let findings = report.findings.into_iter();
        findings
            .map(|one| (one.code.as_str(), one.what.unwrap_or_default()))
            .collect()
    }

    /// The same pack with other files in it.
    fn packed_anew(
        pack: &[u8],
        change: impl Fn(&str, Vec<u8>) -> Vec<(String, Vec<u8>)>,
    ) -> Vec<u8> {
        let mut zip = ZipArchive::new(Cursor::new(pack)).unwrap();
        let mut anew = ZipWriter::new(Cursor::new(Vec::new()));
        for name in names(&mut zip).unwrap() {
            let bytes = read(&mut zip, &name, u64::MAX - 1).unwrap();
            for (name, bytes) in change(&name, bytes) {
                anew.start_file(name, SimpleFileOptions::default()).unwrap();
                anew.write_all(&bytes).unwrap();
            }
        }
        anew.finish().unwrap().into_inner()
    }

    const FILES: &[(&str, &str)] = &[("a.json", "{\"a\":1}"), ("b/b.md", "# b\n")];

    #[test]
    fn a_pack_says_what_was_signed() {
        let pack = packed(FILES);
        let (manifest, report) = verify_evidence(Cursor::new(&pack), key(1).verifying()).unwrap();
        assert!(report.findings.is_empty(), "{report:?}");
        let manifest = manifest.unwrap();
        assert_eq!(manifest.subject, subject());
        let names: Vec<&str> = manifest.files.iter().map(|file| &*file.name).collect();
        assert_eq!(names, ["a.json", "b/b.md"]);
    }

    #[test]
    fn whatever_is_done_to_a_pack_is_named() {
        let pack = packed(FILES);
        let named = |code, what: &str| vec![(code, what.to_owned())];
        assert_eq!(found(&pack, 2), named("manifest", MANIFEST));
        let without = |gone: &'static str| {
            packed_anew(&pack, move |name, bytes| {
                let kept = (name != gone).then(|| (name.to_owned(), bytes));
                kept.into_iter().collect()
            })
        };
        assert_eq!(
            found(&without("a.json"), 1),
            named("file-missing", "a.json")
        );
        assert_eq!(found(&without(MANIFEST), 1), named("manifest", MANIFEST));
        let altered = packed_anew(&pack, |name, bytes| {
            let text = String::from_utf8(bytes).unwrap().replace("# b", "# c");
            vec![(name.to_owned(), text.into_bytes())]
        });
        assert_eq!(found(&altered, 1), named("file-altered", "b/b.md"));
        let longer = packed_anew(&pack, |name, mut bytes| {
            bytes.extend(b" ".repeat(usize::from(name == "a.json") << 20));
            vec![(name.to_owned(), bytes)]
        });
        assert_eq!(found(&longer, 1), named("file-altered", "a.json"));
        let added = packed_anew(&pack, |name, bytes| {
            let mut files = vec![(name.to_owned(), bytes)];
            if name == "a.json" {
                files.push(("a.txt".to_owned(), b"more".to_vec()));
            }
            files
        });
        assert_eq!(found(&added, 1), named("file-added", "a.txt"));
        // As a program that extracts itself would be.
        let before = [b"#!/bin/sh\n".to_vec(), pack.clone()].concat();
        assert_eq!(
            found(&before, 1),
            named("file-added", "bytes that are of no file")
        );
    }

    #[test]
    fn nothing_hangs_behind_a_pack() {
        let pack = packed(FILES);
        let added = vec![("file-added", "bytes that are of no file".to_owned())];
        assert_eq!(found(&[pack.clone(), vec![0]].concat(), 1), added);
        // Another archive, that says of itself that it is on a second disk.
        let mut other = packed(&[("c.json", "{}")]);
        let disk = other.len() - 18;
        other[disk] = 1;
        assert_eq!(found(&[pack, other].concat(), 1), added);
    }

    #[test]
    fn proofs_in_a_pack_are_checked() {
        let lines = json!({ "kind": LINES, "tenant": "clinic", "logs": [
            { "log": "l", "certificate": "", "checkpoint": "", "lines": [] }
        ] });
        let pack = packed(&[("lines.json", &lines.to_string())]);
        assert_eq!(
            found(&pack, 1),
            vec![("certificate", "lines.json".to_owned())]
        );
        let form = json!({ "kind": EXTRACT, "tenant": 1 }).to_string();
        let pack = packed(&[("extract.json", &form)]);
        assert_eq!(
            found(&pack, 1),
            vec![("file-altered", "extract.json".to_owned())]
        );
    }
}
