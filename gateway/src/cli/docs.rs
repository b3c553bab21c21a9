//! Documentation that is made from the program, so that it cannot differ from it.

use clap::Subcommand;

use super::terminal::Terminal;
use super::{Failure, Outcome};

#[derive(Debug, Subcommand)]
pub(super) enum DocsCommand {
    /// docs/s3-compatibility.md
    S3Compatibility,
    /// Completions for a shell, to be sourced by it.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// The man page of one command, or of `sealgate` itself.
    Man {
        /// The command's words, for example `object verify`.
        command: Vec<String>,
    },
}

impl DocsCommand {
    /// `program`: the whole command line, which completions and man pages describe.
    pub(super) fn run(
        self,
        mut program: clap::Command,
        terminal: &mut Terminal,
    ) -> Result<Outcome, Failure> {
        let mut page = Vec::new();
        match self {
            Self::S3Compatibility => page.extend(crate::s3::compatibility::page().bytes()),
            Self::Completions { shell } => {
                clap_complete::generate(shell, &mut program, "sealgate", &mut page);
            }
            Self::Man { command } => {
                program.build();
                for word in &command {
                    let found = program.find_subcommand(word).cloned();
                    program =
                        found.ok_or_else(|| Failure(format!("there is no command {word}")))?;
                }
                let man = clap_mangen::Man::new(program);
                man.render(&mut page)
                    .map_err(|error| Failure::new(&error))?;
            }
        }
        terminal.say(String::from_utf8_lossy(&page).trim_end());
        Ok(Outcome::Clean)
    }
}
