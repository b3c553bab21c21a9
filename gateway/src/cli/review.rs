//! `sealgate access-review …`, by the admin API.

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::admin::tell;
use super::client::{AdminOptions, segment};
use super::csv;
use super::search::member;
use super::terminal::Terminal;
use super::{Failure, Outcome};

#[derive(Debug, Subcommand)]
pub(super) enum ReviewCommand {
    /// Print who can do what, by which policies, with which keys, and when they last did anything.
    Show {
        /// The tenant.
        tenant: String,
        /// Print comma-separated values: a line for each thing that somebody may do.
        #[arg(long, conflicts_with = "json")]
        csv: bool,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Sign the review that has this hash.
    Sign {
        /// The tenant.
        tenant: String,
        /// The hash, as `show` printed it.
        sha256: String,
        /// A remark.
        #[arg(long, default_value = "")]
        note: String,
        #[command(flatten)]
        options: AdminOptions,
    },
}

impl ReviewCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::Show {
                tenant,
                csv,
                options,
            } => {
                let path = format!("/v1/tenants/{}/access-review", segment(&tenant));
                let told = options.ask(Method::GET, &path, None)?;
                if csv {
                    rows(&told, terminal);
                } else {
                    // It is made to be kept and to be looked at by others: JSON in any case.
                    terminal.say_json(&told)?;
                }
                Ok(Outcome::Clean)
            }
            Self::Sign {
                tenant,
                sha256,
                note,
                options,
            } => {
                let path = format!("/v1/tenants/{}/access-review/sign", segment(&tenant));
                let body = json!({ "sha256": sha256, "note": note });
                let told = options.ask(Method::POST, &path, Some(&body))?;
                tell(terminal, options.json, &told, |_| vec!["signed".to_owned()])
            }
        }
    }
}

fn rows(told: &Value, terminal: &mut Terminal) {
    let names = WHO.iter().chain(WHAT).map(|(name, _)| (*name).to_owned());
    terminal.say(&csv::row(std::iter::once("list".to_owned()).chain(names)));
    for list in ["users", "roles_given", "signed_in", "administrators"] {
        for one in items(told, &format!("/review/{list}")) {
            let who = || std::iter::once(list.to_owned()).chain(cells(one, WHO));
            let access = items(one, "/access");
            for grant in access {
                terminal.say(&csv::row(who().chain(cells(grant, WHAT))));
            }
            if access.is_empty() {
                let nothing = WHAT.iter().map(|_| String::new());
                terminal.say(&csv::row(who().chain(nothing)));
            }
        }
    }
    if told.pointer("/review/complete") == Some(&Value::Bool(false)) {
        terminal
            .note("What the last of these may do is missing: there are too many for one review.");
    }
    terminal.note(&format!(
        "Sign it with `sealgate access-review sign {} {}`.",
        member(told, "/review/tenant"),
        member(told, "/sha256")
    ));
}

fn items<'v>(of: &'v Value, at: &str) -> &'v [Value] {
    let items = of.pointer(at).and_then(Value::as_array);
    items.map_or(&[], Vec::as_slice)
}

/// Lists as words with spaces between.
fn cells(of: &Value, columns: &[(&str, &str)]) -> Vec<String> {
    let cell = |(_, at): &(&str, &str)| {
        let list = items(of, at);
        if list.is_empty() && of.pointer(at).is_some_and(Value::is_array) {
            return String::new();
        }
        if list.is_empty() {
            return member(of, at);
        }
        let words = list.iter().map(|item| match item {
            Value::String(text) => text.clone(),
            // A key of a user: what names it.
            other => member(other, "/access_key_id"),
        });
        words.collect::<Vec<_>>().join("; ")
    };
    columns.iter().map(cell).collect()
}

/// A column's name, and where its value is in somebody's entry.
const WHO: &[(&str, &str)] = &[
    ("name", "/name"),
    ("provider", "/provider"),
    ("role_given", "/role"),
    ("values", "/values"),
    ("roles", "/roles"),
    ("disabled", "/disabled"),
    ("access_keys", "/access_keys"),
    ("last_used", "/last_used"),
    ("unused", "/unused"),
];

/// The same of something that they may do.
const WHAT: &[(&str, &str)] = &[
    ("on", "/on"),
    ("when", "/when"),
    ("actions", "/actions"),
    ("policies", "/policies"),
    ("unless", "/unless"),
];
