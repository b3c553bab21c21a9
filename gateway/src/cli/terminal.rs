//! Standard output and standard error of a command.

use std::io::Write as _;

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

    /// A line on standard error.
    pub(super) fn complain(&mut self, line: &str) {
        let _ = writeln!(self.err.lock(), "sealgate: {line}");
    }
}
