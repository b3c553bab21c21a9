//! Reads the workspace's own files for the rooms test and the tidy test. It judges nothing.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file of the workspace.
pub(crate) struct Source {
    /// Relative to the workspace's root, with `/` between names.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// The file's extension, empty if it has none.
    pub(crate) fn extension(&self) -> &str {
        Path::new(&self.path)
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default()
    }

    /// The file's name without its extension.
    pub(crate) fn stem(&self) -> &str {
        Path::new(&self.path)
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default()
    }

    /// Whether the whole file is test code.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.stem() == "tests"
    }

    /// The lines before the file's inline tests, comments taken off.
    pub(crate) fn product_code(&self) -> impl Iterator<Item = &str> {
        self.text
            .lines()
            .take_while(|line| line.trim() != "#[cfg(test)]")
            .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
    }
}

/// Every text file of the workspace, apart from what programs wrote.
pub(crate) fn workspace() -> Vec<Source> {
    let root = root();
    let mut sources = Vec::new();
    read_into(&root, &root, &mut sources);
    sources.sort_by(|left, right| left.path.cmp(&right.path));
    sources
}

/// The workspace's root: the parent of this crate.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("a crate is in a workspace").to_owned()
}

/// Whether `text` has `word` with no part of a longer name beside it.
pub(crate) fn mentions(text: &str, word: &str) -> bool {
    let part_of_a_name = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, rest) = text.split_at(at);
        let (_, after) = rest.split_at(word.len());
        !before.ends_with(part_of_a_name) && !after.starts_with(part_of_a_name)
    })
}

fn read_into(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder)
        .expect("the workspace can be read")
        .flatten()
    {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if WRITTEN_BY_PROGRAMS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            read_into(root, &path, sources);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let relative = path.strip_prefix(root).expect("it is below the root");
            sources.push(Source {
                path: relative.to_string_lossy().into_owned(),
                text,
            });
        }
    }
}

const WRITTEN_BY_PROGRAMS: [&str; 5] = [
    ".git",
    "target",
    "sealgate-data",
    "__pycache__",
    "Cargo.lock",
];

#[test]
fn a_word_is_not_part_of_a_longer_one() {
    assert!(mentions("use kms_keys::Keyring;", "kms_keys"));
    assert!(!mentions("my_kms_keys", "kms_keys"));
    assert!(!mentions("kms_keys2", "kms_keys"));
    assert!(mentions("kms_keys2 kms_keys", "kms_keys"));
}
