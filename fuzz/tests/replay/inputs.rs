//! Where the tests' inputs come from: the files of the corpus, and a fixed stream of bytes. It must not run anything.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, iter};

pub(crate) fn corpus(name: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = fs::read_dir(home().join("corpus").join(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// The names in a folder, without their extensions.
pub(crate) fn listed(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().path().with_extension(""));
    names
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

pub(crate) fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A fixed stream of bytes for each target.
pub(crate) struct Random(blake3::OutputReader);

impl Random {
    pub(crate) fn of(name: &str) -> Self {
        Self(
            blake3::Hasher::new_derive_key("sealgate fuzz inputs")
                .update(name.as_bytes())
                .finalize_xof(),
        )
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill(&mut bytes);
        bytes
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes) as usize % end
    }

    /// One byte changed, put in or taken out, or the end repeated.
    pub(crate) fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let byte = self.bytes(1);
        match self.below(4) {
            0 => input[at..]
                .iter_mut()
                .take(1)
                .for_each(|old| *old = byte[0]),
            1 => input.insert(at, byte[0]),
            2 => drop(input.splice(at..(at + 1).min(input.len()), iter::empty())),
            _ => input.extend_from_within(at..),
        }
    }
}
