//! `cargo xtask`: the project's own tasks. It starts programs and reads what they print; it knows no
//! S3 and none of the product's crates.

mod bench;
mod command;
mod conformance;
mod proofs;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Sealgate's own tasks", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Everything that must hold: format, lints, and every test, with real stores and real clients
    Test(test::Arguments),
    /// Fetch the pinned test tools into target/tools and nothing else
    Tools,
    /// Measure the gateway beside nginx and rclone on one store, and print the table
    Bench(bench::Arguments),
    /// Run the core of ceph/s3-tests, from a checkout that you bring, and compare with what is expected
    Conformance(conformance::Arguments),
    /// Prove, with the solver cvc5, what must hold of the product's policies for every request
    Proofs,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Test(arguments) => test::run(&arguments),
        Task::Tools => tools::fetch().map(drop),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Conformance(arguments) => conformance::run(&arguments),
        Task::Proofs => proofs::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            command::say(&format!("failed: {failure}"));
            ExitCode::FAILURE
        }
    }
}
