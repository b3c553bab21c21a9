//! Makes two disks hold the same logs of earlier runs: what one was given while the other was away is copied there. The
//! longer of two ends wins. It must not touch logs that differ otherwise.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::closing::{self, Closed};
use super::directory::Directory;
use super::home::{CLOSED, Home, LogPlace, OPEN_INTENTS, sync_directory};
use super::settling::{checkpoint, fork};
use super::sign::Signing;

/// Levels all logs; all have ended. What cannot be levelled is left as it is, and told.
pub(super) fn level(homes: [&Home; 2], signing: &Signing) -> io::Result<()> {
    let mut names = BTreeSet::new();
    for home in homes {
        names.extend(home.logs()?.into_iter().map(|log| log.name));
    }
    for log in names {
        if let Err(error) = level_log(homes, &log, signing) {
            tracing::error!(%error, log, "the disks of the audit journal hold different logs; they are left so");
        }
    }
    Ok(())
}

pub(super) fn level_log([a, b]: [&Home; 2], log: &str, signing: &Signing) -> io::Result<()> {
    let (on_a, on_b) = (a.place(log), b.place(log));
    let (Some(of_a), Some(of_b)) = (ended(&on_a)?, ended(&on_b)?) else {
        let (from, to) = if on_a.path().is_dir() {
            (&on_a, b)
        } else {
            (&on_b, a)
        };
        return copy_whole(from, to);
    };
    if of_a.size == of_b.size {
        return if is_same(&on_a, &on_b, of_a.size, signing)? {
            level_intents(&on_a, &on_b)
        } else {
            Err(io::Error::other("they end differently"))
        };
    }
    if of_a.damaged.is_some() || of_b.damaged.is_some() {
        return Err(io::Error::other("one of them is damaged"));
    }
    if of_a.size > of_b.size {
        extend(&on_a, &on_b, signing)
    } else {
        extend(&on_b, &on_a, signing)
    }
}

/// Intents are reconciled where one disk says so: the other was away then.
fn level_intents(a: &LogPlace, b: &LogPlace) -> io::Result<()> {
    if a.read(OPEN_INTENTS)?.is_some() && b.read(OPEN_INTENTS)?.is_some() {
        return Ok(());
    }
    a.remove(OPEN_INTENTS)?;
    b.remove(OPEN_INTENTS)
}

/// Whether two disks hold the same log of that size: by what was signed, or where not all is, line by line.
fn is_same(a: &LogPlace, b: &LogPlace, size: u64, signing: &Signing) -> io::Result<bool> {
    let of_all = |place| {
        let signed = checkpoint(place, signing)?;
        Ok::<_, io::Error>(signed.filter(|signed| signed.size == size))
    };
    match (of_all(a)?, of_all(b)?) {
        (Some(a), Some(b)) => Ok(a.root == b.root),
        _ => Ok(fork(a, b)?.is_none()),
    }
}

/// How a log ended; `None` where there is none.
fn ended(place: &LogPlace) -> io::Result<Option<Closed>> {
    let Some(closed) = place.read(CLOSED)? else {
        return Ok(None);
    };
    Ok(Some(serde_json::from_slice(&closed)?))
}

/// Gives a log the lines that it lacks, and closes it again.
fn extend(from: &LogPlace, to: &LogPlace, signing: &Signing) -> io::Result<()> {
    let there = Directory::new(to.segments()).segments()?;
    let all = Directory::new(from.segments()).segments()?;
    for (n, (first, path)) in there.iter().enumerate() {
        let source = all.iter().find(|(of, _)| of == first);
        let (_, source) = source.ok_or_else(|| differ(path))?;
        let is_last = n.saturating_add(1) == there.len();
        if is_last && !begins_with(source, path)? || !is_last && length(source)? != length(path)? {
            return Err(differ(path));
        }
    }
    let last = there.last().map_or(0, |(first, _)| *first);
    for (_, source) in all.iter().filter(|(first, _)| *first >= last) {
        let name = source.file_name().unwrap_or_default();
        copy_file(source, &to.segments().join(name))?;
    }
    sync_directory(&to.segments())?;
    to.remove(CLOSED)?;
    closing::close(to, signing, false)?;
    // Some may be reconciled by now.
    match from.read(OPEN_INTENTS)? {
        Some(open) => to.write(OPEN_INTENTS, &open),
        None => to.remove(OPEN_INTENTS),
    }
}

/// Copies a log to a disk that has nothing of it: all at once, as far as anybody sees.
fn copy_whole(from: &LogPlace, to: &Home) -> io::Result<()> {
    let incoming = to.path().join(INCOMING);
    match fs::remove_dir_all(&incoming) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => DirBuilder::new().mode(0o700).create(&incoming)?,
    }
    let unfinished = incoming.join(&from.name);
    copy_directory(from.path(), &unfinished)?;
    fs::rename(&unfinished, to.place(&from.name).path())?;
    sync_directory(to.path())?;
    fs::remove_dir(&incoming)
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
            File::open(&to)?.sync_all()?;
        }
    }
    sync_directory(to)
}

/// Puts a copy in a file's place, whole or not at all.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let unfinished: PathBuf = to.with_extension("unfinished");
    fs::copy(from, &unfinished)?;
    File::open(&unfinished)?.sync_all()?;
    fs::rename(&unfinished, to)
}

/// Whether a file's first bytes are all of another.
fn begins_with(long: &Path, short: &Path) -> io::Result<bool> {
    let mut long = BufReader::new(File::open(long)?);
    let mut short = BufReader::new(File::open(short)?);
    loop {
        let (of_long, of_short) = (long.fill_buf()?, short.fill_buf()?);
        let both = of_long.len().min(of_short.len());
        if of_long.get(..both) != of_short.get(..both) {
            return Ok(false);
        }
        if both == 0 {
            return Ok(of_short.is_empty());
        }
        long.consume(both);
        short.consume(both);
    }
}

fn length(path: &Path) -> io::Result<u64> {
    Ok(fs::metadata(path)?.len())
}

fn differ(path: &Path) -> io::Error {
    let path = path.display();
    io::Error::other(format!("{path} does not begin what the other disk has"))
}

/// In the journal's directory: a log that is being copied.
const INCOMING: &str = "incoming";
