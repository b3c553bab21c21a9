//! `sealgate keys`: what an administrator does with tenants' keys. All but `export-audit`
//! asks the admin API.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::admin::{lines, list, tell, tell_asked};
use super::client::{AdminOptions, segment, text_of};
use super::jobs::{JobsCommand, NewJob};
use super::key_copies::{BackupOptions, MirrorOptions, RestoreOptions};
use super::object::tenant_of;
use super::serve::load;
use super::terminal::Terminal;
use super::{Failure, Outcome};
use crate::clock::Clock;
use crate::tools::{Custody, ToolError, export_audit_keys};

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// List all keyrings.
    List(AdminOptions),
    /// Show a tenant's keyring: its KEK versions, their states, what wraps them.
    Show(OfTenant),
    /// Make a new KEK version the active one; the ones before open what they sealed.
    Rotate(OfTenant),
    /// Wrap all keys of a tenant under another root key. No object is touched.
    Rewrap {
        /// The root key's id or ARN; where a new key would be wrapped, if left out.
        #[arg(long, value_name = "KEY")]
        to_kms_key: Option<String>,
        /// Its provider; the first that is configured, if left out.
        #[arg(long, value_name = "NAME", requires = "to_kms_key")]
        to_provider: Option<String>,
        #[command(flatten)]
        of: OfTenant,
    },
    /// Stop all use of a tenant's keys, on every replica within five seconds.
    Freeze(OfTenant),
    /// End a freeze.
    Thaw(OfTenant),
    /// Have every replica forget a tenant's unwrapped keys within five seconds and ask the KMS anew.
    Evict(OfTenant),
    /// Destroy one KEK version or, without --key, all of a tenant's: what they sealed can then never be opened.
    /// Waits 7 to 30 days, in which the keys are refused and the destruction can be taken back; needs two others.
    Destroy {
        /// The KEK version; all of the tenant's if left out.
        #[arg(long, value_name = "ID")]
        key: Option<String>,
        /// How many days it waits.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(7..=30))]
        days: u32,
        /// The approval to use, once two others have given it.
        #[arg(long, value_name = "ID")]
        approval: Option<String>,
        #[command(flatten)]
        of: OfTenant,
    },
    /// Take back the destruction of keys that wait for it.
    CancelDestruction {
        /// The KEK version; all that wait if left out.
        #[arg(long, value_name = "ID")]
        key: Option<String>,
        #[command(flatten)]
        of: OfTenant,
    },
    /// Count a tenant's objects and bytes by the KEK version that they need. The gateways do it in a job.
    Usage(NewJob),
    /// Move the headers of a tenant's objects to the active KEK version of their scope, so that older ones are not
    /// needed any more. Bodies and data keys stay: it takes nothing away from somebody who has had a data key. The
    /// gateways do it in a job.
    RewrapObjects(NewJob),
    /// Seal a tenant's objects anew, each under another data key: what answers that somebody may have had data keys.
    /// Every body passes through a gateway, and each object has another ETag afterwards. The gateways do it in a job.
    Reencrypt(NewJob),
    /// Look at jobs, and cancel them.
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Print the signed certificates of what was destroyed.
    Certificates(OfTenant),
    /// Write all keyrings, wrapped as they are, to one file that is authenticated as a whole.
    Backup(BackupOptions),
    /// Bring back keyrings that are lost, from a backup or from the mirror; never over newer ones.
    Restore(RestoreOptions),
    /// Compare the mirror of keyrings with the system bucket.
    Mirror(MirrorOptions),
    /// Write a tenant's audit keys to a file: they check the MAC of stored objects and open none.
    ExportAudit(ExportAudit),
}

/// A tenant, and how to ask about it.
#[derive(Debug, Args)]
pub(super) struct OfTenant {
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// One of its key scopes, by prefix, for example `clinics/17/`; what is in no other if left out. A freeze, a thaw and
    /// an eviction without it are of all of the tenant's scopes.
    #[arg(long, value_name = "PREFIX/")]
    scope: Option<String>,
    #[command(flatten)]
    options: AdminOptions,
}

/// Options of `sealgate keys export-audit`.
#[derive(Debug, Args)]
pub(super) struct ExportAudit {
    /// The configuration file of a gateway.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The tenant; may be left out if the configuration has only one.
    #[arg(long)]
    tenant: Option<String>,
    /// The new file, readable by its owner only.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

impl KeysCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::List(options) => list(terminal, &options, ("/v1/keys", "keyrings"), summary),
            Self::Show(of) => {
                let scope = of.scope.as_deref().map(segment);
                let query = scope.map(|scope| format!("?scope={scope}"));
                of.show(terminal, Method::GET, &query.unwrap_or_default(), None)
            }
            Self::Rotate(of) => of.act(terminal, "/rotate"),
            Self::Rewrap {
                to_kms_key,
                to_provider,
                of,
            } => {
                let body = of.body([
                    ("root_key", to_kms_key.map(Value::from)),
                    ("provider", to_provider.map(Value::from)),
                ]);
                let moved = of.ask(Method::POST, "/rewrap", Some(&body))?;
                tell(terminal, of.options.json, &moved, |moved| {
                    let keyring = moved.get("keyring").map(shown).unwrap_or_default();
                    let count = format!("{} keys moved", text_of(moved, "moved"));
                    [vec![count], keyring].concat()
                })
            }
            Self::Freeze(of) => of.act(terminal, "/freeze"),
            Self::Thaw(of) => of.act(terminal, "/thaw"),
            Self::Evict(of) => of.act(terminal, "/evict"),
            Self::Destroy {
                key,
                days,
                approval,
                of,
            } => {
                let body = of.body([
                    ("key", key.map(Value::from)),
                    ("days", Some(json!(days))),
                    ("approval", approval.map(Value::from)),
                ]);
                let answer = of.ask(Method::POST, "/destroy", Some(&body))?;
                match answer.get("approval") {
                    Some(asked) => tell_asked(terminal, of.options.json, asked),
                    None => tell(terminal, of.options.json, &answer, |answer| {
                        let count = format!(
                            "what becomes unreadable is counted: sealgate keys jobs show --tenant {} {}",
                            text_of(answer, "tenant"),
                            text_of(answer, "count")
                        );
                        [shown(answer), vec![count]].concat()
                    }),
                }
            }
            Self::CancelDestruction { key, of } => {
                let body = of.body([("key", key.map(Value::from))]);
                of.show(terminal, Method::POST, "/cancel-destruction", Some(&body))
            }
            Self::Usage(job) => job.run(terminal, "usage"),
            Self::RewrapObjects(job) => job.run(terminal, "rewrap-objects"),
            Self::Reencrypt(job) => job.run(terminal, "reencrypt"),
            Self::Jobs(jobs) => jobs.run(terminal),
            Self::Certificates(of) => {
                let all = of.ask(Method::GET, "/certificates", None)?;
                tell(terminal, of.options.json, &all, certificates)
            }
            Self::Backup(options) => options.run(terminal),
            Self::Restore(options) => options.run(terminal),
            Self::Mirror(options) => options.run(terminal),
            Self::ExportAudit(export) => {
                let tenant = super::block_on(export.export())??;
                terminal.say(&format!(
                    "{}: the audit keys of tenant {tenant}",
                    export.out.display()
                ));
                Ok(Outcome::Clean)
            }
        }
    }
}

impl OfTenant {
    fn ask(&self, method: Method, what: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let path = format!("/v1/tenants/{}/keys{what}", segment(&self.tenant));
        self.options.ask(method, &path, body)
    }

    /// A body of the scope and of those members that have a value.
    fn body<const N: usize>(&self, members: [(&str, Option<Value>); N]) -> Value {
        let scope = ("scope", self.scope.clone().map(Value::from));
        let given = members
            .into_iter()
            .chain([scope])
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect::<Map<_, _>>())
    }

    /// Does what needs no more than the scope.
    fn act(&self, terminal: &mut Terminal, what: &str) -> Result<Outcome, Failure> {
        self.show(terminal, Method::POST, what, Some(&self.body([])))
    }

    /// Asks, and shows the keyring as it is then.
    fn show(
        &self,
        terminal: &mut Terminal,
        method: Method,
        what: &str,
        body: Option<&Value>,
    ) -> Result<Outcome, Failure> {
        let keyring = self.ask(method, what, body)?;
        tell(terminal, self.options.json, &keyring, shown)
    }
}

impl ExportAudit {
    async fn export(&self) -> Result<String, ToolError> {
        let config = load(&self.config).map_err(|failure| ToolError::Asked(failure.0))?;
        let tenant = tenant_of(&config, self.tenant.as_deref())?;
        let custody = Custody::configured(&config, &Clock::system()).await?;
        export_audit_keys(&custody.keys, &tenant, &self.out).await?;
        Ok(tenant)
    }
}

fn keys(keyring: &Value) -> impl Iterator<Item = &Value> {
    let keys = keyring.get("keys").and_then(Value::as_array);
    keys.into_iter().flatten()
}

fn summary(keyring: &Value) -> String {
    let keks = keys(keyring).filter(|key| text_of(key, "purpose") == "kek");
    let overdue = match text_of(keyring, "rotation_overdue").as_str() {
        "true" => " (overdue)",
        _ => "",
    };
    let frozen = match text_of(keyring, "frozen") {
        since if since.is_empty() => since,
        since => format!(", FROZEN since {since}"),
    };
    format!(
        "{:<20} generation {}, {} KEK versions, rotation due {}{overdue}{frozen}",
        text_of(keyring, "tenant"),
        text_of(keyring, "generation"),
        keks.count(),
        text_of(keyring, "rotation_due"),
    )
}

fn shown(keyring: &Value) -> Vec<String> {
    let mut shown = vec![summary(keyring)];
    for key in keys(keyring) {
        let wraps = key.get("wraps").and_then(Value::as_array);
        let wraps: Vec<String> = wraps
            .into_iter()
            .flatten()
            .map(|wrap| {
                format!(
                    "{} {}",
                    text_of(wrap, "provider"),
                    text_of(wrap, "root_key")
                )
            })
            .collect();
        let end = match text_of(key, "state").as_str() {
            "pending-destroy" => format!("  destroyed after {}", text_of(key, "destroy_after")),
            "destroyed" => format!("  destroyed {}", text_of(key, "destroy_after")),
            _ => String::new(),
        };
        shown.push(format!(
            "  {}  {:<5} {:<15} made {}  {}{end}",
            text_of(key, "id"),
            text_of(key, "purpose"),
            text_of(key, "state"),
            text_of(key, "created"),
            wraps.join(", ")
        ));
    }
    shown
}

fn certificates(all: &Value) -> Vec<String> {
    let mut shown = vec![format!(
        "public key (Ed25519): {}",
        text_of(all, "public_key")
    )];
    shown.extend(lines(all, "certificates", |one| {
        format!(
            "{}\n  signature {}",
            text_of(one, "statement"),
            text_of(one, "signature")
        )
    }));
    shown
}
