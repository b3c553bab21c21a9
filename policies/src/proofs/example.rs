//! What the solver found, told as a case that `sealgate policy test` can ask.
//!
//! The solver knows requests as Cedar sees them, in which it may tell apart what the gateway derives from each other:
//! a key and its segments, an object and the bucket it is in. So what it found is read as a request of the gateway's,
//! each reading is put to the decision itself, and of the first that holds everything that does not matter is left out.

use std::str::FromStr as _;

use cedar_policy::{Entity, EntityUid, EvalResult, Expression, Record, eval_expression};
use cedar_policy_symcc::Env;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use toml::{Table, Value};

use crate::Action;
use crate::cases::{Case, Cases, Expected};

/// A request that shows what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// A `[[case]]` in TOML, of which the new policies answer what it expects, if it is confirmed, else what the solver found in Cedar's words.
    pub text: String,
    /// Whether the decision, asked about it, is what the solver says. If it is not, the solver found a request that the
    /// gateway does not make, and there may be one that it makes.
    pub confirmed: bool,
}

impl Example {
    pub(super) fn of(
        env: &Env,
        action: Action,
        expect: Expected,
        holds: &dyn Fn(&Case) -> bool,
    ) -> Self {
        let holds = |asked: &Asked| asked.case(action, expect).is_some_and(|case| holds(&case));
        let confirmed = readings(env).into_iter().find(holds);
        match confirmed {
            Some(mut asked) => {
                asked.simplify(&holds);
                Self {
                    text: asked.text(action, expect),
                    confirmed: true,
                }
            }
            None => Self {
                text: in_cedar(env),
                confirmed: false,
            },
        }
    }
}

/// What the solver found, word for word; actions and their groups are known.
fn in_cedar(env: &Env) -> String {
    let (principal, resource) = (env.request.principal(), env.request.resource());
    let told = |uid: &EntityUid| {
        let ancestors = env.entities.ancestors(uid).into_iter().flatten();
        let ancestors: Vec<String> = ancestors.map(ToString::to_string).collect();
        let attributes = Value::Table(attributes(env, uid));
        format!("{uid} in [{}] {attributes}\n", ancestors.join(", "))
    };
    let entities: String = [principal, resource]
        .into_iter()
        .flatten()
        .map(told)
        .collect();
    let context = Value::Table(context(env).unwrap_or_default());
    format!("{entities}context {context}\n")
}

/// A request in a case's words.
#[derive(Debug, Clone, Default)]
struct Asked {
    principal: Table,
    resource: Table,
    context: Table,
}

impl Asked {
    fn part(&mut self, part: Part) -> &mut Table {
        match part {
            Part::Principal => &mut self.principal,
            Part::Resource => &mut self.resource,
            Part::Context => &mut self.context,
        }
    }

    fn text(&self, action: Action, expect: Expected) -> String {
        let name = action.name();
        let line = |part: &str, table: &Table| {
            if table.is_empty() {
                String::new()
            } else {
                format!("{part} = {}\n", Value::Table(table.clone()))
            }
        };
        let expect = match expect {
            Expected::Permit => "permit",
            Expected::Deny => "deny",
        };
        format!(
            "[[case]]\nname = \"{name}\"\n{}action = \"{name}\"\n{}{}expect = \"{expect}\"\n",
            line("principal", &self.principal),
            line("resource", &self.resource),
            line("context", &self.context),
        )
    }

    fn case(&self, action: Action, expect: Expected) -> Option<Case> {
        let cases = Cases::parse(&self.text(action, expect)).ok()?;
        cases.cases.into_iter().next()
    }

    /// Leaves out what can be left out, one thing after the other, and names what has no name.
    fn simplify(&mut self, holds: &dyn Fn(&Self) -> bool) {
        let mut attempt = |change: &dyn Fn(&mut Self)| {
            let mut changed = self.clone();
            change(&mut changed);
            if holds(&changed) {
                *self = changed;
            }
        };
        attempt(&|asked| {
            asked.principal.remove("tenant");
            asked.resource.remove("tenant");
        });
        for (part, name, better) in NAMES {
            attempt(&|asked| {
                let table = asked.part(*part);
                if table.contains_key(*name) {
                    table.insert((*name).to_owned(), Value::from(*better));
                }
            });
        }
        for part in [Part::Principal, Part::Resource, Part::Context] {
            let names: Vec<String> = self.clone().part(part).keys().cloned().collect();
            for name in names {
                let mut changed = self.clone();
                changed.part(part).remove(&name);
                if holds(&changed) {
                    *self = changed;
                    continue;
                }
                for index in 0..self.part(part).get(&name).map_or(0, length) {
                    let mut changed = self.clone();
                    // From the end, so that what was looked at stays where it is.
                    if let Some(list) = changed.part(part).get_mut(&name) {
                        shorten(list, index);
                    }
                    if holds(&changed) {
                        *self = changed;
                    }
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Principal,
    Resource,
    Context,
}

fn length(list: &Value) -> usize {
    match list {
        Value::Array(list) => list.len(),
        Value::Table(table) => table.len(),
        _ => 0,
    }
}

/// Takes an element away, counted from the end.
fn shorten(list: &mut Value, index: usize) {
    let position = length(list).checked_sub(index.saturating_add(1));
    match (list, position) {
        (Value::Array(list), Some(position)) => drop(list.remove(position)),
        (Value::Table(table), Some(position)) => {
            if let Some(name) = table.keys().nth(position).cloned() {
                table.remove(&name);
            }
        }
        _ => {}
    }
}

/// Every way to read what the solver found as a request of the gateway's.
fn readings(env: &Env) -> Vec<Asked> {
    let Some((asked, choices)) = read(env) else {
        return Vec::new();
    };
    let mut readings = vec![asked];
    for Choice { part, name, values } in choices {
        let one = |reading: &Asked, value: &String| {
            let mut reading = reading.clone();
            reading
                .part(part)
                .insert(name.to_owned(), Value::from(value.as_str()));
            reading
        };
        let with = |reading: Asked| {
            let each: Vec<Asked> = values.iter().map(|value| one(&reading, value)).collect();
            if each.is_empty() { vec![reading] } else { each }
        };
        readings = readings.into_iter().flat_map(with).collect();
    }
    readings
}

/// Something that the solver's words say in more than one way.
struct Choice {
    part: Part,
    name: &'static str,
    values: Vec<String>,
}

fn read(env: &Env) -> Option<(Asked, Vec<Choice>)> {
    let (principal, resource) = (env.request.principal()?, env.request.resource()?);
    let mut asked = Asked {
        principal: attributes(env, principal),
        resource: attributes(env, resource),
        context: context(env)?,
    };
    for (words, of_type) in [("roles", "Role"), ("groups", "Group")] {
        let names: Vec<Value> = ancestors(env, principal, of_type)
            .into_iter()
            .map(Value::from)
            .collect();
        if !names.is_empty() {
            asked.principal.insert(words.to_owned(), names.into());
        }
    }
    let mut choices = vec![Choice {
        part: Part::Principal,
        name: "name",
        values: either([Some(id(principal)), taken(&mut asked.principal, "name")]),
    }];
    let tenant = asked.principal.get("tenant").and_then(Value::as_str);
    let tenant = tenant.map(str::to_owned);
    choices.push(Choice {
        part: Part::Resource,
        name: "tenant",
        values: either([taken(&mut asked.resource, "tenant"), tenant]),
    });
    match resource.type_name().basename() {
        "Tenant" => {
            if let Some(until) = asked.resource.remove("holdUntil") {
                asked.resource.insert("retainUntil".to_owned(), until);
            }
        }
        "Bucket" => choices.push(Choice {
            part: Part::Resource,
            name: "bucket",
            values: either([Some(id(resource)), taken(&mut asked.resource, "name")]),
        }),
        _ => {
            let lies_in = ancestors(env, resource, "Bucket").into_iter().next();
            choices.push(Choice {
                part: Part::Resource,
                name: "bucket",
                values: either([lies_in, taken(&mut asked.resource, "bucket")]),
            });
            let segments: Vec<String> = ["seg1", "seg2", "seg3"]
                .into_iter()
                .filter_map(|name| taken(&mut asked.resource, name))
                .collect();
            let key = taken(&mut asked.resource, "key");
            choices.push(Choice {
                part: Part::Resource,
                name: "key",
                values: either([key, Some(segments.join("/"))]),
            });
        }
    }
    let prefix = taken(&mut asked.context, "listPrefix");
    let segment = taken(&mut asked.context, "listSeg1").map(|segment| segment + "/");
    choices.push(Choice {
        part: Part::Context,
        name: "listPrefix",
        values: either([prefix, segment]),
    });
    Some((asked, choices))
}

fn either<const N: usize>(values: [Option<String>; N]) -> Vec<String> {
    let mut values: Vec<String> = values.into_iter().flatten().collect();
    values.dedup();
    values
}

fn taken(table: &mut Table, name: &str) -> Option<String> {
    match table.remove(name)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn id(uid: &EntityUid) -> String {
    uid.id().unescaped().to_owned()
}

fn ancestors(env: &Env, of: &EntityUid, of_type: &str) -> Vec<String> {
    let all = env.entities.ancestors(of).into_iter().flatten();
    let mut names: Vec<String> = all
        .filter(|uid| uid.type_name().basename() == of_type)
        .map(id)
        .collect();
    names.sort();
    names
}

/// An entity's attributes and tags.
fn attributes(env: &Env, uid: &EntityUid) -> Table {
    let Some(entity) = env.entities.get(uid) else {
        return Table::new();
    };
    let mut table: Table = entity
        .attrs()
        .filter_map(|(name, value)| Some((name.to_owned(), told(env, &value.ok()?)?)))
        .collect();
    let tags = tags(env, entity);
    if !tags.is_empty() {
        table.insert("tags".to_owned(), tags.into());
    }
    table
}

fn tags(env: &Env, entity: &Entity) -> Table {
    let tags = entity.tags();
    tags.filter_map(|(name, value)| Some((name.to_owned(), told(env, &value.ok()?)?)))
        .collect()
}

fn context(env: &Env) -> Option<Table> {
    let EvalResult::Record(record) = evaluated(env, "context")? else {
        return None;
    };
    let mut table = record_told(env, &record);
    if let Some(EvalResult::EntityUid(uid)) = record.get("reqTags")
        && let Some(entity) = env.entities.get(uid)
    {
        let tags = tags(env, entity);
        if !tags.is_empty() {
            table.insert("reqTags".to_owned(), tags.into());
        }
    }
    if let Some(Value::Table(glass)) = table.get_mut("breakGlass") {
        let length = glass.remove("reasonLength");
        let length = length.and_then(|length| usize::try_from(length.as_integer()?).ok());
        let reason = glass
            .get("reason")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if let Some(length) = length
            && length <= 1000
            && reason.trim().chars().count() != length
        {
            glass.insert("reason".to_owned(), "x".repeat(length).into());
        }
    }
    Some(table)
}

fn record_told(env: &Env, record: &Record) -> Table {
    let fields = record.iter();
    fields
        .filter_map(|(name, value)| Some((name.clone(), told(env, value)?)))
        .collect()
}

/// A value in a case's words; none for what cases do not say.
fn told(env: &Env, value: &EvalResult) -> Option<Value> {
    Some(match value {
        EvalResult::Bool(flag) => (*flag).into(),
        EvalResult::Long(number) => (*number).into(),
        EvalResult::String(text) => text.clone().into(),
        EvalResult::Set(set) => set
            .iter()
            .filter_map(|value| told(env, value))
            .collect::<Vec<_>>()
            .into(),
        EvalResult::Record(record) => record_told(env, record).into(),
        EvalResult::EntityUid(_) => return None,
        EvalResult::ExtensionValue(text) => {
            let whole = |text: String| match evaluated(env, &text)? {
                EvalResult::Long(number) => Some(number),
                _ => None,
            };
            if text.contains("datetime") {
                let since = format!("({text}).durationSince(datetime(\"1970-01-01\"))");
                let millis = whole(format!("{since}.toMilliseconds()"))?;
                let nanos = i128::from(millis).checked_mul(1_000_000)?;
                let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
                time.format(&Rfc3339).ok()?.into()
            } else if text.contains("duration") {
                let millis = whole(format!("({text}).toMilliseconds()"))?;
                format!("{millis}ms").into()
            } else {
                // Of a network one address will do, if any does.
                let address = text.split('"').nth(1)?;
                address.split('/').next()?.into()
            }
        }
    })
}

fn evaluated(env: &Env, expression: &str) -> Option<EvalResult> {
    let expression = Expression::from_str(expression).ok()?;
    eval_expression(&env.request, &env.entities, &expression).ok()
}

/// What is called so instead, where a name does not matter.
const NAMES: &[(Part, &str, &str)] = &[
    (Part::Principal, "name", "somebody"),
    (Part::Resource, "bucket", "some-bucket"),
    (Part::Resource, "key", "some/key"),
];
