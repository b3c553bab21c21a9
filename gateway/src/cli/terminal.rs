//! Standard output and standard error of a command.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// Where a command speaks. A closed pipe (`| head`) ends the talking, not the program.
#[derive(Debug)]
pub(super) struct Terminal {
    out: std::io::Stdout,
    err: std::io::Stderr,
}

impl Default for Terminal {
    fn default() -> Self {
        Self {
            out: std::io::stdout(),
            err: std::io::stderr(),
        }
    }
}

impl Terminal {
    /// A line on standard output.
    pub(super) fn say(&mut self, line: &str) {
        let mut out = self.out.lock();
        let _ = writeln!(out, "{line}");
        let _ = out.flush();
    }

    /// A value as JSON on standard output.
    pub(super) fn say_json(&mut self, value: &impl serde::Serialize) -> Result<(), super::Failure> {
        let text =
            serde_json::to_string_pretty(value).map_err(|error| super::Failure::new(&error))?;
        self.say(&text);
        Ok(())
    }

    /// A line on standard error about how it goes.
    pub(super) fn note(&mut self, line: &str) {
        let _ = writeln!(self.err.lock(), "{line}");
    }

    /// Asks whether to go on, where somebody is there to answer; programs are taken at their word.
    pub(super) fn confirms(&mut self, question: &str) -> bool {
        let input = std::io::stdin();
        if !input.is_terminal() {
            return true;
        }
        let mut err = self.err.lock();
        let _ = write!(err, "{question} [y/N] ");
        let _ = err.flush();
        let mut answer = String::new();
        let read = input.lock().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
    }

    /// A line on standard error.
    pub(super) fn complain(&mut self, line: &str) {
        let _ = writeln!(self.err.lock(), "sealgate: {line}");
    }
}
