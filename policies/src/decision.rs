//! The answer: permitted by which policies, or denied, and why.

use std::fmt;

/// The outcome, with the ids of the policies that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Permitted.
    Permit {
        /// By these, sorted.
        policies: Vec<String>,
    },
    /// Denied, and why.
    Deny(Denial),
}

/// Why something is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The reason.
    pub reason: Reason,
    /// The ids of the policies that forbid it, or whose evaluation failed; sorted.
    pub policies: Vec<String>,
}

/// The kinds of denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A policy forbids it.
    Forbidden,
    /// No policy permits it.
    NotPermitted,
    /// A policy of the session itself does not permit it.
    NotInSession,
    /// A policy could not be evaluated, so that it is not known whether it forbids.
    Failed,
    /// The resource belongs to another tenant.
    OtherTenant,
}

impl Decision {
    /// Whether it is a permit.
    pub fn is_permit(&self) -> bool {
        matches!(self, Self::Permit { .. })
    }

    /// The rules for the trail: the policies, or the name of the reason where no policy decided.
    pub fn rules(&self) -> Vec<String> {
        match self {
            Self::Permit { policies } => policies.clone(),
            Self::Deny(denial) => denial.rules(),
        }
    }
}

impl Denial {
    /// A denial for a reason that no policy gave.
    pub fn because(reason: Reason) -> Self {
        Self {
            reason,
            policies: Vec::new(),
        }
    }

    /// The rules for the trail: the policies, or the name of the reason where no policy decided.
    pub fn rules(&self) -> Vec<String> {
        if self.policies.is_empty() {
            vec![self.reason.name().to_owned()]
        } else {
            self.policies.clone()
        }
    }
}

impl Reason {
    /// The name in the trail.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::NotPermitted => "default-deny",
            Self::NotInSession => "session-policy",
            Self::Failed => "evaluation-error",
            Self::OtherTenant => "no-cross-tenant",
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason.name())?;
        if !self.policies.is_empty() {
            write!(formatter, " ({})", self.policies.join(", "))?;
        }
        Ok(())
    }
}
