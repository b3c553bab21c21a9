//! A file of JSON lines, or standard output. Lines in a file are on disk when they count as told.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::super::parcel::Parcel;
use super::TargetError;

/// A file, which others may move away at any time, or standard output.
pub(in crate::sinks) struct Lines(Option<PathBuf>);

impl Lines {
    /// Lines into this file; without one, to standard output.
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self(file)
    }

    pub(super) async fn deliver(&mut self, batch: &[Parcel]) -> Result<(), TargetError> {
        let mut text = String::new();
        for parcel in batch {
            text += &parcel.body;
            text.push('\n');
        }
        let file = self.0.clone();
        let written = tokio::task::spawn_blocking(move || {
            if let Some(file) = file {
                return append(&file, &text);
            }
            let mut output = io::stdout().lock();
            output.write_all(text.as_bytes())?;
            output.flush()
        });
        Ok(written.await.map_err(io::Error::other)??)
    }
}

/// Opened for each batch, so that a file that was moved away is followed by a new one.
fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    if file.seek(SeekFrom::End(0))? > 0 {
        // What a crash tore stays a line of its own; it comes again, whole.
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_tore_does_not_spoil_the_next_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trail.jsonl");
        append(&path, "{\"a\":1}\n").unwrap();
        std::fs::write(&path, "{\"a\":1}\n{\"a\":").unwrap();
        append(&path, "{\"a\":2}\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"a\":1}\n{\"a\":\n{\"a\":2}\n");
    }
}
