//! `sealgate audit search`: the questions that auditors ask, and the answers as they want them.

use std::path::PathBuf;

use clap::Args;
use http::Method;
use serde_json::{Map, Value, json};

use super::Failure;
use super::client::{AdminOptions, segment, text_of};
use super::csv;
use super::terminal::Terminal;

/// Options of `sealgate audit search`.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// The tenant.
    tenant: String,
    /// From then on: a day (2026-11-27) or a time (2026-11-27T08:00:00Z).
    #[arg(long)]
    from: Option<String>,
    /// Up to then, that day included.
    #[arg(long)]
    to: Option<String>,
    /// What was done to this object, as BUCKET/KEY.
    #[arg(long, value_name = "BUCKET/KEY")]
    object: Option<String>,
    /// What this principal did.
    #[arg(long)]
    principal: Option<String>,
    /// What came from this address.
    #[arg(long)]
    address: Option<String>,
    /// What came from this network: a /24, of IPv6 a /48.
    #[arg(long, value_name = "CIDR")]
    network: Option<String>,
    /// What was done with this program on this system, as aws-cli/linux or chrome/windows.
    #[arg(long, value_name = "PROGRAM/SYSTEM")]
    device: Option<String>,
    /// What was done with this access key id.
    #[arg(long)]
    credential: Option<String>,
    /// denials, emergencies, keys, policies, deletions, searches (of the trail), or trail (its gaps, starts and stops).
    #[arg(long)]
    about: Option<String>,
    /// Who read at least so often.
    #[arg(long, value_name = "READS")]
    bulk: Option<u64>,
    /// Who was sent at least so many bytes.
    #[arg(long, value_name = "BYTES")]
    bulk_bytes: Option<u64>,
    /// Who came from a network, or with a device, for the first time.
    #[arg(long)]
    first_seen: bool,
    /// At most so many lines.
    #[arg(long, default_value_t = 1000)]
    limit: usize,
    /// Write the lines as they are stored, each with its proof, to this file: `sealgate-verify lines FILE` checks it.
    #[arg(long, value_name = "FILE")]
    with_proof: Option<PathBuf>,
    /// Print lines as comma-separated values.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    options: AdminOptions,
}

impl Search {
    pub(super) fn run(&self, terminal: &mut Terminal) -> Result<(), Failure> {
        let path = format!("/v1/tenants/{}/audit/search", segment(&self.tenant));
        let mut answer = self
            .options
            .ask(Method::POST, &path, Some(&self.question()?))?;
        if let Some(file) = &self.with_proof {
            let proof = answer.get_mut("proof").map(Value::take).unwrap_or_default();
            std::fs::write(file, proof.to_string())
                .map_err(|error| Failure(format!("{}: {error}", file.display())))?;
        }
        if self.options.json {
            terminal.say_json(&answer)?;
        } else {
            self.print(&answer, terminal);
        }
        Ok(())
    }

    fn question(&self) -> Result<Value, Failure> {
        let mut question = Map::new();
        let mut say = |name: &str, value: Value| {
            if !value.is_null() {
                question.insert(name.to_owned(), value);
            }
        };
        if let Some(object) = &self.object {
            let (bucket, key) = object
                .split_once('/')
                .ok_or_else(|| Failure("--object: must be BUCKET/KEY".to_owned()))?;
            say("object", json!({ "bucket": bucket, "key": key }));
        }
        say("from", json!(self.from));
        say("to", json!(self.to));
        say("principal", json!(self.principal));
        say("address", json!(self.address));
        say("network", json!(self.network));
        say("device", json!(self.device));
        say("credential", json!(self.credential));
        say("about", json!(self.about));
        say("bulk_reads", json!(self.bulk));
        say("bulk_bytes", json!(self.bulk_bytes));
        say("first_seen", json!(self.first_seen));
        say("limit", json!(self.limit));
        say("proof", json!(self.with_proof.is_some()));
        Ok(Value::Object(question))
    }

    fn print(&self, answer: &Value, terminal: &mut Terminal) {
        let list = |name: &str| {
            let items = answer.get(name).and_then(Value::as_array);
            items.cloned().unwrap_or_default()
        };
        if self.csv {
            let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
            terminal.say(&names.join(","));
        }
        for line in list("lines").iter().chain(&list("first_seen")) {
            terminal.say(&if self.csv {
                comma_separated(line)
            } else {
                in_words(line)
            });
        }
        for one in list("bulk") {
            let text = |name: &str| text_of(&one, name);
            terminal.say(&format!(
                "{} reads, {} bytes by {} from {} to {}",
                text("reads"),
                text("bytes"),
                text("principal"),
                text("first"),
                text("last")
            ));
        }
        if answer.get("more") == Some(&Value::Bool(true)) {
            terminal.note("There are more lines: raise --limit, or ask for less time.");
        }
        let logs = answer
            .pointer("/completeness/logs")
            .and_then(Value::as_array);
        let logs = logs.cloned().unwrap_or_default();
        let missing = logs
            .iter()
            .filter(|log| log.get("lines") != log.get("numbered"));
        let missing: Vec<String> = missing.map(|log| text_of(log, "log")).collect();
        terminal.note(&if missing.is_empty() {
            let lines: u64 = logs
                .iter()
                .filter_map(|log| log.get("lines")?.as_u64())
                .sum();
            format!(
                "Complete: the {lines} signed lines in {} logs are numbered without a gap.",
                logs.len()
            )
        } else {
            format!("INCOMPLETE: lines are missing in {}.", missing.join(", "))
        });
    }
}

pub(super) fn member(line: &Value, at: &str) -> String {
    match line.pointer(at) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let texts = items.iter().filter_map(Value::as_str);
            texts.collect::<Vec<_>>().join(" and ")
        }
        Some(other) => other.to_string(),
    }
}

fn in_words(line: &Value) -> String {
    let member = |at: &str| member(line, at);
    let object = [member("/bucket"), member("/sealed/obj.key")];
    let novel = match member("/novel") {
        none if none.is_empty() => none,
        novel => format!("new {novel}"),
    };
    let words = [
        member("/wall"),
        member("/kind"),
        member("/op"),
        object.join("/").trim_end_matches('/').to_owned(),
        member("/decision"),
        member("/status"),
        member("/err"),
        member("/sealed/actor.name"),
        member("/sealed/src.ip"),
        novel,
        format!("{}#{}", member("/log"), member("/seq")),
    ];
    let words = words.into_iter().filter(|word| !word.is_empty());
    // Names are whatever clients sent.
    words
        .map(|word| word.escape_debug().to_string())
        .collect::<Vec<_>>()
        .join("  ")
}

fn comma_separated(line: &Value) -> String {
    csv::row(COLUMNS.iter().map(|(_, at)| member(line, at)))
}

/// A column's name, and where its value is in a line.
const COLUMNS: &[(&str, &str)] = &[
    ("time", "/wall"),
    ("kind", "/kind"),
    ("operation", "/op"),
    ("decision", "/decision"),
    ("status", "/status"),
    ("error", "/err"),
    ("principal", "/sealed/actor.name"),
    ("credential", "/cred"),
    ("bucket", "/bucket"),
    ("key", "/sealed/obj.key"),
    ("version", "/ver"),
    ("address", "/sealed/src.ip"),
    ("bytes_out", "/bytes_out"),
    ("emergency", "/detail/emergency"),
    ("purpose", "/purpose"),
    ("novel", "/novel"),
    ("request", "/req"),
    ("log", "/log"),
    ("seq", "/seq"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_cannot_become_a_formula_or_two_cells() {
        let line = json!({ "kind": "outcome", "seq": 3, "sealed": { "obj.key": "=A1,\"x\"" } });
        let row = comma_separated(&line);
        assert_eq!(row, ",outcome,,,,,,,,\"'=A1,\"\"x\"\"\",,,,,,,,,3");
        assert!(
            in_words(&json!({ "bucket": "b", "sealed": { "obj.key": "a\u{1b}[2Jb" } }))
                .starts_with("b/a\\u{1b}[2Jb")
        );
    }
}
