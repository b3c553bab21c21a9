//! Standard output and standard error of a command.

use std::io::Write as _;

/// Where a command speaks. A closed pipe (`| head`) ends the talking, not the program.
#[derive(Debug, Default)]
pub(super) struct Terminal;

impl Terminal {
    /// A line on standard output.
    pub(super) fn say(&mut self, line: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}");
        let _ = out.flush();
    }

    /// A line on standard error.
    pub(super) fn complain(&mut self, line: &str) {
        let _ = writeln!(std::io::stderr().lock(), "sealgate: {line}");
    }
}
