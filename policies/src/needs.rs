//! What a policy asks about a stored object that only the store can tell, or about a body that only its bytes can, so
//! that these are asked when, and only when, a decision depends on it.

use std::sync::Arc;

use cedar_policy::Policy;
use cedar_policy::pst::{BinaryOp, Clause, Expr, Var};

/// Facts of a stored object, or of a body, that a decision depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Needs {
    /// Its tags.
    pub tags: bool,
    /// Its legal hold and retention.
    pub lock: bool,
    /// Whether there is one at all.
    pub overwrites: bool,
    /// The type that the first bytes of the body show.
    pub sniffed: bool,
    /// Its legal hold and retention, if it is of a class that is written once.
    pub(crate) lock_of_class: bool,
}

impl Needs {
    /// Whether the store need not be asked.
    pub fn is_nothing(self) -> bool {
        let of_store = Self {
            sniffed: false,
            ..self
        };
        of_store == Self::default()
    }

    /// What is needed for a resource of this class.
    pub(crate) fn for_class(self, class: Option<&str>) -> Self {
        let is_kept = matches!(class, Some("attestation" | "contract"));
        Self {
            lock: self.lock || (self.lock_of_class && is_kept),
            lock_of_class: false,
            ..self
        }
    }

    /// What either needs.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            tags: self.tags || other.tags,
            lock: self.lock || other.lock,
            overwrites: self.overwrites || other.overwrites,
            sniffed: self.sniffed || other.sniffed,
            lock_of_class: self.lock_of_class || other.lock_of_class,
        }
    }

    /// What this policy needs. Of one that cannot be read, everything.
    pub(crate) fn of(policy: &Policy) -> Self {
        let everything = Self {
            tags: true,
            lock: true,
            overwrites: true,
            sniffed: true,
            lock_of_class: true,
        };
        // The product's own, which asks for the class first.
        if policy.annotation("id") == Some("write-once") && policy.id().to_string() == "write-once"
        {
            return Self {
                lock_of_class: true,
                ..Self::default()
            };
        }
        let Ok(tree) = policy.to_pst() else {
            return everything;
        };
        let clauses = tree.body().clauses().iter();
        clauses.fold(Self::default(), |needs, clause| {
            let (Clause::When(expr) | Clause::Unless(expr)) = clause;
            needs.and(of_expr(expr))
        })
    }
}

fn of_expr(expr: &Expr) -> Needs {
    let here = match expr {
        Expr::GetAttr { expr, attr } => of_attribute(expr, attr),
        // The first may be of a record that the rest are looked for in.
        Expr::HasAttr { expr, attrs } => attrs.iter().fold(Needs::default(), |needs, attr| {
            needs.and(of_attribute(expr, attr))
        }),
        Expr::BinaryOp {
            op: BinaryOp::GetTag | BinaryOp::HasTag,
            left,
            ..
        } => Needs {
            // `resource` in whatever disguise; those of the request are an attribute of the context.
            tags: !matches!(&**left, Expr::GetAttr { attr, .. } if attr == "reqTags")
                && !matches!(&**left, Expr::Var(Var::Principal)),
            ..Needs::default()
        },
        _ => Needs::default(),
    };
    children(expr)
        .into_iter()
        .fold(here, |needs, child| needs.and(of_expr(child)))
}

fn of_attribute(of: &Expr, name: &str) -> Needs {
    let of_resource = !matches!(of, Expr::Var(Var::Principal | Var::Context));
    let of_context = !matches!(of, Expr::Var(Var::Principal | Var::Resource));
    Needs {
        tags: false,
        lock: of_resource && (name == "legalHold" || name == "retainUntil"),
        lock_of_class: false,
        overwrites: of_context && name == "overwrites",
        sniffed: of_context && name == "sniffedType",
    }
}

/// What an expression is made of.
pub(crate) fn children(expr: &Expr) -> Vec<&Arc<Expr>> {
    match expr {
        Expr::UnaryOp { expr, .. }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. }
        | Expr::Like { expr, .. } => vec![expr],
        Expr::BinaryOp { left, right, .. } => vec![left, right],
        Expr::Is { expr, in_expr, .. } => std::iter::once(expr).chain(in_expr).collect(),
        Expr::IfThenElse {
            cond,
            then_expr,
            else_expr,
        } => vec![cond, then_expr, else_expr],
        Expr::Set(items) => items.iter().collect(),
        Expr::Record(fields) => fields.values().collect(),
        _ => Vec::new(),
    }
}
