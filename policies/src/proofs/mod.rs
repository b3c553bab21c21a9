//! What policies can be proved to do, for every request that there can be and not for some cases only: how two sets
//! differ, whether a set can permit something, whether a policy can fail.
//!
//! Cedar's symbolic compiler (`cedar-policy-symcc`) turns the question into one for the solver cvc5, which runs as a
//! program of its own. So this is for tools and tests, behind the feature `proofs`, and never beside a request.

mod example;

use std::sync::LazyLock;

use cedar_policy::{Policy, PolicySet as CedarSet, RequestEnv, ResourceConstraint};
use cedar_policy_symcc::err::Error as SymccError;
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env};

use serde_json::Value;

pub use example::Example;

use crate::cases::{Case, Expected};
use crate::decision::{Decision, Reason};
use crate::problem::Source;
use crate::set::{PolicySet, SCHEMA};
use crate::{Action, cedar};

/// Asks the solver. Each question may take it up to a minute.
#[derive(Debug)]
pub struct Prover {
    compiler: CedarSymCompiler<LocalSolver>,
}

/// Why nothing was proved.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// There is no solver.
    #[error(
        "the solver cvc5 does not start: {0}; install it (Debian and Ubuntu: `apt install cvc5`) so that it is in PATH, or \
         name its file in the environment variable CVC5"
    )]
    NoSolver(String),
    /// The solver, or what asks it, gave up.
    #[error("{action}: {reason}")]
    Broken {
        /// What was asked about.
        action: &'static str,
        /// What is known of the reason.
        reason: String,
    },
}

/// How a new set of policies differs from an old one, for one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The action.
    pub action: Action,
    /// What the new policies permit and the old ones do not.
    pub gained: Finding,
    /// What the old policies permit and the new ones do not.
    pub lost: Finding,
}

/// The answer to: is there such a request?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Proved: there is none.
    None,
    /// There is.
    Some(Example),
    /// The solver found no answer within its time.
    Undecided,
}

impl Finding {
    /// Whether it is proved that there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// A policy that cannot be evaluated for some requests, which are denied then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// Its id.
    pub policy: String,
    /// An action that it fails for.
    pub action: Action,
    /// A request.
    pub finding: Finding,
}

impl Prover {
    /// Starts the solver: the program that the environment variable CVC5 names, else `cvc5` in PATH.
    ///
    /// Must be called within a Tokio runtime, as the other functions.
    pub fn start() -> Result<Self, ProofError> {
        let refused = |error: &dyn std::error::Error| {
            let cause = error.source().map(ToString::to_string);
            ProofError::NoSolver(cause.unwrap_or_else(|| error.to_string()))
        };
        // cvc5 from before 1.1 reasons about `like` only where it is told to; newer ones always do.
        let options = ["--tlimit-per=60000", "--strings-exp"];
        let solver = LocalSolver::cvc5_with_args(options).map_err(|error| refused(&error))?;
        let compiler = CedarSymCompiler::new(solver).map_err(|error| refused(&error))?;
        Ok(Self { compiler })
    }

    /// How what is permitted differs, for each action for which anything does. What can fail in either set
    /// ([`Prover::failing`]) is beside the point here: policies are compared where all of them can be evaluated.
    pub async fn compare(
        &mut self,
        old: &PolicySet,
        new: &PolicySet,
    ) -> Result<Vec<Change>, ProofError> {
        let mut changes = Vec::new();
        for &action in Action::ALL {
            let (before, after) = (old.applying(action), new.applying(action));
            if written(&before) == written(&after) {
                continue;
            }
            let about = About::of(action)?;
            let (before, after) = (about.compiled(before)?, about.compiled(after)?);
            let permits = |set: &PolicySet, case: &Case| is_permit(set, case);
            let gained = self
                .beyond((action, Expected::Permit), &after, &before, &|case| {
                    permits(new, case) && !permits(old, case)
                })
                .await?;
            let lost = self
                .beyond((action, Expected::Deny), &before, &after, &|case| {
                    permits(old, case) && !permits(new, case)
                })
                .await?;
            if !(gained.is_none() && lost.is_none()) {
                changes.push(Change {
                    action,
                    gained,
                    lost,
                });
            }
        }
        Ok(changes)
    }

    /// Whether a set can permit, for this action, any of what `described` permits.
    pub async fn permits_any(
        &mut self,
        set: &PolicySet,
        described: &PolicySet,
        action: Action,
    ) -> Result<Finding, ProofError> {
        let about = About::of(action)?;
        let permitted = about.compiled(set.applying(action))?;
        let described_there = about.compiled(described.applying(action))?;
        let found = self
            .compiler
            .check_disjoint_with_counterexample_opt(&permitted, &described_there)
            .await;
        let in_both = |case: &Case| is_permit(set, case) && is_permit(described, case);
        finding(action, Expected::Permit, found, &in_both)
    }

    /// The policies of a set that cannot be evaluated for some request, each once.
    pub async fn failing(&mut self, set: &PolicySet) -> Result<Vec<Failing>, ProofError> {
        let mut failing: Vec<Failing> = Vec::new();
        for &action in Action::ALL {
            let about = About::of(action)?;
            for policy in set.applying(action) {
                let id = policy.id().to_string();
                if failing.iter().any(|known| known.policy == id) {
                    continue;
                }
                // Most policies never fail, whatever is asked, and to show that costs little.
                let alone = about.compiled_alone(policy, false)?;
                if self
                    .compiler
                    .check_never_errors_opt(&alone)
                    .await
                    .is_ok_and(|never| never)
                {
                    continue;
                }
                let compiled = about.compiled_alone(policy, true)?;
                let found = self
                    .compiler
                    .check_never_errors_with_counterexample_opt(&compiled)
                    .await;
                let fails = |case: &Case| match case.decide(set, TENANT) {
                    Ok(Decision::Deny(denial)) => {
                        denial.reason == Reason::Failed && denial.rules().contains(&id)
                    }
                    _ => false,
                };
                let found = finding(action, Expected::Deny, found, &fails)?;
                if !found.is_none() {
                    failing.push(Failing {
                        policy: id,
                        action,
                        finding: found,
                    });
                }
            }
        }
        Ok(failing)
    }

    /// A request that `wider` permits and `narrower` does not.
    async fn beyond(
        &mut self,
        (action, expect): (Action, Expected),
        wider: &CompiledPolicySet,
        narrower: &CompiledPolicySet,
        holds: &dyn Fn(&Case) -> bool,
    ) -> Result<Finding, ProofError> {
        let found = self
            .compiler
            .check_implies_with_counterexample_opt(wider, narrower)
            .await;
        finding(action, expect, found, holds)
    }
}

/// An action, and the kinds of principal and resource that it is asked about.
struct About {
    action: Action,
    environment: RequestEnv,
}

impl About {
    fn of(action: Action) -> Result<Self, ProofError> {
        let uid = cedar::action_uid(action.name());
        let environment = SCHEMA.request_envs().find(|known| *known.action() == uid);
        let environment = environment.ok_or_else(|| ProofError::Broken {
            action: action.name(),
            reason: "the schema does not know it".to_owned(),
        })?;
        Ok(Self {
            action,
            environment,
        })
    }

    /// One policy; `premised`, it is looked at only where everything is so that is so of every request.
    fn compiled_alone(
        &self,
        policy: &Policy,
        premised: bool,
    ) -> Result<CompiledPolicy, ProofError> {
        let failed = |error: &(dyn std::error::Error + 'static)| broken(self.action, error);
        let mut policy = policy.clone();
        if premised {
            let mut written = policy.to_json().map_err(|error| failed(&error))?;
            let mut conditions = Vec::new();
            for premise in PREMISES.applying(self.action) {
                if self.is_about(premise) {
                    let premise = premise.to_json().map_err(|error| failed(&error))?;
                    conditions.extend(turned(&premise));
                }
            }
            if let Some(Value::Array(own)) = written.get_mut("conditions") {
                conditions.append(own);
                *own = conditions;
            }
            let id = Some(policy.id().clone());
            policy = Policy::from_json(id, written).map_err(|error| failed(&error))?;
        }
        CompiledPolicy::compile(&policy, &self.environment, &SCHEMA).map_err(|error| failed(&error))
    }

    fn is_about(&self, premise: &Policy) -> bool {
        match premise.resource_constraint() {
            ResourceConstraint::Is(kind) => kind == *self.environment.resource(),
            _ => true,
        }
    }

    /// The policies, and what is so of every request.
    fn compiled(&self, policies: Vec<&Policy>) -> Result<CompiledPolicySet, ProofError> {
        let premises = PREMISES.applying(self.action);
        let all = policies.into_iter().chain(premises).cloned();
        let set = CedarSet::from_policies(all).map_err(|error| broken(self.action, &error))?;
        CompiledPolicySet::compile(&set, &self.environment, &SCHEMA)
            .map_err(|error| broken(self.action, &error))
    }
}

/// What a premise forbids, turned into conditions of another policy: that it is not so.
fn turned(premise: &Value) -> Vec<Value> {
    let mut conditions = premise.get("conditions").and_then(Value::as_array).cloned();
    for condition in conditions.iter_mut().flatten() {
        if let Some(kind) = condition.get_mut("kind") {
            let other = if *kind == "when" { "unless" } else { "when" };
            *kind = other.into();
        }
    }
    conditions.unwrap_or_default()
}

fn finding(
    action: Action,
    expect: Expected,
    found: Result<Option<Env>, SymccError>,
    holds: &dyn Fn(&Case) -> bool,
) -> Result<Finding, ProofError> {
    match found {
        Ok(None) => Ok(Finding::None),
        Ok(Some(env)) => Ok(Finding::Some(Example::of(&env, action, expect, holds))),
        Err(SymccError::SolverUnknown) => Ok(Finding::Undecided),
        Err(error) => Err(broken(action, &error)),
    }
}

fn broken(action: Action, error: &(dyn std::error::Error + 'static)) -> ProofError {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        reason = format!("{reason}: {next}");
        cause = next.source();
    }
    ProofError::Broken {
        action: action.name(),
        reason,
    }
}

fn is_permit(set: &PolicySet, case: &Case) -> bool {
    let decision = case.decide(set, TENANT);
    decision.is_ok_and(|decision| decision.is_permit())
}

fn written(policies: &[&Policy]) -> Vec<String> {
    let mut texts: Vec<String> = policies.iter().map(ToString::to_string).collect();
    texts.sort();
    texts
}

/// What is so of every request.
static PREMISES: LazyLock<PolicySet> = LazyLock::new(|| {
    let text = include_str!("../../policies/premises.cedar");
    #[expect(
        clippy::expect_used,
        reason = "the text is part of the program and a test loads it"
    )]
    PolicySet::load(&[Source::new("premises.cedar", text)]).expect("the premises are valid")
});

/// The tenant of a case that names none.
const TENANT: &str = "clinic";
