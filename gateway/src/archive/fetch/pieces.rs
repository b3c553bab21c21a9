//! Pieces of a log as segments: each line once, whichever pieces hold it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use audit::tree::{Hash, TILE_WIDTH, leaf_hash, tile_path};
use tokio::fs;

use super::{FetchError, write};

/// The segments of a log that is fetched. Its tiles are there already.
#[derive(Debug)]
pub(super) struct Segments {
    log: PathBuf,
    /// Lines that are there: first, and behind the last.
    there: BTreeMap<u64, u64>,
}

impl Segments {
    pub(super) fn new(log: &Path) -> Self {
        Self {
            log: log.to_owned(),
            there: BTreeMap::new(),
        }
    }

    /// How many lines are there.
    pub(super) fn lines(&self) -> u64 {
        let lengths = self
            .there
            .iter()
            .map(|(first, end)| end.saturating_sub(*first));
        lengths.sum()
    }

    /// Whether the tiles have the leaf hashes of these lines.
    pub(super) async fn are_proved(&self, first: u64, lines: &[u8]) -> bool {
        let mut tile: Option<(u64, Vec<Hash>)> = None;
        for (seq, line) in numbered(first, lines) {
            let index = seq / TILE_WIDTH;
            if tile.as_ref().is_none_or(|(held, _)| *held != index) {
                tile = Some((index, self.leaves(index).await));
            }
            let at = usize::try_from(seq % TILE_WIDTH).unwrap_or(usize::MAX);
            let leaf = tile.as_ref().and_then(|(_, leaves)| leaves.get(at));
            if leaf != Some(&leaf_hash(line.strip_suffix(b"\n").unwrap_or(line))) {
                return false;
            }
        }
        true
    }

    /// The hashes of a lowest tile, be it full or not.
    async fn leaves(&self, index: u64) -> Vec<Hash> {
        let mut file = self.log.join(tile_path(0, index, TILE_WIDTH));
        if !fs::try_exists(&file).await.unwrap_or(false) {
            // Of partial tiles only the one under the checkpoint was fetched.
            let partial = self.log.join(tile_path(0, index, 1));
            let mut widths = match partial.parent().map(fs::read_dir) {
                Some(widths) => widths.await.ok(),
                None => None,
            };
            if let Some(widths) = &mut widths
                && let Ok(Some(entry)) = widths.next_entry().await
            {
                file = entry.path();
            }
        }
        let bytes = fs::read(file).await.unwrap_or_default();
        bytes.as_chunks::<32>().0.to_vec()
    }

    /// Writes those of the lines that are not there.
    pub(super) async fn write(&mut self, first: u64, lines: &[u8]) -> Result<(), FetchError> {
        let (mut begin, mut run) = (first, Vec::new());
        for (seq, line) in numbered(first, lines) {
            if self.has(seq) {
                self.finish(begin, &mut run).await?;
                continue;
            }
            if run.is_empty() {
                begin = seq;
            }
            run.extend_from_slice(line);
        }
        self.finish(begin, &mut run).await
    }

    fn has(&self, seq: u64) -> bool {
        let before = self.there.range(..=seq).next_back();
        before.is_some_and(|(_, end)| *end > seq)
    }

    async fn finish(&mut self, first: u64, run: &mut Vec<u8>) -> Result<(), FetchError> {
        if run.is_empty() {
            return Ok(());
        }
        let file = self.log.join(format!("segments/{first:020}.jsonl"));
        write(&file, run).await?;
        let count = u64::try_from(numbered(first, run).count()).unwrap_or(u64::MAX);
        self.there.insert(first, first.saturating_add(count));
        run.clear();
        Ok(())
    }
}

/// Each line with its line feed and its number.
fn numbered(first: u64, lines: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    (first..).zip(lines.split_inclusive(|byte| *byte == b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_line_is_there_once_whichever_pieces_hold_it() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("segments")).unwrap();
        let mut segments = Segments::new(directory.path());
        segments.write(2, b"c\nd\n").await.unwrap();
        segments.write(0, b"a\nb\nX\nX\ne\n").await.unwrap();
        segments.write(3, b"X\nX\nf\n").await.unwrap();
        assert_eq!(segments.lines(), 6);
        let mut files: Vec<_> = std::fs::read_dir(directory.path().join("segments"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        let texts: Vec<_> = files
            .iter()
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect();
        assert_eq!(texts, ["a\nb\n", "c\nd\n", "e\n", "f\n"]);
    }

    #[tokio::test]
    async fn lines_are_proved_by_the_tiles_that_are_there() {
        let directory = tempfile::tempdir().unwrap();
        let tile = directory.path().join("tile/0/000.p/2");
        std::fs::create_dir_all(tile.parent().unwrap()).unwrap();
        std::fs::write(tile, [leaf_hash(b"a"), leaf_hash(b"b")].concat()).unwrap();
        let segments = Segments::new(directory.path());
        assert!(segments.are_proved(0, b"a\nb\n").await);
        assert!(segments.are_proved(1, b"b\n").await);
        assert!(!segments.are_proved(0, b"a\nX\n").await);
        assert!(!segments.are_proved(1, b"b\nc\n").await, "c is not signed");
        assert!(!segments.are_proved(300, b"a\n").await);
    }
}
