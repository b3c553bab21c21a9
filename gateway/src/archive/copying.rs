//! What is copied into the archive: of each log of the journal what was signed since, and the entries of the super-log. The
//! cursor is written behind what it tells of, so that after a crash the same is written again, under the same rules.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use audit::Cursor;
use audit::archiving::{ArchiveObject, ArchivedLog, Piece, Signed, logs, tiles_since};
use audit::tree::{tile_path, tiles_of};

use super::{ArchiveError, State, Writer};
use crate::trail::super_entries;

impl Writer {
    /// Copies everything that is signed and not there.
    pub(super) async fn copy(&self, state: &mut State) -> Result<(), ArchiveError> {
        if state.cursor.is_none() {
            let file = self.cursor.clone();
            state.cursor = Some(blocking(move || Cursor::load(&file)).await?);
        }
        loop {
            // Read first and written last: what the super-log says of our logs is never ahead of what is archived of them.
            let entries = super_entries(&self.sources.system, next(state, SUPER), AT_ONCE).await?;
            for place in self.logs().await? {
                if !state.finished.contains(&place) {
                    self.copy_log(state, &place).await?;
                }
            }
            if entries.is_empty() {
                return Ok(());
            }
            self.keep_entries(state, entries).await?;
        }
    }

    /// How many signed lines are not there.
    pub(super) async fn behind(&self, state: &State) -> Result<u64, ArchiveError> {
        let (journal, cursor) = (
            self.journal.clone(),
            state.cursor.clone().unwrap_or_default(),
        );
        let finished = state.finished.clone();
        let counting = move || {
            let mut behind = 0_u64;
            for place in logs(&journal)? {
                if !finished.contains(&place)
                    && let Some(signed) = ArchivedLog::new(&journal, &place).signed()?
                {
                    let missing = signed.size.saturating_sub(cursor.next(&place));
                    behind = behind.saturating_add(missing);
                }
            }
            Ok(behind)
        };
        blocking(counting).await
    }

    async fn logs(&self) -> Result<Vec<String>, ArchiveError> {
        let journal: PathBuf = self.journal.clone();
        blocking(move || logs(&journal)).await
    }

    async fn copy_log(&self, state: &mut State, place: &str) -> Result<(), ArchiveError> {
        let held = state.logs.remove(place);
        let mut log = held.unwrap_or_else(|| ArchivedLog::new(&self.journal, place));
        // Asked first: what is closed gets no more lines.
        let asking = move || Ok((log.is_closed(), log.signed()?, log));
        let (closed, signed, back) = blocking(asking).await?;
        log = back;
        let from = next(state, place);
        if let Some(signed) = signed.filter(|signed| signed.size > from) {
            log = self.copy_lines(state, log, place, (from, &signed)).await?;
            self.advance(state, place, signed.size).await?;
        }
        if closed {
            state.finished.insert(place.to_owned());
        } else {
            state.logs.insert(place.to_owned(), log);
        }
        Ok(())
    }

    /// Lines first, then the tiles over them, then the checkpoint that signs both: so that what is there is whole.
    pub(super) async fn copy_lines(
        &self,
        state: &mut State,
        mut log: ArchivedLog,
        place: &str,
        (from, signed): (u64, &Signed),
    ) -> Result<ArchivedLog, ArchiveError> {
        let usual = self.usual();
        let mut longest = usual;
        let (mut at, end) = (from, signed.size);
        while at < end {
            let second = self.second_journal.clone();
            let place_of_log = place.to_owned();
            let reading = move || {
                let piece = log.piece(at, end)?;
                let piece = match second.filter(|_| piece.object.is_none()) {
                    Some(second) => from_second(&second, &place_of_log, piece)?,
                    None => piece,
                };
                Ok((piece, log))
            };
            let (piece, back) = blocking(reading).await?;
            log = back;
            if let Some(object) = piece.object {
                let until = object.retain_until().map_or(usual, |told| told.max(usual));
                longest = longest.max(until);
                self.keep_piece(state, &object, until).await?;
            } else {
                let gone = format!("{place} {at}-{}", piece.next.saturating_sub(1));
                self.found(state, "archive_lines_gone", &gone).await;
            }
            at = piece.next;
        }
        if from == 0 {
            let reading = move || log.certificate().map(|certificate| (certificate, log));
            let (certificate, back) = blocking(reading).await?;
            log = back;
            self.keep(state, &certificate, longest).await?;
        }
        for tile in tiles_since(from, end) {
            let reading = move || log.tile(tile).map(|tile| (tile, log));
            let (tile, back) = blocking(reading).await?;
            log = back;
            if let Some(tile) = tile {
                self.keep(state, &tile, longest).await?;
            }
        }
        if longest > usual && from > 0 {
            self.keep_proof(place, (from, end), longest).await?;
        }
        if let Some(checkpoint) = log.checkpoint(signed) {
            self.keep(state, &checkpoint, longest).await?;
        }
        Ok(log)
    }

    /// A piece gets another name where its own is taken by other bytes: what was recorded is archived all the same.
    pub(super) async fn keep_piece(
        &self,
        state: &mut State,
        object: &ArchiveObject,
        until: SystemTime,
    ) -> Result<(), ArchiveError> {
        if self.keep(state, object, until).await? {
            return Ok(());
        }
        let stem = object.name().trim_end_matches(".jsonl").to_owned();
        for other in 1..OTHER_NAMES {
            let named = object.clone().renamed(format!("{stem}.{other}.jsonl"));
            if self.keep(state, &named, until).await? {
                return Ok(());
            }
        }
        // Not archived is not passed by: it is tried again, and the lag tells of it.
        Err(ArchiveError::Crowded(object.name().to_owned()))
    }

    /// What proves new lines and was archived with older ones is kept as long as the new ones: the certificate, and the
    /// tiles of the right edge, which have the roots of all that lies before.
    async fn keep_proof(
        &self,
        place: &str,
        (from, end): (u64, u64),
        until: SystemTime,
    ) -> Result<(), ArchiveError> {
        let new = tiles_since(from, end);
        let edge = tiles_of(end);
        let held = edge.into_iter().filter(|(level, index, width)| {
            let is_edge = *width < audit::tree::TILE_WIDTH;
            is_edge && !new.contains(&(*level, *index, *width))
        });
        let tiles = held.map(|(level, index, width)| tile_path(level, index, width));
        for name in tiles.chain(["certificate".to_owned()]) {
            let name = format!("{place}/{name}");
            match self.bucket.extend(&name, None, until).await {
                // It is kept for longer already.
                Err(error) if !error.may_pass() => {}
                extended => extended?,
            }
        }
        Ok(())
    }

    /// Copies entries of the super-log, those apart that are not what a replica wrote.
    async fn keep_entries(
        &self,
        state: &mut State,
        entries: Vec<(u64, Vec<u8>)>,
    ) -> Result<(), ArchiveError> {
        let key = self.sources.identity.deployment_key()?;
        let until = self.usual();
        for (number, bytes) in entries {
            let name = format!("{SUPER}/{number:020}");
            let text = std::str::from_utf8(&bytes).unwrap_or_default();
            let is_ours = key.verifying().open(text).is_ok();
            match ArchiveObject::note(name.clone(), bytes).filter(|_| is_ours) {
                Some(entry) => drop(self.keep(state, &entry, until).await?),
                None => self.found(state, "super_log_altered", &name).await,
            }
            self.advance(state, SUPER, number.saturating_add(1)).await?;
        }
        Ok(())
    }

    /// Notes that everything before that is there.
    async fn advance(&self, state: &mut State, place: &str, next: u64) -> Result<(), ArchiveError> {
        let mut cursor = state.cursor.clone().unwrap_or_default();
        cursor.set(place, next);
        let (file, stored) = (self.cursor.clone(), cursor.clone());
        blocking(move || stored.store(&file)).await?;
        state.cursor = Some(cursor);
        Ok(())
    }
}

/// What the first disk has lost, as the second has it. Lines are gone only where a second disk that is there has not got them.
fn from_second(second: &Path, place: &str, lost: Piece) -> io::Result<Piece> {
    match ArchivedLog::new(second, place).piece(lost.first, lost.next) {
        // A disk that is not mounted is an empty directory, or none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if logs(second)?.is_empty() {
                return Err(error);
            }
            Ok(lost)
        }
        piece => piece,
    }
}

fn next(state: &State, place: &str) -> u64 {
    state.cursor.as_ref().map_or(0, |cursor| cursor.next(place))
}

/// Off the tasks' threads: it waits for the disk.
async fn blocking<T: Send + 'static>(
    ask: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ArchiveError> {
    let asking = tokio::task::spawn_blocking(ask);
    Ok(asking.await.map_err(io::Error::other)??)
}

/// In the archive as in a verifier's directory; no log has this name.
const SUPER: &str = "super";
/// Entries of the super-log that are read at once.
const AT_ONCE: usize = 1000;
/// Names that are tried for one piece.
const OTHER_NAMES: usize = 10;
