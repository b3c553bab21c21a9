//! Files to upload, and whether they came back the same. It knows no client.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// Writes `length` bytes no two blocks of which are the same.
pub(super) fn write(path: &Path, length: usize) {
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).expect("a folder can be made");
    let mut file = File::create(path).expect("a file can be written");
    let mut state = u64::try_from(length).expect("a length fits") | 1;
    let mut left = length;
    while left > 0 {
        let block: Vec<u8> = (0..BLOCK / 8).flat_map(|_| next(&mut state)).collect();
        let (block, _) = block.split_at(left.min(BLOCK));
        file.write_all(block).expect("a file can be written");
        left -= block.len();
    }
    // S3 tells times by the second: a file of this second would be newer than its copy, and synced again.
    file.set_modified(UNIX_EPOCH + LONG_AGO)
        .expect("a file can be dated");
}

/// The tree that clients which know folders take up and down: an empty file, a small one with an odd
/// name, and a `large` one.
pub(super) fn write_tree(folder: &Path, large: usize) {
    write(&folder.join("empty"), 0);
    write(&folder.join("Grüße/two words.txt"), SMALL);
    write(&folder.join("deep/er/large.mpg"), large);
}

/// Marsaglia's xorshift64.
fn next(state: &mut u64) -> [u8; 8] {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.to_le_bytes()
}

pub(super) fn assert_same(left: &Path, right: &Path) {
    // Not assert_eq: nobody wants to see 100 MiB printed.
    assert!(
        read(left) == read(right),
        "{} and {} differ",
        left.display(),
        right.display()
    );
}

/// `range` of the file `whole`, as bytes.
pub(super) fn slice(whole: &Path, range: std::ops::Range<usize>) -> Vec<u8> {
    read(whole)
        .get(range)
        .expect("the file is long enough")
        .to_owned()
}

pub(super) fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("a file can be read")
}

pub(super) fn assert_same_trees(left: &Path, right: &Path) {
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder)
            .expect("a folder can be read")
            .map(|entry| entry.expect("an entry can be read").file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(left), names(right));
    for name in names(left) {
        let (left, right) = (left.join(&name), right.join(&name));
        if left.is_dir() {
            assert_same_trees(&left, &right);
        } else {
            assert_same(&left, &right);
        }
    }
}

/// The length of [`write_tree`]'s small file, in bytes.
pub(super) const SMALL: usize = 70_000;
const BLOCK: usize = 1 << 16;
// Some time in 2020.
const LONG_AGO: Duration = Duration::from_secs(1_600_000_000);
