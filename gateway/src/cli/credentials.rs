//! `sealgate credential …` and `sealgate emergency …`, by the admin API.

use clap::Subcommand;
use http::Method;
use serde_json::json;

use super::admin::{list, tell};
use super::client::{AdminOptions, segment, text_of};
use super::tenants::user_path;
use super::terminal::Terminal;
use super::{Failure, Outcome};

#[derive(Debug, Subcommand)]
pub(super) enum CredentialCommand {
    /// Make a long-lived access key for a user and print its secret, once.
    Create {
        /// The tenant.
        tenant: String,
        /// The user.
        user: String,
        /// A network it may be used from, as in 192.0.2.0/24; may be given several times.
        #[arg(long = "network", value_name = "CIDR")]
        networks: Vec<String>,
        /// The client's certificate it may be used with only: its SHA-256.
        #[arg(long, value_name = "SHA256")]
        certificate: Option<String>,
        /// Days until it ends; without, the tenant's most.
        #[arg(long)]
        days: Option<u32>,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// List a user's access keys.
    List {
        /// The tenant.
        tenant: String,
        /// The user.
        user: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Take an access key away: within five seconds no replica accepts it, nor sessions made with it.
    Delete {
        /// The tenant.
        tenant: String,
        /// The user.
        user: String,
        /// The access key id.
        id: String,
        #[command(flatten)]
        options: AdminOptions,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum EmergencyCommand {
    /// Break the glass: let a principal see, for a while, what policies permit in emergencies only.
    Declare {
        /// The tenant.
        tenant: String,
        /// For whom, as in sso/alice.
        principal: String,
        /// Why, in at least 20 characters.
        #[arg(long)]
        reason: String,
        /// For how long, at most 60.
        #[arg(long, default_value_t = 30)]
        minutes: u32,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// List emergencies.
    List {
        /// The tenant.
        tenant: String,
        /// Only those that are on, awaits-review or reviewed.
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// End one before its time.
    End {
        /// The tenant.
        tenant: String,
        /// Its id.
        id: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Say what was found on looking at one afterwards; not for whoever declared it.
    Review {
        /// The tenant.
        tenant: String,
        /// Its id.
        id: String,
        /// What was found.
        finding: String,
        #[command(flatten)]
        options: AdminOptions,
    },
}

impl CredentialCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::Create {
                tenant,
                user,
                networks,
                certificate,
                days,
                options,
            } => {
                let body =
                    json!({ "networks": networks, "certificate": certificate, "days": days });
                let path = format!("{}/access-keys", user_path(&tenant, &user));
                let made = options.ask(Method::POST, &path, Some(&body))?;
                tell(terminal, options.json, &made, |made| {
                    vec![
                        format!(
                            "export AWS_ACCESS_KEY_ID={}",
                            text_of(made, "access_key_id")
                        ),
                        format!(
                            "export AWS_SECRET_ACCESS_KEY={}",
                            text_of(made, "secret_access_key")
                        ),
                    ]
                })
            }
            Self::List {
                tenant,
                user,
                options,
            } => {
                let path = format!("{}/access-keys", user_path(&tenant, &user));
                list(terminal, &options, (&path, "access_keys"), |one| {
                    let networks = one.get("networks").cloned().unwrap_or_default();
                    format!(
                        "{}  ends {}  from {networks}",
                        text_of(one, "access_key_id"),
                        text_of(one, "expires")
                    )
                })
            }
            Self::Delete {
                tenant,
                user,
                id,
                options,
            } => {
                let path = format!("{}/access-keys/{}", user_path(&tenant, &user), segment(&id));
                let done = options.ask(Method::DELETE, &path, None)?;
                tell(terminal, options.json, &done, |_| {
                    vec!["deleted; every replica follows within five seconds".to_owned()]
                })
            }
        }
    }
}

impl EmergencyCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let all = |tenant: &str| format!("/v1/tenants/{}/emergencies", segment(tenant));
        match self {
            Self::Declare {
                tenant,
                principal,
                reason,
                minutes,
                options,
            } => {
                let body = json!({ "principal": principal, "reason": reason, "minutes": minutes });
                let told = options.ask(Method::POST, &all(&tenant), Some(&body))?;
                tell_one(terminal, &options, &told)
            }
            Self::List {
                tenant,
                state,
                options,
            } => {
                let query = state.map(|state| format!("?state={}", segment(&state)));
                let path = format!("{}{}", all(&tenant), query.unwrap_or_default());
                list(terminal, &options, (&path, "emergencies"), summary)
            }
            Self::End {
                tenant,
                id,
                options,
            } => {
                let path = format!("{}/{}/end", all(&tenant), segment(&id));
                let told = options.ask(Method::POST, &path, None)?;
                tell_one(terminal, &options, &told)
            }
            Self::Review {
                tenant,
                id,
                finding,
                options,
            } => {
                let path = format!("{}/{}/review", all(&tenant), segment(&id));
                let body = json!({ "finding": finding });
                let told = options.ask(Method::POST, &path, Some(&body))?;
                tell_one(terminal, &options, &told)
            }
        }
    }
}

fn tell_one(
    terminal: &mut Terminal,
    options: &AdminOptions,
    told: &serde_json::Value,
) -> Result<Outcome, Failure> {
    tell(terminal, options.json, told, |told| {
        vec![summary(told.get("emergency").unwrap_or(told))]
    })
}

fn summary(one: &serde_json::Value) -> String {
    let of = |name| text_of(one, name);
    format!(
        "{}  {:<13} {} until {}: {}",
        of("id"),
        of("state"),
        of("principal"),
        of("expires"),
        of("reason")
    )
}
