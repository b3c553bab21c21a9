//! What a pack shows of the trail: reports and samples of lines, each with its proof, a summary of all lines in that time, and
//! the tenant's extract. It has no key: what is sealed stays so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use audit::Pack;
use audit::verify::{Found, extract_logs, prove_lines};
use audit_index::{About, Hit, Index, OfLog, Question};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::AdminError;
use super::super::audit_search::{text_of, unproved};
use super::add;

/// A tenant's trail in a journal, between two times in milliseconds since 1970.
pub(super) struct Trail {
    journal: PathBuf,
    tenant: String,
    from: i64,
    to: i64,
}

/// A sample: its file, and which lines are its candidates.
type Sample = (&'static str, fn(&Value) -> bool);

const SAMPLES: &[Sample] = &[
    ("samples/reads.json", |line| ended(line, "read")),
    ("samples/writes.json", |line| ended(line, "write")),
    ("samples/sessions.json", |line| {
        text(line, "/kind").starts_with("session.")
    }),
];

impl Trail {
    pub(super) fn new(journal: &Path, tenant: &str, from: i64, to: i64) -> Self {
        Self {
            journal: journal.to_owned(),
            tenant: tenant.to_owned(),
            from,
            to,
        }
    }

    /// Puts all its files into the pack. Blocks on the disk.
    pub(super) fn add_to(&self, pack: &mut Pack) -> Result<(), AdminError> {
        let index = Index::new(&self.journal, &self.tenant);
        index.update()?;
        // What happens to the trail itself is of no tenant.
        let of_none = Index::new(&self.journal, "");
        of_none.update()?;
        let mut told = BTreeMap::new();
        for about in About::ALL {
            let (index, tenant) = match about {
                About::Trail => (&of_none, ""),
                _ => (&index, self.tenant.as_str()),
            };
            let question = Question {
                about: Some(about),
                ..self.question(REPORTED.saturating_add(1))
            };
            let name = report(about);
            let hits = index.find(&question)?;
            told.insert(name.clone(), self.lines(pack, &name, index, tenant, hits)?);
        }
        let firsts = index.firsts(self.from, self.to)?.into_iter();
        let mut firsts: Vec<Hit> = firsts.map(|first| first.hit).collect();
        // Somebody new comes from a network and with a device at once.
        firsts.dedup();
        let counted = self.lines(pack, FIRST_SEEN, &index, &self.tenant, firsts)?;
        told.insert(FIRST_SEEN.to_owned(), counted);

        let mut seen = Seen::default();
        let mut candidates: Vec<Vec<Hit>> = SAMPLES.iter().map(|_| Vec::new()).collect();
        let hits = index.find(&self.question(SUMMED.saturating_add(1)))?;
        let more = hits.len() > SUMMED;
        for hit in hits.into_iter().take(SUMMED) {
            let line: Value = serde_json::from_str(&index.line(&hit)?).unwrap_or_default();
            seen.add(&line);
            for (of, (_, is_one)) in candidates.iter_mut().zip(SAMPLES) {
                if is_one(&line) {
                    of.push(hit.clone());
                }
            }
        }
        for ((name, _), of) in SAMPLES.iter().zip(candidates) {
            let hits = evenly(&of);
            told.insert(
                (*name).to_owned(),
                self.lines(pack, name, &index, &self.tenant, hits)?,
            );
        }
        let logs = index.completeness(self.from, self.to)?;
        let extract = self.extract(pack, &logs)?;
        let summary = json!({
            "tenant": self.tenant,
            "from": text_of(self.from),
            "to": text_of(self.to),
            "complete": logs.iter().all(OfLog::is_complete),
            "logs": logs,
            "files": told,
            "extract": extract,
            "lines": seen,
            "lines_not_summed_up": more,
        });
        add(pack, SUMMARY, &summary)
    }

    fn question(&self, most: usize) -> Question {
        Question {
            from: self.from,
            to: self.to,
            most,
            ..Question::default()
        }
    }

    /// Writes a file of lines with their proofs. Gives how many it has, and whether there are more.
    fn lines(
        &self,
        pack: &mut Pack,
        name: &str,
        index: &Index,
        tenant: &str,
        hits: Vec<Hit>,
    ) -> Result<Value, AdminError> {
        let more = hits.len() > REPORTED;
        let mut found = Vec::new();
        for hit in hits.into_iter().take(REPORTED) {
            found.push(Found {
                line: index.line(&hit)?,
                log: hit.log,
                seq: hit.seq,
            });
        }
        let proved =
            prove_lines(&self.journal, tenant, &found).map_err(|error| unproved(&error))?;
        add(pack, name, &json!(proved))?;
        Ok(json!({ "lines": found.len(), "more": more }))
    }

    /// All lines of the tenant in the logs of that time, with their proofs; where those are not too many.
    fn extract(&self, pack: &mut Pack, logs: &[OfLog]) -> Result<Value, AdminError> {
        let lines = logs
            .iter()
            .fold(0, |sum: u64, log| sum.saturating_add(log.lines));
        let included = lines <= EXTRACTED && !logs.is_empty();
        if included {
            let wanted = |name: &str| logs.iter().any(|log| log.log == name);
            let extract = extract_logs(&self.journal, &self.tenant, wanted).map_err(|error| {
                AdminError::conflict(&error.to_string(), "Verify the trail, and ask again.")
            })?;
            add(pack, EXTRACT, &json!(extract))?;
        }
        Ok(json!({ "lines": lines, "included": included, "at_most": EXTRACTED }))
    }
}

/// What there is in a tenant's lines.
#[derive(Default, Serialize)]
struct Seen {
    number: u64,
    kinds: BTreeMap<String, u64>,
    operations: BTreeMap<String, u64>,
    decisions: BTreeMap<String, u64>,
    statuses: BTreeMap<String, u64>,
    /// 12 or 13; 0 is without TLS; `-` where it is not said.
    tls_versions: BTreeMap<String, u64>,
    client_certificates: u64,
    /// Of lines about people: whether a second factor had been shown.
    second_factor: BTreeMap<&'static str, u64>,
    /// By token.
    principals: BTreeMap<String, Principal>,
}

#[derive(Default, Serialize)]
struct Principal {
    r#type: String,
    roles: Value,
    lines: u64,
    denied: u64,
    first: String,
    last: String,
}

impl Seen {
    fn add(&mut self, line: &Value) {
        let told = |at: &str| match line.pointer(at) {
            None => "-".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        count(&mut self.number);
        for (counts, at) in [
            (&mut self.kinds, "/kind"),
            (&mut self.operations, "/op"),
            (&mut self.decisions, "/decision"),
            (&mut self.statuses, "/status"),
            (&mut self.tls_versions, "/tls/ver"),
        ] {
            count(counts.entry(told(at)).or_default());
        }
        if line.pointer("/tls/client_cert_fp").is_some() {
            count(&mut self.client_certificates);
        }
        if text(line, "/actor/type") == "human" {
            let shown = if line.get("mfa").is_some() {
                "shown"
            } else {
                "not shown"
            };
            count(self.second_factor.entry(shown).or_default());
        }
        let Some(token) = line.pointer("/actor/tok").and_then(Value::as_str) else {
            return;
        };
        let principal = self.principals.entry(token.to_owned()).or_default();
        count(&mut principal.lines);
        if text(line, "/decision") == "deny" {
            count(&mut principal.denied);
        }
        principal.r#type = told("/actor/type");
        principal.roles = line.pointer("/actor/roles").cloned().unwrap_or_default();
        principal.last = told("/wall");
        if principal.first.is_empty() {
            principal.first.clone_from(&principal.last);
        }
    }
}

fn count(number: &mut u64) {
    *number = number.saturating_add(1);
}

fn text<'a>(line: &'a Value, at: &str) -> &'a str {
    line.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a line says how an access of this class ended.
fn ended(line: &Value, class: &str) -> bool {
    ["outcome", "complete"].contains(&text(line, "/kind"))
        && text(line, "/class") == class
        && text(line, "/op").starts_with("s3:")
}

/// So many of them, from the first to the last: nobody chose them.
fn evenly(hits: &[Hit]) -> Vec<Hit> {
    let step = hits.len().div_ceil(SAMPLED).max(1);
    hits.iter().step_by(step).cloned().collect()
}

fn report(about: About) -> String {
    format!("reports/{}.json", about.as_str())
}

/// The names of all its files.
#[cfg(test)]
pub(super) fn files() -> Vec<String> {
    let samples = SAMPLES.iter().map(|(name, _)| *name);
    let own = samples.chain([FIRST_SEEN, SUMMARY, EXTRACT]);
    let reports = About::ALL.into_iter().map(report);
    own.map(str::to_owned).chain(reports).collect()
}

const FIRST_SEEN: &str = "reports/first-seen.json";
const SUMMARY: &str = "summary.json";
const EXTRACT: &str = "extract.json";

/// Lines in one report.
const REPORTED: usize = 1000;
/// Lines in one sample.
const SAMPLED: usize = 25;
/// Lines that are read for the summary.
const SUMMED: usize = 100_000;
/// Lines in the extract. With its proofs a line has some 2 KiB.
const EXTRACTED: u64 = 20_000;
