//! Keeps the score of each column in a small committed file, from which docs/s3-compatibility.md is made.

use std::fs;
use std::path::Path;

use crate::Column;

/// Writes the column's new score beside those of the others: a line is `column passed total`.
pub(crate) fn write(column: Column, passed: usize, total: usize) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/scores.txt");
    let known = fs::read_to_string(&file).unwrap_or_default();
    let mut lines: Vec<String> = known
        .lines()
        .filter(|line| line.split(' ').next() != Some(column.name()))
        .map(str::to_owned)
        .collect();
    lines.push(format!("{} {passed} {total}", column.name()));
    lines.sort();
    fs::write(&file, lines.join("\n") + "\n").expect("the scores can be written");
}
