//! The house rules a compiler does not know: CONTRIBUTING.md explains them.

use crate::scan::{self, Source};

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let silent = broken(|source| {
        source.extension() == "rs" && !source.text.starts_with("//!") && !is_compile_fail(source)
    });
    assert!(silent.is_empty(), "these do not open with //!: {silent:?}");
}

#[test]
fn no_file_is_too_long_to_know() {
    let long = broken(|source| {
        source.extension() == "rs" && !source.is_test() && source.product_code().count() > LINES
    });
    assert!(
        long.is_empty(),
        "over {LINES} lines without tests: {long:?}"
    );
}

#[test]
fn no_file_is_a_grab_bag() {
    let bags = broken(|source| {
        let mut names = source.path.split(['/', '.']);
        names.any(|name| GRAB_BAGS.contains(&name))
    });
    assert!(bags.is_empty(), "name what is inside: {bags:?}");
}

#[test]
fn nothing_is_left_for_later() {
    let late = broken(|source| {
        is_ours(source)
            && LATER.iter().any(|word| {
                let word = word.concat();
                source.text.lines().any(|line| scan::mentions(line, &word))
            })
    });
    assert!(late.is_empty(), "do it, or write an issue: {late:?}");
}

#[test]
fn no_file_knows_a_machine() {
    let bound = broken(|source| {
        is_ours(source)
            && MACHINES
                .iter()
                .any(|path| source.text.contains(&path.concat()))
    });
    assert!(
        bound.is_empty(),
        "these name a place on one machine: {bound:?}"
    );
}

fn broken(rule: impl Fn(&Source) -> bool) -> Vec<String> {
    let sources = scan::workspace();
    assert!(sources.len() > 20, "the workspace was not found");
    let broken = sources.into_iter().filter(rule);
    broken.map(|source| source.path).collect()
}

/// Text that people write; test vectors and captured requests hold what others wrote.
fn is_ours(source: &Source) -> bool {
    OURS.contains(&source.extension()) && !source.path.contains("/fixtures/")
}

/// A compile-fail golden shows one cheat and nothing else.
fn is_compile_fail(source: &Source) -> bool {
    source.path.contains("/tests/fail/")
}

const LINES: usize = 600;
const GRAB_BAGS: [&str; 6] = ["utils", "util", "common", "misc", "helpers", "helper"];
const OURS: [&str; 7] = ["rs", "md", "toml", "py", "yaml", "yml", "sh"];
// In two halves, so that this file does not find itself.
const LATER: [[&str; 2]; 6] = [
    ["TO", "DO"],
    ["FIX", "ME"],
    ["XX", "X"],
    ["HA", "CK"],
    ["to", "do!"],
    ["un", "implemented!"],
];
const MACHINES: [[&str; 2]; 5] = [
    ["/ro", "ot/"],
    ["/ho", "me/"],
    ["/Us", "ers/"],
    ["/wo", "rk/"],
    ["C:\\", "Users"],
];
