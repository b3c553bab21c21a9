//! How often key management services were called, by provider, call and outcome. It must not know
//! who reads the numbers.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{KeyError, KeyErrorKind};

/// A call to a key management service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KmsCall {
    /// A new key, wrapped.
    Generate,
    /// A key wrapped that exists already.
    Wrap,
    /// A key unwrapped.
    Unwrap,
    /// A key moved from one root key to another.
    Rewrap,
    /// What is known of a root key.
    Describe,
}

impl KmsCall {
    /// The word for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Wrap => "wrap",
            Self::Unwrap => "unwrap",
            Self::Rewrap => "rewrap",
            Self::Describe => "describe",
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KmsOutcome {
    /// As it should.
    Done,
    /// Refused: access denied, disabled, pending deletion.
    Denied,
    /// No such root key.
    Missing,
    /// The service could not be reached, was overloaded or failed.
    Unavailable,
    /// The answer was wrong, or the wrapped key does not open.
    Wrong,
    /// Not sent, because the service failed a moment before.
    HeldBack,
}

impl KmsOutcome {
    /// The word for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Missing => "missing",
            Self::Unavailable => "unavailable",
            Self::Wrong => "wrong",
            Self::HeldBack => "held-back",
        }
    }

    pub(super) fn of(error: Option<&KeyError>) -> Self {
        match error.map(KeyError::kind) {
            None => Self::Done,
            Some(KeyErrorKind::Denied) => Self::Denied,
            Some(KeyErrorKind::Missing | KeyErrorKind::Destroyed) => Self::Missing,
            Some(KeyErrorKind::Unavailable) => Self::Unavailable,
            Some(KeyErrorKind::Corrupt) => Self::Wrong,
        }
    }
}

/// How many calls of one kind to one provider ended in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsCalls {
    /// The provider's name.
    pub provider: String,
    /// The call.
    pub call: KmsCall,
    /// Its outcome.
    pub outcome: KmsOutcome,
    /// How many since the start.
    pub count: u64,
    /// How long they took together.
    pub took: Duration,
}

/// Counters; a KMS call costs so much more than a lock that one lock does.
#[derive(Debug, Default)]
pub(super) struct Calls(Mutex<BTreeMap<Kind, (u64, Duration)>>);

/// Provider, call and outcome.
type Kind = (String, KmsCall, KmsOutcome);

impl Calls {
    pub(super) fn count(&self, provider: &str, call: KmsCall, outcome: KmsOutcome, took: Duration) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, sum) = counts
            .entry((provider.to_owned(), call, outcome))
            .or_default();
        *count = count.saturating_add(1);
        *sum = sum.saturating_add(took);
    }

    pub(super) fn list(&self) -> Vec<KmsCalls> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .iter()
            .map(|((provider, call, outcome), &(count, took))| KmsCalls {
                provider: provider.clone(),
                call: *call,
                outcome: *outcome,
                count,
                took,
            })
            .collect()
    }
}
