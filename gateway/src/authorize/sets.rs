//! Policy sets that a tenant's owner put through the admin API: control documents, compiled when they are read. A
//! tenant whose configuration declares policies has those, and no others.

use std::collections::BTreeMap;
use std::sync::Arc;

use moka::sync::Cache;
use policies::{PolicySet, Problem, Source};
use serde::{Deserialize, Serialize};

use super::OfTenant;
use crate::control::{Control, ControlError, Document, Form};
use crate::directory::is_kept;

/// A tenant's policies, as they were put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFiles {
    /// Cedar policies by the name of their file, which begins their ids.
    pub files: BTreeMap<String, String>,
    /// Whether the shipped roles mean what they mean.
    #[serde(default = "yes")]
    pub shipped_roles: bool,
    /// What buckets are for, by name.
    #[serde(default)]
    pub classes: BTreeMap<String, String>,
}

impl Document for PolicyFiles {
    const FOLDER: &'static str = "policy-sets";
    const FORM: Form = Form::Clear;
}

fn yes() -> bool {
    true
}

impl PolicyFiles {
    /// Whether `next` takes a class away from a bucket that binds there and yields receipts.
    pub fn is_weakened_by(&self, next: &Self) -> bool {
        let is_kept = |of: &Self, bucket| is_kept(of.classes.get(bucket).map(String::as_str));
        self.classes
            .keys()
            .any(|bucket| is_kept(self, bucket) && !is_kept(next, bucket))
    }

    /// The policies with the product's and the guardrails, or everything that is wrong with them.
    pub fn compile(&self, guardrails: &[Source]) -> Result<PolicySet, Vec<Problem>> {
        let own = self
            .files
            .iter()
            .map(|(name, text)| Source::new(name, text));
        let sources: Vec<Source> = guardrails.iter().cloned().chain(own).collect();
        PolicySet::with_shipped(self.shipped_roles, &sources)
    }
}

/// Reads policy sets, each version compiled once.
#[derive(Clone)]
pub struct PolicySets {
    control: Control,
    guardrails: Arc<[Source]>,
    compiled: Cache<(String, u64), Arc<OfTenant>>,
}

impl std::fmt::Debug for PolicySets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PolicySets")
    }
}

impl PolicySets {
    /// Those in these control documents, under these guardrails.
    pub fn new(control: Control, guardrails: Vec<Source>) -> Self {
        Self {
            control,
            guardrails: guardrails.into(),
            compiled: Cache::new(MOST_COMPILED),
        }
    }

    /// A tenant's, at most five seconds old. One that is not understood denies everything.
    pub(super) async fn of(&self, tenant: &str) -> Result<Option<Arc<OfTenant>>, ControlError> {
        let Some(kept) = self.control.get::<PolicyFiles>(&[tenant]).await? else {
            return Ok(None);
        };
        let key = (tenant.to_owned(), kept.version);
        if let Some(compiled) = self.compiled.get(&key) {
            return Ok(Some(compiled));
        }
        let policies = kept
            .value
            .compile(&self.guardrails)
            .unwrap_or_else(|problems| {
                let problem = problems
                    .first()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                tracing::error!(
                    problem,
                    "a tenant's stored policies are not understood, so everything of it is denied"
                );
                PolicySet::shipped(false)
            });
        let compiled = Arc::new(OfTenant {
            policies: Arc::new(policies),
            classes: kept.value.classes.clone(),
        });
        self.compiled.insert(key, Arc::clone(&compiled));
        Ok(Some(compiled))
    }
}

const MOST_COMPILED: u64 = 10_000;
