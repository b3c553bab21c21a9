//! Every numbered requirement of the specification has a test that names it.

use std::collections::BTreeSet;

fn requirements() -> BTreeSet<u32> {
    let text = include_str!("../../src/format.rs");
    text.split("- **F")
        .skip(1)
        .map(|rest| rest.split_once("**").unwrap().0.parse().unwrap())
        .collect()
}

/// The numbers in front of a test's name: `f1_f2_sizes` names 1 and 2.
fn named(line: &str) -> Vec<u32> {
    let Some(name) = line.trim_start().strip_prefix("fn ") else {
        return Vec::new();
    };
    name.split('_')
        .map_while(|word| word.strip_prefix('f')?.parse().ok())
        .collect()
}

#[test]
fn every_requirement_has_a_test() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sof1");
    let mut tested = BTreeSet::new();
    for file in std::fs::read_dir(root).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line == "#[test]" {
                is_test = true;
            } else if line.starts_with("fn ") && std::mem::take(&mut is_test) {
                tested.extend(named(line));
            }
        }
    }
    let required = requirements();
    assert_eq!(required, (1..=31).collect(), "numbers are consecutive");
    assert_eq!(required, tested);
}
