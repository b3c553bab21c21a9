//! `sealgate evidence`: the pack that an auditor is handed.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::Failure;
use super::client::{AdminOptions, segment, text_of};
use super::terminal::Terminal;

/// Options of `sealgate evidence`.
#[derive(Debug, Args)]
pub(super) struct Evidence {
    /// The tenant.
    tenant: String,
    /// From then on: a day (2026-11-27) or a time (2026-11-27T08:00:00Z).
    #[arg(long)]
    from: String,
    /// Up to then, that day included; else up to now.
    #[arg(long)]
    to: Option<String>,
    /// The new file, a zip: `sealgate-verify evidence FILE` checks it.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    options: AdminOptions,
}

impl Evidence {
    pub(super) fn run(&self, terminal: &mut Terminal) -> Result<(), Failure> {
        let failed =
            |error: &dyn std::fmt::Display| Failure(format!("{}: {error}", self.out.display()));
        // Before anything is asked: making it is on the trail. It names people.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.out)
            .map_err(|error| failed(&error))?;
        let asked = self.ask();
        if asked.is_err() {
            let _ = std::fs::remove_file(&self.out);
        }
        let (answer, pack) = asked?;
        let written = file.write_all(&pack).and_then(|()| file.sync_all());
        written.map_err(|error| failed(&error))?;
        if self.options.json {
            return terminal.say_json(&answer);
        }
        terminal.say(&format!(
            "{}: {} from {} to {}, {} bytes",
            self.out.display(),
            self.tenant,
            text_of(&answer, "from"),
            text_of(&answer, "to"),
            pack.len()
        ));
        terminal.note(&format!(
            "Whoever has the deployment's key (`sealgate audit key`) checks it with: sealgate-verify evidence {} --key KEY",
            self.out.display()
        ));
        Ok(())
    }

    /// What the gateway says of the pack, and the pack.
    fn ask(&self) -> Result<(Value, Vec<u8>), Failure> {
        let path = format!("/v1/tenants/{}/evidence", segment(&self.tenant));
        let mut question = json!({ "from": self.from });
        if let (Some(to), Some(members)) = (&self.to, question.as_object_mut()) {
            members.insert("to".to_owned(), json!(to));
        }
        let mut answer = self.options.ask(Method::POST, &path, Some(&question))?;
        let pack = answer
            .as_object_mut()
            .and_then(|members| members.remove("pack"));
        let pack = pack.as_ref().and_then(Value::as_str).unwrap_or_default();
        let pack = STANDARD
            .decode(pack)
            .map_err(|_| Failure("the admin API's answer holds no pack".to_owned()))?;
        Ok((answer, pack))
    }
}
