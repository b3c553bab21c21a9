//! What is expected to fail, and why: read from the committed list, compared with what happened.
//!
//! A line is `test_name: where: reason`, where being `gateway` (over every store), `seaweedfs` or
//! `embedded`; empty lines and lines that begin with `#` are for people.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::Column;
use crate::pytest::Outcome;

/// The expected failures of one column: names and reasons.
#[derive(Debug)]
pub(crate) struct Expectations(BTreeMap<String, String>);

impl Expectations {
    /// Reads the list. The store alone is expected to do everything.
    pub(crate) fn read(column: Column) -> Self {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(FILE))
            .expect("the list of expected failures is there");
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut expected = BTreeMap::new();
        for line in lines {
            let mut fields = line.splitn(3, ": ");
            let (Some(name), Some(place), Some(reason)) =
                (fields.next(), fields.next(), fields.next())
            else {
                panic!("{FILE}: not `name: where: reason`: {line}");
            };
            assert!(
                ["gateway", "seaweedfs", "embedded"].contains(&place),
                "{FILE}: no such place: {line}"
            );
            let here = place == column.name() || place == "gateway";
            if here && column != Column::StoreAlone {
                expected.insert(name.to_owned(), reason.to_owned());
            }
        }
        Self(expected)
    }

    /// Failures that nobody expects and expected ones that did not happen, each a sentence.
    pub(crate) fn surprises(&self, outcomes: &[Outcome]) -> Vec<String> {
        let judge = |one: &Outcome| match (one.passed(), self.0.get(&one.name)) {
            (false, None) => Some(format!("failed: {}: {}", one.name, one.reason)),
            (true, Some(reason)) => Some(format!(
                "passed and is expected to fail: {}: {reason}",
                one.name
            )),
            (true, None) | (false, Some(_)) => None,
        };
        outcomes.iter().filter_map(judge).collect()
    }

    /// Listed tests that a whole run did not meet.
    pub(crate) fn strangers(&self, outcomes: &[Outcome]) -> Vec<String> {
        self.0
            .keys()
            .filter(|name| !outcomes.iter().any(|one| one.name == **name))
            .map(|name| format!("listed and not run: {name}"))
            .collect()
    }
}

/// Where the list is, from the workspace's root.
pub(crate) const FILE: &str = "integration-tests/conformance/expected-failures.txt";
