//! `sealgate role …`: what is said of a tenant's roles, by the admin API.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::admin::{list, tell};
use super::changing::{Manner, put, show};
use super::client::{AdminOptions, segment, text_of};
use super::terminal::Terminal;
use super::{Failure, Outcome};

#[derive(Debug, Subcommand)]
pub(super) enum RoleCommand {
    /// List the roles of which something is said; others are their names.
    List {
        /// The tenant.
        tenant: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Show what is said of a role.
    Show {
        /// The tenant.
        tenant: String,
        /// The role.
        role: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Say something of a role, or change what is given; the rest stays.
    Set(SetRole),
    /// Say nothing of a role any more: it is its name again, and includes no other.
    Delete {
        /// The tenant.
        tenant: String,
        /// The role.
        role: String,
        #[command(flatten)]
        options: AdminOptions,
    },
}

/// Options of `sealgate role set`.
#[derive(Debug, Args)]
pub(super) struct SetRole {
    /// The tenant.
    tenant: String,
    /// The role.
    role: String,
    /// For people.
    #[arg(long)]
    description: Option<String>,
    /// The roles that whoever holds this one holds, too, all of them; may be given several times. An empty text: none.
    #[arg(long = "includes", value_name = "ROLE")]
    includes: Vec<String>,
    /// Minutes without a request after which a session in the role is over; 0: no bound of the role's.
    #[arg(long, value_name = "MINUTES")]
    idle_minutes: Option<u32>,
    /// Minutes that a session in the role lasts at most, 15 to 720; 0: no bound of the role's.
    #[arg(long, value_name = "MINUTES")]
    session_minutes: Option<u32>,
    #[command(flatten)]
    how: Manner,
    #[command(flatten)]
    options: AdminOptions,
}

impl RoleCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::List { tenant, options } => {
                let path = format!("/v1/tenants/{}/roles", segment(&tenant));
                list(terminal, &options, (&path, "roles"), |one| {
                    let value = one.get("value").cloned().unwrap_or_default();
                    format!("{:<32} {value}", text_of(one, "name"))
                })
            }
            Self::Show {
                tenant,
                role,
                options,
            } => show(terminal, &options, &path_of(&tenant, &role)),
            Self::Set(set) => set.run(terminal),
            Self::Delete {
                tenant,
                role,
                options,
            } => {
                let done = options.ask(Method::DELETE, &path_of(&tenant, &role), None)?;
                tell(terminal, options.json, &done, |_| {
                    vec!["deleted; every replica follows within five seconds".to_owned()]
                })
            }
        }
    }
}

impl SetRole {
    fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let path = path_of(&self.tenant, &self.role);
        let before = self.options.ask(Method::GET, &path, None).ok();
        let named: Vec<&String> = self.includes.iter().filter(|one| !one.is_empty()).collect();
        let minutes = |given: Option<u32>| {
            given.map(|minutes| {
                if minutes == 0 {
                    Value::Null
                } else {
                    json!(minutes)
                }
            })
        };
        let given = [
            ("description", self.description.map(Value::from)),
            (
                "includes",
                (!self.includes.is_empty()).then(|| json!(named)),
            ),
            ("idle_minutes", minutes(self.idle_minutes)),
            ("session_minutes", minutes(self.session_minutes)),
        ];
        put(
            terminal,
            &self.options,
            (&path, before),
            &given,
            (&self.how, None),
        )
    }
}

fn path_of(tenant: &str, role: &str) -> String {
    format!("/v1/tenants/{}/roles/{}", segment(tenant), segment(role))
}
