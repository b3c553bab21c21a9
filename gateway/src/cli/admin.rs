//! `sealgate admin`: credentials of administrators, and what they approve.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::client::{AdminOptions, segment, text_of};
use super::serve::load;
use super::terminal::Terminal;
use super::{Failure, Outcome};
use crate::admin::{AdminRole, Token, check_credential, create_credential};
use crate::clock::Clock;
use crate::tools::{Custody, ToolError};

#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// Who the admin API takes you for.
    Whoami(AdminOptions),
    /// Make, list and revoke credentials of administrators.
    #[command(subcommand)]
    Credential(CredentialCommand),
    /// Look at what needs the leave of two others, and give or refuse it.
    #[command(subcommand)]
    Approval(ApprovalCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum CredentialCommand {
    /// Make a credential and print its token, once. With --config by whoever holds the gateway's configuration;
    /// without through the admin API, by the approval of two others.
    Create(Create),
    /// List all credentials; their tokens are not kept.
    List(AdminOptions),
    /// Revoke a credential: within five seconds no replica accepts it.
    Revoke {
        /// Its id.
        id: String,
        #[command(flatten)]
        options: AdminOptions,
    },
}

/// Options of `sealgate admin credential create`.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// Who will hold it.
    name: String,
    /// tenant-owner, security-officer, operator or auditor.
    #[arg(long)]
    role: AdminRole,
    /// The tenant of a tenant-owner.
    #[arg(long)]
    tenant: Option<String>,
    /// The configuration file of a gateway. With the embedded bucket its gateway must be stopped meanwhile.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Keep nothing: print the table to be put into configuration files instead.
    #[arg(long, requires = "out", conflicts_with = "config")]
    declare: bool,
    /// Write the token into this new file, readable by its owner only, instead of printing it.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The approval to use, once two others have given it.
    #[arg(long, value_name = "ID")]
    approval: Option<String>,
    #[command(flatten)]
    options: AdminOptions,
}

#[derive(Debug, Subcommand)]
pub(super) enum ApprovalCommand {
    /// List what was asked for.
    List {
        /// Only those that are pending, approved, used, refused or expired.
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Show one: exactly what would be done.
    Show {
        /// Its id.
        id: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Approve what has this hash.
    Give {
        /// Its id.
        id: String,
        /// The parameters' hash, as `show` printed it.
        hash: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Refuse it, or take it back.
    Refuse {
        /// Its id.
        id: String,
        #[command(flatten)]
        options: AdminOptions,
    },
}

impl AdminCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::Whoami(options) => {
                let who = options.ask(Method::GET, "/v1/whoami", None)?;
                tell(terminal, options.json, &who, |who| {
                    vec![format!(
                        "{} ({})",
                        text_of(who, "name"),
                        text_of(who, "role")
                    )]
                })
            }
            Self::Credential(command) => command.run(terminal),
            Self::Approval(command) => command.run(terminal),
        }
    }
}

impl CredentialCommand {
    fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::Create(create) => create.run(terminal),
            Self::List(options) => {
                let path = "/v1/admin/credentials";
                list(terminal, &options, (path, "credentials"), |one| {
                    let state = match (text_of(one, "revoked"), text_of(one, "declared")) {
                        (revoked, _) if !revoked.is_empty() => format!("revoked {revoked}"),
                        (_, declared) if declared == "true" => "declared".to_owned(),
                        _ => format!(
                            "made {} by {}",
                            text_of(one, "created"),
                            text_of(one, "created_by")
                        ),
                    };
                    let (id, name, role) = (
                        text_of(one, "id"),
                        text_of(one, "name"),
                        text_of(one, "role"),
                    );
                    format!(
                        "{id}  {name:<20} {role:<17} {:<16} {state}",
                        text_of(one, "tenant")
                    )
                })
            }
            Self::Revoke { id, options } => {
                let path = format!("/v1/admin/credentials/{}/revoke", segment(&id));
                let one = options.ask(Method::POST, &path, None)?;
                tell(terminal, options.json, &one, |one| {
                    vec![format!(
                        "{} is revoked since {}",
                        text_of(one, "id"),
                        text_of(one, "revoked")
                    )]
                })
            }
        }
    }
}

impl Create {
    fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        if self.declare {
            return self.declared(terminal);
        }
        if let Some(config) = &self.config {
            let token = super::block_on(self.in_store(config))??;
            return self.hand_over(terminal, token.id(), token.reveal());
        }
        let mut body = json!({ "name": self.name, "role": self.role });
        if let Some(members) = body.as_object_mut() {
            let optional = [("tenant", &self.tenant), ("approval", &self.approval)];
            for (name, value) in optional {
                if let Some(value) = value {
                    members.insert(name.to_owned(), json!(value));
                }
            }
        }
        let made = self
            .options
            .ask(Method::POST, "/v1/admin/credentials", Some(&body))?;
        if let Some(approval) = made.get("approval") {
            return tell_asked(terminal, self.options.json, approval);
        }
        self.hand_over(terminal, &text_of(&made, "id"), &text_of(&made, "token"))
    }

    async fn in_store(&self, config: &Path) -> Result<Token, ToolError> {
        let config = load(config).map_err(|failure| ToolError::Asked(failure.0))?;
        let clock = Clock::system();
        let custody = Custody::configured(&config, &clock).await?;
        let made = create_credential(
            &custody.control,
            &clock,
            &self.name,
            self.role,
            self.tenant.as_deref(),
            "the configuration's holder",
        );
        made.await
            .map_err(|error| ToolError::Asked(error.to_string()))
    }

    fn declared(&self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        check_credential(&self.name, self.role, self.tenant.as_deref())
            .map_err(|error| Failure(error.to_string()))?;
        let token = Token::random().map_err(|error| Failure::new(&error))?;
        for line in declaration(&self.name, self.role, self.tenant.as_deref(), &token) {
            terminal.say(&line);
        }
        self.hand_over(terminal, token.id(), token.reveal())
    }

    fn hand_over(
        &self,
        terminal: &mut Terminal,
        id: &str,
        token: &str,
    ) -> Result<Outcome, Failure> {
        if let Some(out) = &self.out {
            write_token(out, token).map_err(|error| {
                Failure(format!("{} cannot be written: {error}", out.display()))
            })?;
        }
        let told =
            json!({ "id": id, "token": self.out.is_none().then_some(token), "file": self.out });
        if self.options.json {
            terminal.say_json(&told)?;
        } else if let Some(out) = &self.out {
            terminal.note(&format!("{}: the token of credential {id}", out.display()));
        } else {
            terminal.note(&format!(
                "the token of credential {id}, which is told only now:"
            ));
            terminal.say(token);
        }
        Ok(Outcome::Clean)
    }
}

impl ApprovalCommand {
    fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::List { state, options } => {
                let query = state.map(|state| format!("?state={}", segment(&state)));
                let path = format!("/v1/approvals{}", query.unwrap_or_default());
                list(terminal, &options, (&path, "approvals"), summary)
            }
            Self::Show { id, options } => {
                let path = format!("/v1/approvals/{}", segment(&id));
                let one = options.ask(Method::GET, &path, None)?;
                tell(terminal, options.json, &one, shown)
            }
            Self::Give { id, hash, options } => {
                let path = format!("/v1/approvals/{}/approve", segment(&id));
                let body = json!({ "parameters_hash": hash });
                let one = options.ask(Method::POST, &path, Some(&body))?;
                tell(terminal, options.json, &one, |one| vec![summary(one)])
            }
            Self::Refuse { id, options } => {
                let path = format!("/v1/approvals/{}/refuse", segment(&id));
                let one = options.ask(Method::POST, &path, None)?;
                tell(terminal, options.json, &one, |one| vec![summary(one)])
            }
        }
    }
}

/// The answer as JSON, or as lines for people.
pub(super) fn tell(
    terminal: &mut Terminal,
    as_json: bool,
    answer: &Value,
    for_people: impl FnOnce(&Value) -> Vec<String>,
) -> Result<Outcome, Failure> {
    if as_json {
        terminal.say_json(answer)?;
    } else {
        for line in for_people(answer) {
            terminal.say(&line);
        }
    }
    Ok(Outcome::Clean)
}

/// What to do when others are asked first.
pub(super) fn tell_asked(
    terminal: &mut Terminal,
    as_json: bool,
    approval: &Value,
) -> Result<Outcome, Failure> {
    tell(terminal, as_json, approval, |approval| {
        let id = text_of(approval, "id");
        let hash = text_of(approval, "parameters_hash");
        vec![
            format!(
                "Two others must approve this before {}:",
                text_of(approval, "expires")
            ),
            format!("  sealgate admin approval show {id}"),
            format!("  sealgate admin approval give {id} {hash}"),
            format!("Then repeat this command with --approval {id}"),
        ]
    })
}

/// Asks for what there is at a path, and tells each that `name` lists in a line.
pub(super) fn list(
    terminal: &mut Terminal,
    options: &AdminOptions,
    (path, name): (&str, &str),
    line: impl Fn(&Value) -> String,
) -> Result<Outcome, Failure> {
    let all = options.ask(Method::GET, path, None)?;
    tell(terminal, options.json, &all, |all| lines(all, name, line))
}

pub(super) fn lines(answer: &Value, name: &str, line: impl Fn(&Value) -> String) -> Vec<String> {
    let all = answer.get(name).and_then(Value::as_array);
    all.into_iter().flatten().map(line).collect()
}

fn summary(one: &Value) -> String {
    let given = one
        .get("approvals")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    format!(
        "{}  {:<9} {given} of {}  {} {}",
        text_of(one, "id"),
        text_of(one, "state"),
        text_of(one, "needed"),
        text_of(one, "operation"),
        text_of(one, "tenant"),
    )
}

fn shown(one: &Value) -> Vec<String> {
    let voice = |value: &Value| {
        format!(
            "{} ({}) at {}",
            text_of(value, "name"),
            text_of(value, "credential"),
            text_of(value, "at")
        )
    };
    let mut lines = vec![
        summary(one),
        format!(
            "asked by   {}",
            one.get("requested_by").map(voice).unwrap_or_default()
        ),
    ];
    let approvals = one.get("approvals").and_then(Value::as_array);
    lines.extend(
        approvals
            .into_iter()
            .flatten()
            .map(|one| format!("approved   {}", voice(one))),
    );
    lines.push(format!("expires    {}", text_of(one, "expires")));
    lines.push(format!("parameters {}", text_of(one, "parameters")));
    lines.push(format!("hash       {}", text_of(one, "parameters_hash")));
    lines
}

/// The table that declares a credential in a configuration file.
pub(super) fn declaration(
    name: &str,
    role: AdminRole,
    tenant: Option<&str>,
    token: &Token,
) -> Vec<String> {
    let mut lines = vec![
        "[[admin.credentials]]".to_owned(),
        format!("id = \"{}\"", token.id()),
        format!("name = \"{name}\""),
        format!("role = \"{role}\""),
    ];
    lines.extend(tenant.map(|tenant| format!("tenant = \"{tenant}\"")));
    lines.push(format!("sha256 = \"{}\"", token.sha256()));
    lines
}

/// A new file that its owner alone reads.
pub(super) fn write_token(file: &Path, token: &str) -> std::io::Result<()> {
    let mut new = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    writeln!(new, "{token}")?;
    new.sync_all()
}
