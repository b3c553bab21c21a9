//! Changes by the admin API as commands make them: look, show what would change, ask, and only then change what was
//! looked at. It must not know what is changed.

use clap::Args;
use http::Method;
use serde_json::{Value, json};
use similar::TextDiff;

use super::admin::{tell, tell_asked};
use super::client::{AdminOptions, text_of};
use super::terminal::Terminal;
use super::{Failure, Outcome};

// Not a doc comment: clap would show it as the description of every command that has these options.
// How a change is made.
#[derive(Debug, Args)]
pub(super) struct Manner {
    /// Only show what would change.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask; without a terminal nothing is asked anyway.
    #[arg(long, short)]
    pub(super) yes: bool,
}

// How a change is made that may need the leave of two others.
#[derive(Debug, Args)]
pub(super) struct Grave {
    #[command(flatten)]
    manner: Manner,
    /// The approval to use, where the change needs one and two others have given it.
    #[arg(long, value_name = "ID")]
    approval: Option<String>,
}

/// A manner, and the id of an approval to use.
pub(super) type How<'h> = (&'h Manner, Option<&'h str>);

impl Grave {
    pub(super) fn how(&self) -> How<'_> {
        (&self.manner, self.approval.as_deref())
    }
}

/// Puts what was there with what is given, if nobody changed it in between. What that changes is shown before, and
/// asked about.
pub(super) fn put(
    terminal: &mut Terminal,
    options: &AdminOptions,
    (path, before): (&str, Option<Value>),
    given: &[(&str, Option<Value>)],
    how: How<'_>,
) -> Result<Outcome, Failure> {
    let version = before.as_ref().and_then(|before| before.get("version"));
    let old = before.as_ref().and_then(|before| before.get("value"));
    let mut value = old.and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, member) in given {
        match member {
            Some(Value::Null) => drop(value.remove(*name)),
            Some(member) => drop(value.insert((*name).to_owned(), member.clone())),
            None => {}
        }
    }
    let body = json!({ "value": value, "version": version.cloned().unwrap_or_else(|| json!(0)) });
    change(terminal, options, path, body, how)
}

/// Changes what is at a path to `body`: first as a trial, whose changes are shown, then in earnest.
pub(super) fn change(
    terminal: &mut Terminal,
    options: &AdminOptions,
    path: &str,
    mut body: Value,
    (manner, approval): How<'_>,
) -> Result<Outcome, Failure> {
    let mut ask = |trial: bool| {
        if let Some(members) = body.as_object_mut() {
            members.insert("dry_run".to_owned(), trial.into());
            if let Some(id) = approval.filter(|_| !trial) {
                members.insert("approval".to_owned(), id.into());
            }
        }
        options.ask(Method::PUT, path, Some(&body))
    };
    let trial = ask(true)?;
    let shown = changed(&trial);
    if manner.dry_run || shown.is_empty() {
        return tell(terminal, options.json, &trial, |_| {
            let why = if shown.is_empty() {
                "nothing changes"
            } else {
                "nothing was changed: --dry-run"
            };
            [shown.as_slice(), &[why.to_owned()]].concat()
        });
    }
    if !options.json {
        for line in &shown {
            terminal.say(line);
        }
    }
    if !manner.yes && !terminal.confirms("Change that?") {
        terminal.note("nothing was changed");
        return Ok(Outcome::Clean);
    }
    let told = ask(false)?;
    if let Some(approval) = told.get("approval") {
        return tell_asked(terminal, options.json, approval);
    }
    tell(terminal, options.json, &told, |told| {
        vec![format!("changed: version {}", text_of(told, "version"))]
    })
}

/// One line for each member that differs; texts of several lines are told line by line.
fn changed(told: &Value) -> Vec<String> {
    let mut said = Vec::new();
    for change in told
        .get("changes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let of = |name| change.get(name).cloned().unwrap_or_default();
        let (path, before, after) = (text_of(change, "path"), of("before"), of("after"));
        let is_long = |value: &Value| value.as_str().is_some_and(|text| text.contains('\n'));
        if is_long(&before) || is_long(&after) {
            said.push(format!("{path}:"));
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            said.extend(by_line(&text(&before), &text(&after)));
        } else {
            said.push(format!("{path}: {before} -> {after}"));
        }
    }
    said
}

/// The lines that went and came, with three around them that stayed.
fn by_line(before: &str, after: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let unified = diff.unified_diff().context_radius(3).to_string();
    unified.lines().map(str::to_owned).collect()
}

/// Shows what is at a path: the members of its `value`, one a line.
pub(super) fn show(
    terminal: &mut Terminal,
    options: &AdminOptions,
    path: &str,
) -> Result<Outcome, Failure> {
    let one = options.ask(Method::GET, path, None)?;
    tell(terminal, options.json, &one, members)
}

/// A document's members, one a line.
pub(super) fn members(one: &Value) -> Vec<String> {
    let members = one.get("value").and_then(Value::as_object);
    let member = |(name, value): (&String, &Value)| format!("{name}: {value}");
    members.into_iter().flatten().map(member).collect()
}
