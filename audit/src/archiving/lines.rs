//! The lines of a log byte for byte, from any number on. It remembers where it was.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::following::segments;

#[derive(Debug)]
pub(super) struct Lines {
    log: PathBuf,
    at: Option<At>,
}

/// A place in a segment: the line that begins `offset` bytes in has number `next`.
#[derive(Clone, Copy, Debug)]
struct At {
    segment: u64,
    next: u64,
    offset: u64,
}

impl Lines {
    pub(super) fn new(log: &Path) -> Self {
        Self {
            log: log.to_owned(),
            at: None,
        }
    }

    /// Lines from number `first` on, before `end`, of one segment, until they are `most` bytes; and the number behind
    /// them. Where they are not there any more: no lines, and the number where there may be some again. Nothing behind
    /// `end` is looked at, for it may still change.
    pub(super) fn read(&mut self, first: u64, end: u64, most: usize) -> io::Result<(Vec<u8>, u64)> {
        let segments = segments(&self.log)?;
        let later = segments.iter().map(|(segment, _)| *segment);
        let limit = later
            .filter(|segment| *segment > first)
            .fold(end, std::cmp::min);
        let mut lines = Vec::new();
        let within = segments.iter().rev().find(|(segment, _)| *segment <= first);
        let Some((segment, path)) = within else {
            return Ok((lines, limit));
        };
        let held = self.at.take();
        let mut at = held
            .filter(|at| at.segment == *segment && at.next <= first)
            .unwrap_or(At {
                segment: *segment,
                next: *segment,
                offset: 0,
            });
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
        reader.seek(SeekFrom::Start(at.offset))?;
        let mut line = Vec::new();
        while at.next < limit && lines.len() < most {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                break;
            }
            if at.next >= first {
                lines.extend_from_slice(&line);
            }
            at.next = at.next.saturating_add(1);
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            at.offset = at.offset.saturating_add(length);
        }
        self.at = Some(at);
        let next = if lines.is_empty() { limit } else { at.next };
        Ok((lines, next))
    }
}
