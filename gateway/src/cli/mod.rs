//! The command line: what a person types, turned into calls. No logic of its own.

mod dev;
mod docs;
mod inspect;
mod self_signed;
mod serve;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use terminal::Terminal;

/// Sealgate: an S3-compatible gateway that seals every object before it reaches the bucket.
#[derive(Debug, Parser)]
#[command(name = "sealgate", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run on this machine with no configuration: an embedded bucket, a demo tenant, keys in a file.
    Dev(dev::Dev),
    /// Run with a configuration file.
    Serve {
        /// The configuration file (TOML).
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Work with configuration files.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at stored objects.
    #[command(subcommand)]
    Object(ObjectCommand),
    /// Print documentation that is made from the program.
    #[command(subcommand, hide = true)]
    Docs(docs::DocsCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Report every problem of a configuration file at once.
    Check {
        /// The configuration file (TOML).
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum ObjectCommand {
    /// Explain a stored object's bytes, without any key.
    Inspect(inspect::Inspect),
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let mut terminal = Terminal::default();
    let result = match cli.command {
        Command::Dev(dev) => dev.run(&mut terminal),
        Command::Serve { config } => serve::serve(&config, &mut terminal),
        Command::Config(ConfigCommand::Check { file }) => serve::check(&file, &mut terminal),
        Command::Object(ObjectCommand::Inspect(inspect)) => inspect.run(&mut terminal),
        Command::Docs(docs) => {
            docs.run(&mut terminal);
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal.complain(&failure.0);
            ExitCode::FAILURE
        }
    }
}

/// Why a command failed, in words for the person who typed it.
#[derive(Debug)]
struct Failure(String);

impl Failure {
    fn new(error: &dyn std::error::Error) -> Self {
        Self(crate::error::report(error))
    }
}
