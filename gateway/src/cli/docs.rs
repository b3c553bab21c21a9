//! Documentation that is made from the program, so that it cannot differ from it.

use clap::Subcommand;

use super::terminal::Terminal;

#[derive(Debug, Subcommand)]
pub(super) enum DocsCommand {
    /// docs/s3-compatibility.md
    S3Compatibility,
}

impl DocsCommand {
    pub(super) fn run(self, terminal: &mut Terminal) {
        match self {
            Self::S3Compatibility => terminal.say(crate::s3::compatibility::page().trim_end()),
        }
    }
}
