//! Which attributes of the context a policy can read, so that a question is not filled with those that none does.

use cedar_policy::Policy;
use cedar_policy::pst::{Clause, Expr, Var};

use crate::needs::children;

/// Attributes of the context.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asks {
    names: Vec<String>,
    /// The context is used as a whole, or the policy cannot be read.
    all: bool,
}

impl Asks {
    /// What any of these policies can read.
    pub(crate) fn of<'a>(policies: impl Iterator<Item = &'a Policy>) -> Self {
        let mut asks = Self::default();
        for policy in policies {
            match policy.to_pst() {
                Ok(tree) => {
                    for Clause::When(expr) | Clause::Unless(expr) in tree.body().clauses() {
                        asks.hear(expr);
                    }
                }
                Err(_) => asks.all = true,
            }
        }
        asks.names.sort_unstable();
        asks.names.dedup();
        asks
    }

    /// Whether the attribute can be read.
    pub(crate) fn for_attribute(&self, name: &str) -> bool {
        self.all
            || self
                .names
                .binary_search_by(|known| known.as_str().cmp(name))
                .is_ok()
    }

    fn hear(&mut self, expr: &Expr) {
        match expr {
            Expr::GetAttr { expr: of, attr } if is_context(of) => self.names.push(attr.to_string()),
            Expr::HasAttr { expr: of, attrs } if is_context(of) => {
                self.names.push(attrs.first().to_string());
            }
            Expr::Var(Var::Context) => self.all = true,
            _ => {
                for child in children(expr) {
                    self.hear(child);
                }
            }
        }
    }
}

fn is_context(expr: &Expr) -> bool {
    matches!(expr, Expr::Var(Var::Context))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use cedar_policy::PolicySet;

    use super::*;

    fn asks(condition: &str) -> Asks {
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        Asks::of(PolicySet::from_str(&text).unwrap().policies())
    }

    #[test]
    fn what_is_read_or_looked_for_is_asked_for() {
        for (condition, asked) in [
            ("context.now.toTime() > duration(\"7h\")", "now"),
            ("context has srcIp && principal.name == \"a\"", "srcIp"),
            ("context has breakGlass.id", "breakGlass"),
            ("context.reqTags.hasTag(\"patient\")", "reqTags"),
            (
                "if principal has x then true else [1].contains(context.size)",
                "size",
            ),
            ("{ a: context.tls }.a == 12", "tls"),
            (
                "resource.retainUntil.offset(duration(\"1d\")) > context.now",
                "now",
            ),
        ] {
            let asks = asks(condition);
            assert!(asks.for_attribute(asked), "{condition}");
            assert!(!asks.for_attribute("idle"), "{condition}");
        }
    }

    #[test]
    fn a_context_that_is_handed_on_is_asked_for_whole() {
        for condition in [
            "(if principal has x then context else context).now > datetime(\"2027-01-01\")",
            "{ c: context }.c has mfaAge",
            "context == resource.seen",
        ] {
            assert!(asks(condition).for_attribute("idle"), "{condition}");
        }
    }
}
