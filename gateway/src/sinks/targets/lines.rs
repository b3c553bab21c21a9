//! A file of JSON lines, or standard output. Lines in a file are on disk when they count as told.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tokio::task::JoinHandle;

use super::super::parcel::Parcel;
use super::TargetError;

/// A file, which others may move away at any time, or standard output.
pub(in crate::sinks) struct Lines {
    file: Option<PathBuf>,
    /// The batch that is being written, by a thread that nothing but the reader or the disk can free.
    writing: Option<JoinHandle<io::Result<()>>>,
}

impl Lines {
    /// Lines into this file; without one, to standard output.
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self {
            file,
            writing: None,
        }
    }

    pub(super) async fn deliver(&mut self, batch: &[Parcel]) -> Result<(), TargetError> {
        let mut text = String::new();
        for parcel in batch {
            text += &parcel.body;
            text.push('\n');
        }
        let file = self.file.clone();
        let write = move || {
            if let Some(file) = file {
                return append(&file, &text);
            }
            let mut output = io::stdout().lock();
            output.write_all(text.as_bytes())?;
            output.flush()
        };
        Ok(self.written(write).await?)
    }

    /// Has the batch written. Where its caller stopped waiting before, it is being written already, and that is waited
    /// for: another thread would be held up too, and would write it once more, behind what comes after it.
    async fn written(
        &mut self,
        write: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let writing = self
            .writing
            .get_or_insert_with(|| tokio::task::spawn_blocking(write));
        let written = writing.await;
        self.writing = None;
        written.map_err(io::Error::other)?
    }
}

/// Opened for each batch, so that a file that was moved away is followed by a new one.
fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(0o600);
    let (mut file, is_new) = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            (options.create(true).open(path)?, true)
        }
        opened => (opened?, false),
    };
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
    file.sync_data()?;
    if is_new {
        // Its name is to be on disk as well.
        let directory = path.parent().filter(|parent| *parent != Path::new(""));
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::time::timeout;

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

    /// Whoever is told stops reading: that costs one thread, however often it is tried, and each line comes once.
    #[tokio::test]
    async fn a_batch_that_hangs_is_written_by_one_thread_once() {
        let (free, held) = std::sync::mpsc::channel::<()>();
        let written = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&written);
        let mut lines = Lines::new(None);
        let hanging = lines.written(move || {
            held.recv().map_err(io::Error::other)?;
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        assert!(timeout(Duration::from_millis(20), hanging).await.is_err());
        for _ in 0..3 {
            let count = Arc::clone(&written);
            let again = lines.written(move || {
                count.fetch_add(100, Ordering::SeqCst);
                Ok(())
            });
            assert!(timeout(Duration::from_millis(20), again).await.is_err());
        }
        free.send(()).unwrap();
        lines
            .written(|| panic!("it is written already"))
            .await
            .unwrap();
        assert_eq!(written.load(Ordering::SeqCst), 1);
        // The next batch, and one that the disk refuses.
        lines.written(|| Ok(())).await.unwrap();
        lines
            .written(|| Err(io::Error::other("full")))
            .await
            .unwrap_err();
        lines.written(|| Ok(())).await.unwrap();
    }
}
