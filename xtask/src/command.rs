//! Runs one program and waits for it, its output left on the terminal. It knows no task.

use std::fmt;
use std::io::Write as _;
use std::process::Command;

/// Why a task stopped: one sentence for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Runs `command` to its end. Anything but exit status 0 is a failure that names the program.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = shown(command);
    say(&shown);
    let status = command
        .status()
        .map_err(|error| Failure::new(format!("`{shown}` did not start: {error}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("`{shown}`: {status}")))
    }
}

/// Tells the person at the terminal where the task is; standard output stays the programs' own.
pub(crate) fn say(text: &str) {
    // A closed terminal is no reason to stop a task.
    let _ = writeln!(std::io::stderr(), "xtask: {text}");
}

fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    command.get_args().fold(program, |line, argument| {
        line + " " + &argument.to_string_lossy()
    })
}
