//! `sealgate policy diff`: what a change of policies changes, proved for every request there can be.
//!
//! The prover is large and needs a solver beside it, so the program has it only where it is built with the feature
//! `proofs`. Without it the command says how to get it.

use std::path::PathBuf;

use clap::Args;

use super::terminal::Terminal;
use super::{Failure, Outcome};

/// What is compared.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The old policies: a file of Cedar policies, or a folder whose `.cedar` files are taken together.
    old: PathBuf,
    /// The new ones.
    new: PathBuf,
    /// Files that stand beside both: guardrails, or a tenant's other files.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    beside: Vec<PathBuf>,
    /// Without the policies of the shipped roles.
    #[arg(long)]
    no_shipped_roles: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[cfg(not(feature = "proofs"))]
impl Diff {
    #[expect(
        clippy::unused_self,
        reason = "the same shape as where there is a prover"
    )]
    pub(super) fn run(self, _terminal: &mut Terminal) -> Result<Outcome, Failure> {
        Err(Failure(
            "this sealgate was built without the prover; build it with `cargo build --release --package gateway \
             --features proofs`, and have the solver cvc5 in PATH (Debian and Ubuntu: `apt install cvc5`)"
                .to_owned(),
        ))
    }
}

#[cfg(feature = "proofs")]
mod proving {
    use std::path::{Path, PathBuf};

    use policies::proofs::{Change, Failing, Finding, ProofError, Prover};
    use policies::{PolicySet, Source};
    use serde_json::{Value, json};

    use super::super::block_on;
    use super::super::policy::all_of;
    use super::{Diff, Failure, Outcome, Terminal};
    use crate::config::read_policy_file;

    /// What was found out.
    struct Answer {
        changes: Vec<Change>,
        failing: Vec<(&'static str, Failing)>,
    }

    impl Diff {
        pub(in super::super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
            let beside = sources(&self.beside)?;
            let old = sources(&files(&self.old)?)?;
            let new = sources(&files(&self.new)?)?;
            let whole = |own: &[Source]| {
                let all: Vec<Source> = own.iter().chain(&beside).cloned().collect();
                PolicySet::with_shipped(!self.no_shipped_roles, &all).map_err(all_of)
            };
            let whole = (whole(&old)?, whole(&new)?);
            // The product's own are proved never to fail, by its tests.
            let own = |own: &[Source]| PolicySet::load(own).map_err(all_of);
            let own = [
                ("old", own(&old)?),
                ("new", own(&new)?),
                ("beside", own(&beside)?),
            ];
            let answer =
                block_on(Answer::find(&whole, own))?.map_err(|error| Failure::new(&error))?;
            if self.json {
                terminal.say_json(&answer.json())?;
            } else {
                answer.tell(terminal);
            }
            Ok(if answer.is_harmless() {
                Outcome::Clean
            } else {
                Outcome::Found
            })
        }
    }

    impl Answer {
        async fn find(
            (old, new): &(PolicySet, PolicySet),
            own: [(&'static str, PolicySet); 3],
        ) -> Result<Self, ProofError> {
            let mut prover = Prover::start()?;
            let changes = prover.compare(old, new).await?;
            let mut failing = Vec::new();
            for (which, set) in own {
                let found = prover.failing(&set).await?;
                failing.extend(found.into_iter().map(|failing| (which, failing)));
            }
            Ok(Self { changes, failing })
        }

        /// Whether it is proved that the new policies permit nothing that the old ones do not.
        fn is_harmless(&self) -> bool {
            let harmless = self.changes.iter().all(|change| change.gained.is_none());
            harmless && self.failing.is_empty()
        }

        fn tell(&self, terminal: &mut Terminal) {
            for (which, failing) in &self.failing {
                terminal.say(&format!(
                    "{}, of the {which} policies, cannot be evaluated for some requests, and these are denied; what \
                     follows is not about them",
                    failing.policy
                ));
                tell_finding("for example", &failing.finding, terminal);
            }
            let mut told = 0_usize;
            while let Some(change) = self.changes.get(told) {
                let alike = |other: &&Change| {
                    verdict(other) == verdict(change)
                        && other.action.group() == change.action.group()
                };
                let rest = self.changes.get(told..).unwrap_or_default();
                let names: Vec<&str> = rest
                    .iter()
                    .take_while(alike)
                    .map(|change| change.action.name())
                    .collect();
                terminal.say(&format!("{}: {}", verdict(change), names.join(", ")));
                tell_finding("newly permitted, for example", &change.gained, terminal);
                tell_finding("no longer permitted, for example", &change.lost, terminal);
                told = told.saturating_add(names.len().max(1));
            }
            terminal.say(if self.changes.is_empty() {
                "equivalent: what is permitted is the same for every action"
            } else {
                "for every other action what is permitted is the same"
            });
        }

        fn json(&self) -> Value {
            let changes: Vec<Value> = self
                .changes
                .iter()
                .map(|change| {
                    json!({
                        "action": change.action.name(),
                        "verdict": verdict(change),
                        "gained": finding(&change.gained),
                        "lost": finding(&change.lost),
                    })
                })
                .collect();
            let failing: Vec<Value> = self
                .failing
                .iter()
                .map(|(which, failing)| {
                    json!({
                        "policy": failing.policy,
                        "of": which,
                        "action": failing.action.name(),
                        "example": finding(&failing.finding),
                    })
                })
                .collect();
            json!({ "changes": changes, "failing": failing })
        }
    }

    fn verdict(change: &Change) -> &'static str {
        match (&change.gained, &change.lost) {
            (Finding::Undecided, _) | (_, Finding::Undecided) => "not decided in time",
            (Finding::None, Finding::None) => "equivalent",
            (Finding::Some(_), Finding::None) => "more permissive",
            (Finding::None, Finding::Some(_)) => "less permissive",
            (Finding::Some(_), Finding::Some(_)) => "more and less permissive",
        }
    }

    fn tell_finding(what: &str, finding: &Finding, terminal: &mut Terminal) {
        let Finding::Some(example) = finding else {
            return;
        };
        let doubt = if example.confirmed {
            ""
        } else {
            ", as the solver has it; it may be one that the gateway never asks about"
        };
        terminal.say(&format!("  {what}{doubt}:"));
        for line in example.text.lines() {
            terminal.say(&format!("    {line}"));
        }
    }

    fn finding(finding: &Finding) -> Value {
        match finding {
            Finding::None => Value::Null,
            Finding::Undecided => json!({ "decided": false }),
            Finding::Some(example) => {
                json!({ "case": example.text, "confirmed": example.confirmed })
            }
        }
    }

    fn files(named: &Path) -> Result<Vec<PathBuf>, Failure> {
        if !named.is_dir() {
            return Ok(vec![named.to_owned()]);
        }
        let unreadable =
            |error: std::io::Error| Failure(format!("{} cannot be read: {error}", named.display()));
        let mut files = Vec::new();
        for entry in std::fs::read_dir(named).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "cedar")
            {
                files.push(path);
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(Failure(format!(
                "{} has no files that end in .cedar",
                named.display()
            )));
        }
        Ok(files)
    }

    fn sources(files: &[PathBuf]) -> Result<Vec<Source>, Failure> {
        let read = files.iter().map(|file| read_policy_file(file));
        read.collect::<Result<_, _>>().map_err(Failure)
    }
}
