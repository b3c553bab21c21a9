//! `sealgate object inspect`: explains a stored object, without any key.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use clap::Args;
use sealed_object::geometry::{part_stored, plain_of, stored};
use sealed_object::{Entry, Header, Kind, Manifest, Sealed, Suite, Trailer};

use super::Failure;
use super::terminal::Terminal;

/// Options of `sealgate object inspect`.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The stored bytes, as a file: downloaded from the store, or a body file of the embedded bucket.
    file: PathBuf,
    /// The value of the object's x-amz-meta-sof-h, to explain the header too.
    #[arg(long, value_name = "VALUE")]
    header: Option<String>,
}

impl Inspect {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure(format!("{}: {error}", self.file.display()));
        let mut file = File::open(&self.file).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let not_sealed = |why: &str| {
            Failure(format!(
                "{} is not a whole sealed object (SOF-1): {why}",
                self.file.display()
            ))
        };
        let plain = plain_of(Sealed(length))
            .ok_or_else(|| not_sealed(&format!("no plaintext seals to {length} bytes")))?;
        let (trailer, manifest) = read_tail(&mut file, length)
            .map_err(failed)?
            .ok_or_else(|| not_sealed("its last bytes are no SOF-1 trailer with its manifest"))?;
        if stored(trailer.plain()) != Sealed(length) {
            return Err(not_sealed("its trailer is of an object of another size"));
        }

        terminal.say("format          SOF-1");
        terminal.say(&format!(
            "object id       {}",
            hex::encode(trailer.object_id().0)
        ));
        terminal.say(&format!("suite           0x{:02x}", trailer.suite().id()));
        terminal.say(&format!("plaintext       {} bytes", plain.0));
        terminal.say(&format!("stored          {length} bytes"));
        terminal.say(&format!("parts           {}", trailer.parts()));
        terminal.say(&format!(
            "completed       {}",
            time_of(trailer.completed_ms())
        ));
        terminal.say(&format!(
            "audit key       {}",
            hex::encode(trailer.aux_id().0)
        ));
        terminal.say(&format!(
            "ciphertext root {}",
            hex::encode(trailer.ct_root())
        ));
        if let Some(text) = &self.header {
            explain_header(text, &trailer, terminal)?;
        }
        let damaged = check_parts(&mut file, trailer.suite(), manifest.entries(), terminal)
            .map_err(failed)?;
        if damaged > 0 {
            return Err(Failure(format!(
                "{damaged} part(s) are not the bytes that were sealed"
            )));
        }
        terminal.say("The hashes of the stored bytes agree with the manifest. Whether the object is authentic, only its keys can tell.");
        Ok(())
    }
}

fn explain_header(text: &str, trailer: &Trailer, terminal: &mut Terminal) -> Result<(), Failure> {
    let header = Header::parse(text)
        .map_err(|error| Failure(format!("--header is no sof-h value: {error}")))?;
    let kind = match header.kind() {
        Kind::Single(plain) => format!("one upload of {} bytes", plain.0),
        Kind::Multipart => "multipart upload".to_owned(),
    };
    terminal.say(&format!("kind            {kind}"));
    terminal.say(&format!(
        "wrapped by KEK  {}",
        hex::encode(header.kek_id().0)
    ));
    terminal.say(&format!("created         {}", time_of(header.created_ms())));
    terminal.say(&format!(
        "sealed metadata {}",
        if header.has_metadata() { "yes" } else { "none" }
    ));
    terminal.say(&format!(
        "rebound (copy)  {}",
        if header.is_rebound() { "yes" } else { "no" }
    ));
    if (header.object_id(), header.suite()) == (trailer.object_id(), trailer.suite()) {
        Ok(())
    } else {
        Err(Failure(
            "the header belongs to another object than these bytes".to_owned(),
        ))
    }
}

/// Hashes each part as it is stored; gives how many differ from the manifest.
fn check_parts(
    file: &mut File,
    suite: Suite,
    entries: &[Entry],
    terminal: &mut Terminal,
) -> io::Result<usize> {
    let mut damaged = 0;
    file.seek(SeekFrom::Start(0))?;
    for entry in entries {
        let length = part_stored(entry.plain).0;
        let mut hasher = suite.digest();
        let mut left = length;
        let mut buffer = vec![0; 1 << 20];
        while left > 0 {
            let wanted = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let piece = buffer.get_mut(..wanted).unwrap_or_default();
            file.read_exact(piece)?;
            hasher.update(piece);
            left = left.saturating_sub(u64::try_from(wanted).unwrap_or(u64::MAX));
        }
        let whole = hasher.finish() == entry.ct_hash;
        damaged += usize::from(!whole);
        let state = if whole { "whole" } else { "DAMAGED" };
        terminal.say(&format!(
            "part {:>5}      {} bytes, stored as {length}: {state}",
            entry.part_no, entry.plain.0
        ));
    }
    Ok(damaged)
}

fn read_tail(file: &mut File, length: u64) -> io::Result<Option<(Trailer, Manifest)>> {
    let Some(raw) = read_end(file, length, TRAILER, 0)? else {
        return Ok(None);
    };
    let Ok(trailer) = Trailer::parse(&raw) else {
        return Ok(None);
    };
    let Some(raw) = read_end(file, length, trailer.manifest_len().0, TRAILER)? else {
        return Ok(None);
    };
    Ok(trailer
        .check_manifest(&raw)
        .ok()
        .map(|manifest| (trailer, manifest)))
}

/// `wanted` bytes that end `before_end` bytes before the end; `None` if the file is shorter.
fn read_end(
    file: &mut File,
    length: u64,
    wanted: u64,
    before_end: u64,
) -> io::Result<Option<Vec<u8>>> {
    let Some(start) = length
        .checked_sub(before_end)
        .and_then(|end| end.checked_sub(wanted))
    else {
        return Ok(None);
    };
    let mut bytes = vec![0; usize::try_from(wanted).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

fn time_of(millis: u64) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis);
    httpdate::fmt_http_date(time)
}

const TRAILER: u64 = sealed_object::format::TRAILER_LEN;
