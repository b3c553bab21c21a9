//! Evaluates a policy of whose question only who, what and whose bucket are known: what depends on anything else is
//! open. Follows Cedar's semantics, short circuits included; where it does not know better, a value is open.

use cedar_policy::pst::{
    BinaryOp, Clause, EntityOrSlot, EntityType, Expr, Literal, PatternElem, Policy as Tree,
    PrincipalConstraint, ResourceConstraint, SmolStr, UnaryOp, Var,
};

use super::{Place, Whom};
use crate::Action;
use crate::action::Target;
use crate::request::{Kind, Principal};

/// Whether a policy holds for the requests that are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    /// For none.
    No,
    /// For some, perhaps.
    Maybe,
    /// The same, or it cannot be evaluated for some.
    MayFail,
    /// For all.
    Yes,
}

/// The requests that are asked about.
pub(super) struct Asked<'a> {
    pub(super) whom: Whom<'a>,
    pub(super) action: Action,
    pub(super) place: Place<'a>,
    pub(super) is_emergency: bool,
}

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found<'e> {
    Is(Value<'e>),
    /// Any value, or with `fails` none at all: an overflow.
    Open {
        fails: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value<'e> {
    Bool(bool),
    Long(i64),
    Text(&'e str),
    Set(Vec<Self>),
    Entity { of: &'e str, id: &'e str },
    Principal,
    Action,
    Resource,
    Context,
}

const OPEN: Found<'static> = Found::Open { fails: false };
const FAILING: Found<'static> = Found::Open { fails: true };

fn is(flag: bool) -> Found<'static> {
    Found::Is(Value::Bool(flag))
}

/// The schema has no namespaces.
fn name_of(of: &EntityType) -> &str {
    of.0.id.as_str()
}

/// Known, or open.
fn perhaps(known: Option<bool>) -> Found<'static> {
    known.map_or(OPEN, is)
}

impl Asked<'_> {
    /// Whether a policy in whose scope the action is holds.
    pub(super) fn holds(&self, tree: &Tree) -> Truth {
        let body = tree.body();
        let mut found = and(self.principal_fits(&body.principal), || {
            self.resource_fits(&body.resource)
        });
        for clause in body.clauses() {
            found = and(found, || match clause {
                Clause::When(expr) => self.eval(expr),
                Clause::Unless(expr) => not(self.eval(expr)),
            });
        }
        match found {
            Found::Is(Value::Bool(true)) => Truth::Yes,
            Found::Is(Value::Bool(false)) => Truth::No,
            Found::Open { fails: false } => Truth::Maybe,
            Found::Open { fails: true } | Found::Is(_) => Truth::MayFail,
        }
    }

    fn principal_fits(&self, scope: &PrincipalConstraint) -> Found<'static> {
        use PrincipalConstraint as Scope;
        let found = |of: &EntityOrSlot, exactly| match of {
            EntityOrSlot::Entity(uid) => self.is_principal((name_of(&uid.ty), &uid.eid), exactly),
            EntityOrSlot::Slot(_) => OPEN,
        };
        match scope {
            Scope::Any => is(true),
            Scope::Eq(of) => found(of, true),
            Scope::In(of) => found(of, false),
            Scope::Is(kind) => is(name_of(kind) == "Principal"),
            Scope::IsIn(kind, of) => and(is(name_of(kind) == "Principal"), || found(of, false)),
        }
    }

    fn resource_fits(&self, scope: &ResourceConstraint) -> Found<'static> {
        use ResourceConstraint as Scope;
        let found = |of: &EntityOrSlot, exactly| match of {
            EntityOrSlot::Entity(uid) => self.is_resource((name_of(&uid.ty), &uid.eid), exactly),
            EntityOrSlot::Slot(_) => OPEN,
        };
        match scope {
            Scope::Any => is(true),
            Scope::Eq(of) => found(of, true),
            Scope::In(of) => found(of, false),
            Scope::Is(kind) => is(name_of(kind) == self.kind_of_resource()),
            Scope::IsIn(kind, of) => and(is(name_of(kind) == self.kind_of_resource()), || {
                found(of, false)
            }),
        }
    }

    fn principal(&self) -> &Principal {
        self.whom.principal
    }

    fn kind_of_resource(&self) -> &'static str {
        match self.action.target() {
            Target::Tenant => "Tenant",
            Target::Bucket => "Bucket",
            Target::Object => "Object",
        }
    }

    /// `principal == of::"id"`, or `principal in` it.
    fn is_principal(&self, (of, id): (&str, &str), exactly: bool) -> Found<'static> {
        let known = |flag: bool| if self.whom.is_known { is(flag) } else { OPEN };
        match of {
            "Principal" => known(self.principal().name == id),
            "Role" if !exactly => is(self.principal().roles.contains(id)),
            "Group" if !exactly => known(self.principal().groups.contains(id)),
            _ => is(false),
        }
    }

    /// `resource == of::"id"`, or `resource in` it.
    fn is_resource(&self, (of, id): (&str, &str), exactly: bool) -> Found<'static> {
        let target = self.action.target();
        let exactly_or = |at: Target| target == at || !exactly;
        match of {
            "Tenant" => is(exactly_or(Target::Tenant) && self.place.tenant == id),
            "Bucket" if target != Target::Tenant => {
                is(exactly_or(Target::Bucket) && self.place.bucket == Some(id))
            }
            "Object" if target == Target::Object => {
                let bucket = id.split_once('/').map(|(bucket, _)| bucket);
                let here = self.place.bucket.is_some() && self.place.bucket == bucket;
                if here { OPEN } else { is(false) }
            }
            _ => is(false),
        }
    }

    fn eval<'e>(&'e self, expr: &'e Expr) -> Found<'e> {
        match expr {
            Expr::Literal(literal) => literal_of(literal),
            Expr::Var(var) => Found::Is(match var {
                Var::Principal => Value::Principal,
                Var::Action => Value::Action,
                Var::Resource => Value::Resource,
                Var::Context => Value::Context,
            }),
            Expr::UnaryOp { op, expr } => unary(*op, self.eval(expr)),
            Expr::BinaryOp { op, left, right } => self.binary(*op, left, right),
            Expr::GetAttr { expr, attr } => self.attribute(&self.eval(expr), attr),
            Expr::HasAttr { expr, attrs } => {
                self.has(&self.eval(expr), attrs.iter().map(SmolStr::as_str))
            }
            Expr::Like { expr, pattern } => match self.eval(expr) {
                Found::Is(Value::Text(text)) => is(is_like(text, pattern)),
                other => widened(&[&other]),
            },
            Expr::Is {
                expr,
                entity_type,
                in_expr,
            } => {
                let found = self.eval(expr);
                let of = name_of(entity_type);
                let fits = match &found {
                    Found::Is(Value::Principal) => is(of == "Principal"),
                    Found::Is(Value::Resource) => is(of == self.kind_of_resource()),
                    Found::Is(Value::Entity { of: other, .. }) => is(of == *other),
                    other => widened(&[other]),
                };
                match in_expr {
                    None => fits,
                    Some(within) => and(fits, || self.within(&found, &self.eval(within))),
                }
            }
            Expr::IfThenElse {
                cond,
                then_expr,
                else_expr,
            } => match self.eval(cond) {
                Found::Is(Value::Bool(true)) => self.eval(then_expr),
                Found::Is(Value::Bool(false)) => self.eval(else_expr),
                cond => {
                    let (one, other) = (self.eval(then_expr), self.eval(else_expr));
                    if cond == OPEN && one == other {
                        one
                    } else {
                        widened(&[&cond, &one, &other])
                    }
                }
            },
            Expr::Set(items) => {
                let found: Vec<Found<'_>> = items.iter().map(|item| self.eval(item)).collect();
                let values = found.iter().map(|one| match one {
                    Found::Is(value) => Some(value.clone()),
                    Found::Open { .. } => None,
                });
                let all: Option<Vec<Value<'_>>> = values.collect();
                all.map_or_else(
                    || widened(&found.iter().collect::<Vec<_>>()),
                    |all| Found::Is(Value::Set(all)),
                )
            }
            // Records are not written by people; what is new in a later Cedar is not known here.
            _ => FAILING,
        }
    }

    fn binary<'e>(&'e self, op: BinaryOp, left: &'e Expr, right: &'e Expr) -> Found<'e> {
        use BinaryOp as Op;
        let found = self.eval(left);
        match op {
            Op::And => return and(found, || self.eval(right)),
            Op::Or => return not(and(not(found), || not(self.eval(right)))),
            _ => {}
        }
        let other = self.eval(right);
        let open = widened(&[&found, &other]);
        match (op, &found, &other) {
            (Op::Eq, Found::Is(one), Found::Is(two)) => self.equal(one, two),
            (Op::NotEq, Found::Is(one), Found::Is(two)) => not(self.equal(one, two)),
            (Op::In, ..) => self.within(&found, &other),
            (Op::Less, Found::Is(Value::Long(one)), Found::Is(Value::Long(two))) => is(one < two),
            (Op::LessEq, Found::Is(Value::Long(one)), Found::Is(Value::Long(two))) => {
                is(one <= two)
            }
            (Op::Greater, Found::Is(Value::Long(one)), Found::Is(Value::Long(two))) => {
                is(one > two)
            }
            (Op::GreaterEq, Found::Is(Value::Long(one)), Found::Is(Value::Long(two))) => {
                is(one >= two)
            }
            (Op::Contains, Found::Is(Value::Set(items)), Found::Is(Value::Text(_))) => {
                is(matches!(&other, Found::Is(item) if items.contains(item)))
            }
            (Op::HasTag, Found::Is(Value::Principal), Found::Is(Value::Text(name)))
                if self.whom.is_known =>
            {
                is(self.principal().tags.contains_key(*name))
            }
            (Op::GetTag, Found::Is(Value::Principal), Found::Is(Value::Text(name)))
                if self.whom.is_known =>
            {
                let tag = self.principal().tags.get(*name);
                tag.map_or(FAILING, |tag| Found::Is(Value::Text(tag)))
            }
            (Op::Add | Op::Sub | Op::Mul | Op::Offset | Op::DurationSince, ..) => FAILING,
            _ => open,
        }
    }

    /// `==`, of values of one type.
    fn equal(&self, one: &Value<'_>, two: &Value<'_>) -> Found<'static> {
        match (one, two) {
            (Value::Principal, Value::Entity { of, id })
            | (Value::Entity { of, id }, Value::Principal) => self.is_principal((of, id), true),
            (Value::Resource, Value::Entity { of, id })
            | (Value::Entity { of, id }, Value::Resource) => self.is_resource((of, id), true),
            (Value::Action, Value::Entity { id, .. })
            | (Value::Entity { id, .. }, Value::Action) => is(self.action.name() == *id),
            (Value::Set(_), _) | (_, Value::Set(_)) => OPEN,
            _ => is(one == two),
        }
    }

    /// `in`.
    fn within(&self, found: &Found<'_>, of: &Found<'_>) -> Found<'static> {
        let (Found::Is(one), Found::Is(of)) = (found, of) else {
            return widened(&[found, of]);
        };
        match (one, of) {
            (_, Value::Set(items)) => items.iter().fold(is(false), |found, item| {
                let here = self.within(&Found::Is(one.clone()), &Found::Is(item.clone()));
                not(and(not(found), || not(here)))
            }),
            (Value::Principal, Value::Entity { of, id }) => self.is_principal((of, id), false),
            (Value::Resource, Value::Entity { of, id }) => self.is_resource((of, id), false),
            (Value::Action, Value::Entity { id, .. }) => {
                is([self.action.name(), self.action.group().name()].contains(id))
            }
            (Value::Principal, Value::Principal) | (Value::Resource, Value::Resource) => is(true),
            _ => OPEN,
        }
    }

    fn attribute<'e>(&'e self, of: &Found<'e>, name: &str) -> Found<'e> {
        let text = |text: &'e str| Found::Is(Value::Text(text));
        let (principal, place) = (self.principal(), self.place);
        match of {
            Found::Is(Value::Principal) => match name {
                "tenant" => text(&principal.tenant),
                "kind" => text(match principal.kind {
                    Kind::Human => "human",
                    Kind::Service => "service",
                }),
                "name" if self.whom.is_known => text(&principal.name),
                "clinicId" if self.whom.is_known => {
                    principal.clinic_id.as_deref().map_or(FAILING, text)
                }
                _ => OPEN,
            },
            Found::Is(Value::Resource) => match (name, place.bucket) {
                ("tenant", _) => text(place.tenant),
                ("bucket", Some(bucket)) => text(bucket),
                ("name", Some(bucket)) if self.action.target() == Target::Bucket => text(bucket),
                ("class", _) => place.class.map_or(FAILING, text),
                ("residency", _) => {
                    let regions = place.residency.iter().map(|one| Value::Text(one));
                    Found::Is(Value::Set(regions.collect()))
                }
                _ => OPEN,
            },
            Found::Is(Value::Context) if name == "upstreamRegion" => text(place.upstream_region),
            Found::Is(Value::Context) => OPEN,
            other => widened(&[other]),
        }
    }

    fn has<'n>(&self, of: &Found<'_>, mut names: impl Iterator<Item = &'n str>) -> Found<'static> {
        let name = names.next().unwrap_or_default();
        let here = match of {
            Found::Is(Value::Principal) => perhaps(match name {
                "tenant" | "name" | "kind" => Some(true),
                "clinicId" => self
                    .whom
                    .is_known
                    .then_some(self.principal().clinic_id.is_some()),
                "hipaaTrainedUntil" => {
                    let until = self.principal().hipaa_trained_until;
                    self.whom.is_known.then_some(until.is_some())
                }
                _ => None,
            }),
            Found::Is(Value::Resource) => perhaps(match name {
                "class" => Some(self.place.class.is_some()),
                "residency" => Some(!self.place.residency.is_empty()),
                _ => None,
            }),
            Found::Is(Value::Context) => perhaps(match name {
                "now" | "tls" | "authType" | "reqTags" | "upstreamRegion" | "approvals" => {
                    Some(true)
                }
                "breakGlass" => Some(self.is_emergency),
                _ => None,
            }),
            other => widened(&[other]),
        };
        // What lies deeper is not known.
        if names.next().is_some() {
            and(here, || OPEN)
        } else {
            here
        }
    }
}

/// Open, and failing where one of these may.
fn widened(of: &[&Found<'_>]) -> Found<'static> {
    let fails = of.iter().any(|one| **one == FAILING);
    Found::Open { fails }
}

/// `&&`: the right side is not looked at where the left is false.
fn and<'e>(left: Found<'e>, right: impl FnOnce() -> Found<'e>) -> Found<'e> {
    match left {
        Found::Is(Value::Bool(false)) => is(false),
        Found::Is(Value::Bool(true)) => right(),
        left => match right() {
            // Whatever the left comes to, unless it fails.
            Found::Is(Value::Bool(false)) if left == OPEN => is(false),
            right => widened(&[&left, &right]),
        },
    }
}

fn not(found: Found<'_>) -> Found<'static> {
    match found {
        Found::Is(Value::Bool(flag)) => is(!flag),
        other => widened(&[&other]),
    }
}

fn literal_of(literal: &Literal) -> Found<'_> {
    Found::Is(match literal {
        Literal::Bool(flag) => Value::Bool(*flag),
        Literal::Long(number) => Value::Long(*number),
        Literal::String(text) => Value::Text(text),
        Literal::EntityUID(uid) => Value::Entity {
            of: name_of(&uid.ty),
            id: &uid.eid,
        },
        _ => return FAILING,
    })
}

fn unary(op: UnaryOp, found: Found<'_>) -> Found<'static> {
    match (op, found) {
        (UnaryOp::Not, found) => not(found),
        (UnaryOp::IsEmpty, Found::Is(Value::Set(items))) => is(items.is_empty()),
        (UnaryOp::Neg | UnaryOp::ToDate, _) => FAILING,
        (_, found) => widened(&[&found]),
    }
}

/// Cedar's `like`: a wildcard is any text, also none. Each wildcard takes as little as will do, which finds a match
/// where there is one.
fn is_like(text: &str, pattern: &[PatternElem]) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut of) = (0_usize, 0_usize);
    // Where the last wildcard stands, and up to where it has taken.
    let mut wild: Option<(usize, usize)> = None;
    while at < text.len() {
        match (pattern.get(of), text.get(at)) {
            (Some(PatternElem::Wildcard), _) => {
                wild = Some((of, at));
                of = of.saturating_add(1);
            }
            (Some(PatternElem::Char(one)), Some(other)) if one == other => {
                of = of.saturating_add(1);
                at = at.saturating_add(1);
            }
            _ => {
                let Some((last, taken)) = wild else {
                    return false;
                };
                let taken = taken.saturating_add(1);
                wild = Some((last, taken));
                (of, at) = (last.saturating_add(1), taken);
            }
        }
    }
    let rest = pattern.get(of..).unwrap_or_default();
    rest.iter().all(|one| *one == PatternElem::Wildcard)
}
