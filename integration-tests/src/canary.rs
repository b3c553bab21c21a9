//! Looks for a canary in stored files: the words of a client that must not be readable at rest. It
//! knows files and encodings, and neither store nor gateway.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use memchr::memmem;

/// A string found nowhere unless somebody stored it.
#[derive(Debug, Clone)]
pub struct Canary(String);

impl Canary {
    /// A canary for one purpose; `name` and the process make it unlike every other.
    pub fn new(name: &str) -> Self {
        // Letters and digits only: fit for bodies, metadata, content types and dispositions alike.
        Self(format!(
            "canary{name}{}xqzjvkwpybfghmuc0739",
            std::process::id()
        ))
    }

    /// The words themselves.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The files below `directory` that hold the canary plainly, in hexadecimal or in base64.
    ///
    /// # Panics
    /// If a file that stays in place cannot be read.
    pub fn find(&self, directory: &Path) -> Vec<PathBuf> {
        let needles = self.forms();
        let mut found = Vec::new();
        let mut waiting = vec![directory.to_owned()];
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                let entries = fs::read_dir(&path).into_iter().flatten().flatten();
                waiting.extend(entries.map(|entry| entry.path()));
            } else if let Ok(file) = File::open(&path)
                && holds(file, &needles)
            {
                found.push(path);
            }
        }
        found
    }

    /// What the canary looks like in a file. A base64 text has one of three forms by the offset at
    /// which the canary begins; characters that depend on its neighbours are left out.
    fn forms(&self) -> Vec<Vec<u8>> {
        let mut forms = vec![self.0.clone(), hex::encode(&self.0)];
        for skipped in 0..3 {
            let bytes: Vec<u8> = self.0.bytes().skip(skipped).collect();
            let (groups, _) = bytes.as_chunks::<3>();
            forms.push(STANDARD.encode(groups.as_flattened()));
            forms.push(URL_SAFE.encode(groups.as_flattened()));
        }
        forms.into_iter().map(String::into_bytes).collect()
    }
}

/// Reads in windows that overlap by the longest needle, so that none falls between two.
fn holds(mut file: impl Read, needles: &[Vec<u8>]) -> bool {
    let overlap = needles.iter().map(Vec::len).max().unwrap_or_default();
    let mut window: Vec<u8> = Vec::new();
    loop {
        let kept = window.len().saturating_sub(overlap);
        window.drain(..kept);
        let read = file.by_ref().take(WINDOW).read_to_end(&mut window);
        if needles
            .iter()
            .any(|needle| memmem::find(&window, needle).is_some())
        {
            return true;
        }
        if read.expect("a stored file can be read") == 0 {
            return false;
        }
    }
}

const WINDOW: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_at_every_offset_and_across_windows() {
        let canary = Canary::new("self");
        for needle in canary.forms() {
            for before in [0, 1, 2, (1 << 20) - 7, (1 << 20) + 7] {
                let mut bytes = vec![b'.'; before];
                bytes.extend_from_slice(&needle);
                bytes.extend_from_slice(b"......");
                assert!(holds(bytes.as_slice(), &canary.forms()));
            }
        }
        for before in ["", ".", "..", "..."] {
            let text = STANDARD.encode(format!("{before}{}...", canary.text()));
            assert!(holds(text.as_bytes(), &canary.forms()), "{text}");
        }
        assert!(!holds([b'c'; 100].as_slice(), &canary.forms()));
    }
}
