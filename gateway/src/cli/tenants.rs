//! `sealgate tenant …` and `sealgate user …`: tenants and their users, by the admin API.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::admin::{list, tell};
use super::changing::{Grave, Manner, members, put, show};
use super::client::{AdminOptions, segment, text_of};
use super::terminal::Terminal;
use super::{Failure, Outcome};

#[derive(Debug, Subcommand)]
pub(super) enum TenantCommand {
    /// List all tenants.
    List(AdminOptions),
    /// Show a tenant's settings.
    Show {
        /// Its id.
        tenant: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Make a tenant, or change the settings that are given; the others stay. An identity provider that is new, or
    /// not what it was, needs the leave of two others.
    Set(SetTenant),
}

/// Options of `sealgate tenant set`.
#[derive(Debug, Args)]
pub(super) struct SetTenant {
    /// Its id.
    tenant: String,
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// Whom to tell when something happens.
    #[arg(long)]
    security_contact: Option<String>,
    /// Whether people may have long-lived access keys.
    #[arg(long, value_name = "true|false")]
    keys_for_people: Option<bool>,
    /// Days that a long-lived access key lives at most.
    #[arg(long, value_name = "DAYS")]
    longest_key_days: Option<u32>,
    /// Whether nobody of it is let in.
    #[arg(long, value_name = "true|false")]
    disabled: Option<bool>,
    /// Its limits and identity providers: TOML as in the configuration's [[tenants]].
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(flatten)]
    how: Grave,
    #[command(flatten)]
    options: AdminOptions,
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// List a tenant's users.
    List {
        /// The tenant.
        tenant: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Show a user.
    Show {
        /// The tenant.
        tenant: String,
        /// The user.
        user: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Make a user, or change what is given; the rest stays.
    Set(SetUser),
    /// End all sessions of a user, within five seconds on every replica.
    EndSessions {
        /// The tenant.
        tenant: String,
        /// The user; without, everybody of the tenant.
        user: Option<String>,
        /// Only this session, by its access key id.
        #[arg(long, value_name = "ID", conflicts_with = "user")]
        session: Option<String>,
        #[command(flatten)]
        options: AdminOptions,
    },
}

/// Options of `sealgate user set`.
#[derive(Debug, Args)]
pub(super) struct SetUser {
    /// The tenant.
    tenant: String,
    /// The user; `sso/alice` for somebody whom the identity provider `sso` vouches for.
    user: String,
    /// human or service; needed for a new user.
    #[arg(long)]
    kind: Option<String>,
    /// The roles, all of them; may be given several times.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// What policies are told; may be given several times. An empty value takes one away.
    #[arg(long = "attribute", value_name = "NAME=VALUE")]
    attributes: Vec<String>,
    /// Whether the user is not let in, however it signs in.
    #[arg(long, value_name = "true|false")]
    disabled: Option<bool>,
    #[command(flatten)]
    how: Manner,
    #[command(flatten)]
    options: AdminOptions,
}

impl TenantCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::List(options) => list(terminal, &options, ("/v1/tenants", "tenants"), |one| {
                let value = one.get("value").cloned().unwrap_or_default();
                format!("{:<32} {}", text_of(one, "id"), text_of(&value, "name"))
            }),
            Self::Show { tenant, options } => {
                let path = format!("/v1/tenants/{}", segment(&tenant));
                let one = options.ask(Method::GET, &path, None)?;
                tell(terminal, options.json, &one, |one| {
                    let mut lines = members(one);
                    lines.extend(stored(one));
                    lines
                })
            }
            Self::Set(set) => set.run(terminal),
        }
    }
}

/// What a tenant with a limit to it stores.
fn stored(one: &Value) -> Option<String> {
    let stored = one.get("stored").filter(|stored| !stored.is_null())?;
    let limit = text_of(stored, "limit");
    if stored.get("bytes").is_none_or(Value::is_null) {
        return Some(format!(
            "stored: not counted yet; the limit is {limit} bytes"
        ));
    }
    let exceeds = stored.get("exceeds") == Some(&Value::Bool(true));
    Some(format!(
        "stored: {} bytes in {} objects at {}, {} the limit of {limit}",
        text_of(stored, "bytes"),
        text_of(stored, "objects"),
        text_of(stored, "counted"),
        if exceeds { "MORE THAN" } else { "within" }
    ))
}

impl SetTenant {
    fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let path = format!("/v1/tenants/{}", segment(&self.tenant));
        let settings = self.settings.map(|file| {
            let told = |error| Failure(format!("{} cannot be read: {error}", file.display()));
            std::fs::read_to_string(&file).map_err(told)
        });
        let given = [
            ("settings", settings.transpose()?.map(Value::from)),
            ("name", self.name.map(Value::from)),
            ("security_contact", self.security_contact.map(Value::from)),
            ("keys_for_people", self.keys_for_people.map(Value::from)),
            ("longest_key_days", self.longest_key_days.map(Value::from)),
            ("disabled", self.disabled.map(Value::from)),
        ];
        // A tenant that is not there yet is made.
        let before = self.options.ask(Method::GET, &path, None).ok();
        let how = self.how.how();
        put(terminal, &self.options, (&path, before), &given, how)
    }
}

impl UserCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::List { tenant, options } => {
                let path = format!("/v1/tenants/{}/users", segment(&tenant));
                list(terminal, &options, (&path, "users"), |one| {
                    let value = one.get("value").cloned().unwrap_or_default();
                    let roles = value.get("roles").cloned().unwrap_or_default();
                    format!("{:<32} {roles}", text_of(one, "name"))
                })
            }
            Self::Show {
                tenant,
                user,
                options,
            } => show(terminal, &options, &user_path(&tenant, &user)),
            Self::Set(set) => set.run(terminal),
            Self::EndSessions {
                tenant,
                user,
                session,
                options,
            } => {
                let body = match (user, session) {
                    (Some(user), _) => json!({ "principal": user }),
                    (None, Some(id)) => json!({ "access_key_id": id }),
                    (None, None) => json!({ "everybody": true }),
                };
                let path = format!("/v1/tenants/{}/sessions/revoke", segment(&tenant));
                let done = options.ask(Method::POST, &path, Some(&body))?;
                tell(terminal, options.json, &done, |_| {
                    vec!["ended; every replica follows within five seconds".to_owned()]
                })
            }
        }
    }
}

impl SetUser {
    fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let path = user_path(&self.tenant, &self.user);
        let before = self.options.ask(Method::GET, &path, None).ok();
        let old = before
            .as_ref()
            .and_then(|before| before.pointer("/value/attributes"));
        let mut attributes = old.and_then(Value::as_object).cloned().unwrap_or_default();
        for given in &self.attributes {
            let (name, value) = given
                .split_once('=')
                .ok_or_else(|| Failure(format!("--attribute {given}: must be NAME=VALUE")))?;
            if value.is_empty() {
                attributes.remove(name);
            } else {
                attributes.insert(name.to_owned(), json!(value));
            }
        }
        let roles = (!self.roles.is_empty()).then(|| json!(self.roles));
        let given = [
            ("kind", self.kind.map(Value::from)),
            ("roles", roles),
            ("attributes", Some(Value::Object(attributes))),
            ("disabled", self.disabled.map(Value::from)),
        ];
        let how = (&self.how, None);
        put(terminal, &self.options, (&path, before), &given, how)
    }
}

pub(super) fn user_path(tenant: &str, user: &str) -> String {
    format!("/v1/tenants/{}/users/{}", segment(tenant), segment(user))
}
