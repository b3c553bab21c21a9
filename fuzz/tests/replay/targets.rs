//! The tests: every target holds, accepts something, refuses something, and is run by libFuzzer too.

use std::collections::BTreeSet;
use std::fs;

use fuzz::{Outcome, TARGETS};

use crate::inputs::{Random, corpus, home, listed};

#[test]
fn the_corpus_holds() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        let accepted = corpus
            .iter()
            .filter(|input| run(name, *target, input) == Outcome::Accepted);
        assert!(
            accepted.count() > 0,
            "no input of {name} reaches the inside of its parser"
        );
    }
}

/// 100 random inputs for each target, and 100 from its corpus with a few bytes changed.
#[test]
fn random_inputs_hold() {
    for (name, target) in TARGETS {
        let mut random = Random::of(name);
        for _ in 0..100 {
            let length = random.below(200);
            run(name, *target, &random.bytes(length));
        }
        let corpus = corpus(name);
        for _ in 0..100 {
            let mut input = corpus[random.below(corpus.len())].clone();
            for _ in 0..=random.below(4) {
                random.change(&mut input);
            }
            run(name, *target, &input);
        }
    }
}

/// Refusals are most of what a stranger's bytes get, so a parser that accepts all of them is watched for nothing.
#[test]
fn nearly_every_target_refuses_something() {
    for (name, target) in TARGETS.iter().filter(|(name, _)| *name != "canonical") {
        let refused = corpus(name)
            .iter()
            .chain([&vec![0xFF; 40]])
            .any(|input| target(input) == Outcome::Refused);
        assert!(refused, "{name} accepts everything");
    }
}

#[test]
fn every_target_has_its_corpus_and_its_file() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(listed(&home().join("corpus")), names);
    assert_eq!(listed(&home().join("libfuzzer/fuzz_targets")), names);
    let manifest = fs::read_to_string(home().join("libfuzzer/Cargo.toml")).unwrap();
    for name in &names {
        let file = format!("libfuzzer/fuzz_targets/{name}.rs");
        let text = fs::read_to_string(home().join(file)).unwrap();
        assert!(
            text.contains(&format!("fuzz::{name}(data)")),
            "{name} runs another target"
        );
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name} is not built"
        );
    }
}

#[test]
fn the_corpus_is_small_and_has_every_seed() {
    let mut size = 0;
    for (name, _) in TARGETS {
        let corpus: BTreeSet<Vec<u8>> = corpus(name).into_iter().collect();
        assert!(
            corpus.len() <= 60,
            "{name}: minimise it, fuzz/README.md says how"
        );
        size += corpus.iter().map(Vec::len).sum::<usize>();
        for seed in fuzz::seeds::of(name) {
            assert!(
                corpus.contains(&seed),
                "{name}: run `cargo run -p fuzz --example seed`"
            );
        }
    }
    assert!(size < 300 * 1024, "the corpus has {size} bytes");
}

/// Runs one input; a failure then says which.
fn run(name: &str, target: fn(&[u8]) -> Outcome, input: &[u8]) -> Outcome {
    std::panic::catch_unwind(|| target(input)).unwrap_or_else(|_| {
        panic!("{name} fails for {:?}", input.escape_ascii().to_string());
    })
}
