//! The opt-in conformance run: the core of ceph/s3-tests, from a checkout that the caller brings, against
//! a gateway and a store of its own. `cargo xtask conformance` prepares what it needs and runs it.
//!
//! What is expected to fail is listed, with reasons, in `integration-tests/conformance`; a failure that is
//! not listed and a listed one that passes both fail the run.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a run that cannot be set up ends with the reason"
)]

mod expectations;
mod pytest;
mod scores;
mod subject;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::expectations::Expectations;
use crate::pytest::Outcome;
use crate::subject::Subject;

fn main() -> ExitCode {
    let arguments = Arguments::read();
    let subject = Subject::start(arguments.column);
    let outcomes = pytest::run(&arguments.checkout, &subject, arguments.only.as_deref());
    let passed = outcomes.iter().filter(|one| one.passed()).count();
    say(&format!("{passed} of {} passed", outcomes.len()));
    if arguments.only.is_none() {
        scores::write(arguments.column, passed, outcomes.len());
    }
    judge(&arguments, &outcomes)
}

/// What the store does alone is looked at, not judged.
fn judge(arguments: &Arguments, outcomes: &[Outcome]) -> ExitCode {
    let expectations = Expectations::read(arguments.column);
    let mut surprises = expectations.surprises(outcomes);
    if arguments.only.is_none() {
        surprises.extend(expectations.strangers(outcomes));
    }
    for surprise in &surprises {
        say(surprise);
    }
    if surprises.is_empty() || arguments.column == Column::StoreAlone {
        return ExitCode::SUCCESS;
    }
    say(&format!(
        "{} surprises; {} says what is expected",
        surprises.len(),
        expectations::FILE
    ));
    ExitCode::FAILURE
}

/// What is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    /// The gateway over SeaweedFS.
    SeaweedFs,
    /// The gateway over its embedded bucket.
    Embedded,
    /// SeaweedFS without a gateway.
    StoreAlone,
}

impl Column {
    /// As it is called on the command line, in the expectations and in the scores.
    fn name(self) -> &'static str {
        match self {
            Self::SeaweedFs => "seaweedfs",
            Self::Embedded => "embedded",
            Self::StoreAlone => "store-alone",
        }
    }
}

/// What the caller chose: `CHECKOUT [--on COLUMN] [--only EXPRESSION]`.
struct Arguments {
    checkout: PathBuf,
    column: Column,
    only: Option<String>,
}

impl Arguments {
    fn read() -> Self {
        let mut arguments = std::env::args().skip(1);
        let checkout = arguments
            .next()
            .expect("the path of a checkout of ceph/s3-tests");
        let mut read = Self {
            checkout: PathBuf::from(checkout),
            column: Column::SeaweedFs,
            only: None,
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().expect("every option has a value");
            match name.as_str() {
                "--on" => read.column = column(&value),
                "--only" => read.only = Some(value),
                other => panic!("{other} is no option of the conformance run"),
            }
        }
        read
    }
}

fn column(name: &str) -> Column {
    [Column::SeaweedFs, Column::Embedded, Column::StoreAlone]
        .into_iter()
        .find(|column| column.name() == name)
        .unwrap_or_else(|| panic!("{name} is neither seaweedfs nor embedded nor store-alone"))
}

fn say(text: &str) {
    // A closed terminal is no reason to stop.
    let _ = writeln!(std::io::stderr(), "conformance: {text}");
}
