//! A set of policies, parsed, strictly validated, and sliced so that a decision looks only at what can apply.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::str::FromStr as _;
use std::sync::{Arc, LazyLock};

use cedar_policy::{
    ActionConstraint, EntityUid, Policy, PolicyId, PolicySet as CedarSet, ResourceConstraint,
    Schema, ValidationMode, Validator,
};

use crate::asks::Asks;
use crate::needs::Needs;
use crate::problem::{Problem, Source};
use crate::{Action, Resource};

/// Policies that are decided by together.
#[derive(Debug, Clone, Default)]
pub struct PolicySet {
    /// Those that may apply in any bucket.
    everywhere: Slices,
    /// Those whose scope names one bucket.
    by_bucket: HashMap<String, Slices>,
    count: usize,
}

/// For each action the policies that can apply to it. Actions with the same policies share one set.
type Slices = HashMap<Action, Arc<Slice>>;

/// The policies that can apply to an action.
#[derive(Debug, Default)]
pub(crate) struct Slice {
    pub(crate) policies: CedarSet,
    pub(crate) asks: Asks,
    needs: Needs,
}

impl PolicySet {
    /// Loads files. Policies are named by their `@id`, or by their number in the file; those of a tenant's
    /// file are prefixed with its name, so that none looks like one of the product's.
    pub fn load(sources: &[Source]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut policies = Vec::new();
        for source in sources {
            match parse(source) {
                Ok(parsed) => policies.extend(parsed),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() {
            Ok(Self::of(policies))
        } else {
            Err(problems)
        }
    }

    /// The product's own policies: what nobody can weaken, and with `roles` what the shipped roles may do.
    pub fn shipped(roles: bool) -> Self {
        let mut policies = product(INVARIANTS);
        if roles {
            policies.extend(product(ROLES));
        }
        Self::of(policies)
    }

    /// The product's policies and those of these files.
    pub fn with_shipped(roles: bool, sources: &[Source]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut policies = product(INVARIANTS);
        if roles {
            policies.extend(product(ROLES));
        }
        let mut names: BTreeMap<PolicyId, &str> = BTreeMap::new();
        for source in sources {
            match parse(source) {
                Ok(parsed) => {
                    for policy in &parsed {
                        if let Some(other) = names.insert(policy.id().clone(), &source.name) {
                            let message = format!("the id {} is used in {other} too", policy.id());
                            problems.push(Problem::at(
                                source,
                                0,
                                message,
                                "rename one of the files",
                            ));
                        }
                    }
                    policies.extend(parsed);
                }
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() {
            Ok(Self::of(policies))
        } else {
            Err(problems)
        }
    }

    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What must be found out about a stored object before a decision about the action is asked for.
    pub fn needs(&self, action: Action, resource: &Resource) -> Needs {
        self.slices(action, resource.bucket.as_deref())
            .fold(Needs::default(), |needs, slice| needs.and(slice.needs))
            .for_class(resource.class.as_deref())
    }

    /// The text of all policies, in the order of their ids: what changes when one does.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (id, policy) in self.policies() {
            let _ = writeln!(text, "// {id}\n{policy}");
        }
        text
    }

    /// All policies by their ids.
    pub(crate) fn policies(&self) -> BTreeMap<String, Policy> {
        let slices = std::iter::once(&self.everywhere).chain(self.by_bucket.values());
        let policies = slices
            .flat_map(HashMap::values)
            .flat_map(|slice| slice.policies.policies());
        policies
            .map(|policy| (policy.id().to_string(), policy.clone()))
            .collect()
    }

    /// The slices that together hold every policy that can apply.
    pub(crate) fn slices(
        &self,
        action: Action,
        bucket: Option<&str>,
    ) -> impl Iterator<Item = &Slice> {
        let here = bucket.and_then(|bucket| self.by_bucket.get(bucket));
        let slices = [Some(&self.everywhere), here].into_iter().flatten();
        slices.filter_map(move |slices| slices.get(&action).map(Arc::as_ref))
    }

    /// Every policy that can apply to the action in some bucket, in the order of their ids.
    #[cfg(feature = "proofs")]
    pub(crate) fn applying(&self, action: Action) -> Vec<&Policy> {
        let all = std::iter::once(&self.everywhere).chain(self.by_bucket.values());
        let mut policies: Vec<&Policy> = all
            .filter_map(|slices| slices.get(&action))
            .flat_map(|slice| slice.policies.policies())
            .collect();
        policies.sort_by_key(|policy| policy.id());
        policies
    }

    pub(crate) fn of(policies: Vec<Policy>) -> Self {
        let count = policies.len();
        let mut everywhere = Vec::new();
        let mut by_bucket: HashMap<String, Vec<Policy>> = HashMap::new();
        for policy in policies {
            match bucket_of(&policy) {
                Some(bucket) => by_bucket.entry(bucket).or_default().push(policy),
                None => everywhere.push(policy),
            }
        }
        Self {
            everywhere: slices(&everywhere),
            by_bucket: by_bucket
                .into_iter()
                .map(|(bucket, policies)| (bucket, slices(&policies)))
                .collect(),
            count,
        }
    }
}

/// Parses and validates one file.
fn parse(source: &Source) -> Result<Vec<Policy>, Vec<Problem>> {
    let parsed = CedarSet::from_str(&source.text).map_err(|errors| {
        let remedy = "see docs/policies.md for the syntax";
        let complaints = errors
            .iter()
            .map(|error| Problem::of(source, error, remedy));
        complaints.collect::<Vec<_>>()
    })?;
    if let Some(template) = parsed.templates().next() {
        let remedy = "write the principal or the resource instead of ?principal or ?resource";
        let offset = source
            .text
            .find("?principal")
            .or(source.text.find("?resource"));
        let message = format!("{} is a template, and nothing fills it in", template.id());
        return Err(vec![Problem::at(
            source,
            offset.unwrap_or_default(),
            message,
            remedy,
        )]);
    }
    let checked = Validator::new(SCHEMA.clone()).validate(&parsed, ValidationMode::Strict);
    if !checked.validation_passed() {
        let remedy = "see policies/schema.cedarschema for what can be asked";
        let complaints = checked.validation_errors();
        let mut problems: Vec<Problem> = complaints
            .map(|error| Problem::of(source, error, remedy))
            .collect();
        // Cedar complains of a line once for each action that it is wrong for.
        problems.sort_by(|a, b| (a.line, &a.message).cmp(&(b.line, &b.message)));
        problems.dedup_by_key(|problem| problem.line);
        return Err(problems);
    }
    named(source, &parsed)
}

/// The policies in the order of the file, under their names.
fn named(source: &Source, parsed: &CedarSet) -> Result<Vec<Policy>, Vec<Problem>> {
    let mut policies: Vec<(usize, &Policy)> = parsed
        .policies()
        .map(|policy| (number_of(policy), policy))
        .collect();
    policies.sort_by_key(|(number, _)| *number);
    let stem = source.name.strip_suffix(".cedar").unwrap_or(&source.name);
    let mut seen = BTreeSet::new();
    let mut renamed = Vec::new();
    for (number, policy) in policies {
        let name = policy.annotation("id").map_or_else(
            || format!("policy{}", number.saturating_add(1)),
            str::to_owned,
        );
        if !seen.insert(name.clone()) {
            let offset = source
                .text
                .rfind(&format!("\"{name}\""))
                .unwrap_or_default();
            let message = format!("the id {name} is used twice");
            return Err(vec![Problem::at(
                source,
                offset,
                message,
                "rename one of them",
            )]);
        }
        renamed.push(policy.new_id(PolicyId::new(format!("{stem}/{name}"))));
    }
    Ok(renamed)
}

/// Cedar numbers the policies of a text from 0: `policy0`.
fn number_of(policy: &Policy) -> usize {
    let id: &str = policy.id().as_ref();
    id.strip_prefix("policy")
        .and_then(|number| number.parse().ok())
        .unwrap_or(usize::MAX)
}

/// The product's own policies keep their ids.
fn product(text: &str) -> Vec<Policy> {
    #[expect(
        clippy::expect_used,
        reason = "the text is part of the program and a test loads it"
    )]
    let policies = parse(&Source::new("product", text)).expect("the product's policies are valid");
    let own = |policy: &Policy| {
        let id: &str = policy.id().as_ref();
        policy.new_id(PolicyId::new(id.trim_start_matches("product/")))
    };
    policies.iter().map(own).collect()
}

fn slices(policies: &[Policy]) -> Slices {
    let scopes: Vec<Scope> = policies.iter().map(Scope::of).collect();
    let mut shared: HashMap<Vec<usize>, Arc<Slice>> = HashMap::new();
    let mut slices = Slices::new();
    for &action in Action::ALL {
        let applying: Vec<usize> = (0..)
            .zip(&scopes)
            .filter(|(_, scope)| scope.covers(action))
            .map(|(index, _)| index)
            .collect();
        if applying.is_empty() {
            continue;
        }
        let slice = shared
            .entry(applying)
            .or_insert_with_key(|indices| Arc::new(Slice::of(policies, indices)));
        slices.insert(action, Arc::clone(slice));
    }
    slices
}

impl Slice {
    fn of(policies: &[Policy], indices: &[usize]) -> Self {
        let chosen = || indices.iter().filter_map(|index| policies.get(*index));
        let mut set = CedarSet::new();
        for policy in chosen() {
            #[expect(
                clippy::expect_used,
                reason = "ids are held to be distinct when files are loaded"
            )]
            set.add(policy.clone()).expect("ids are distinct");
        }
        Self {
            policies: set,
            asks: Asks::of(chosen()),
            needs: chosen().map(Needs::of).fold(Needs::default(), Needs::and),
        }
    }
}

/// The actions in a policy's scope.
pub(crate) enum Scope {
    All,
    Named(Vec<String>),
}

impl Scope {
    pub(crate) fn of(policy: &Policy) -> Self {
        let name = |uid: &EntityUid| uid.id().unescaped().to_owned();
        match policy.action_constraint() {
            ActionConstraint::Any => Self::All,
            ActionConstraint::Eq(action) => Self::Named(vec![name(&action)]),
            ActionConstraint::In(actions) => Self::Named(actions.iter().map(name).collect()),
        }
    }

    /// The actions that it covers.
    pub(crate) fn actions(&self) -> BTreeSet<Action> {
        let all = Action::ALL.iter().copied();
        all.filter(|action| self.covers(*action)).collect()
    }

    fn covers(&self, action: Action) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names
                .iter()
                .any(|name| name == action.name() || name == action.group().name()),
        }
    }
}

/// The one bucket that a policy's scope names.
fn bucket_of(policy: &Policy) -> Option<String> {
    let named = match policy.resource_constraint() {
        ResourceConstraint::Any | ResourceConstraint::Is(_) => return None,
        ResourceConstraint::In(uid)
        | ResourceConstraint::Eq(uid)
        | ResourceConstraint::IsIn(_, uid) => uid,
    };
    (named.type_name().basename() == "Bucket").then(|| named.id().unescaped().to_owned())
}

/// What policies can speak of.
pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the text is part of the program and a test loads it"
    )]
    let (schema, _warnings) =
        Schema::from_cedarschema_str(SCHEMA_TEXT).expect("the product's schema is valid");
    schema
});

/// The shipped schema, in Cedar's own language.
pub const SCHEMA_TEXT: &str = include_str!("../../schema.cedarschema");
const INVARIANTS: &str = include_str!("../../policies/invariants.cedar");
const ROLES: &str = include_str!("../../policies/roles.cedar");

#[cfg(test)]
mod tests;
