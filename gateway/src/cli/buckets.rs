//! `sealgate bucket …`: what is declared of a tenant's buckets, by the admin API.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::admin::list;
use super::changing::{Grave, put, show};
use super::client::{AdminOptions, segment, text_of};
use super::terminal::Terminal;
use super::{Failure, Outcome};

#[derive(Debug, Subcommand)]
pub(super) enum BucketCommand {
    /// List what is declared of a tenant's buckets.
    List {
        /// The tenant.
        tenant: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Show what is declared of a bucket.
    Show {
        /// The tenant.
        tenant: String,
        /// The bucket.
        bucket: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Declare a bucket of which nothing is declared yet. Clients make the bucket itself, before or afterwards.
    Create(Declare),
    /// Change what is given; the rest stays. What lets more happen than before needs the leave of two others.
    Set(Declare),
}

/// Options of `sealgate bucket create` and `set`.
#[derive(Debug, Args)]
pub(super) struct Declare {
    /// The tenant.
    tenant: String,
    /// The bucket.
    bucket: String,
    /// What it is for: clinical, attestation, contract, general or another word; an empty one takes it away.
    #[arg(long)]
    class: Option<String>,
    /// Into which key scopes its objects are split: clinics/{scope}/. An empty text takes it away.
    #[arg(long, value_name = "TEMPLATE")]
    key_scope: Option<String>,
    /// Under which keys its objects are sealed: keyring, or kms-per-object for a key of each object's own besides, for
    /// which key management is called at each access.
    #[arg(long, value_name = "MODE")]
    key_mode: Option<String>,
    /// A region of the store that its objects may lie in, all of them; may be given several times. An empty text: any.
    #[arg(long = "residency", value_name = "REGION")]
    residency: Vec<String>,
    #[command(flatten)]
    how: Grave,
    #[command(flatten)]
    options: AdminOptions,
}

impl BucketCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::List { tenant, options } => {
                let path = format!("/v1/tenants/{}/buckets", segment(&tenant));
                list(terminal, &options, (&path, "buckets"), |one| {
                    let value = one.get("value").cloned().unwrap_or_default();
                    format!("{:<32} {value}", text_of(one, "name"))
                })
            }
            Self::Show {
                tenant,
                bucket,
                options,
            } => show(terminal, &options, &path_of(&tenant, &bucket)),
            Self::Create(declare) => declare.run(terminal, true),
            Self::Set(declare) => declare.run(terminal, false),
        }
    }
}

impl Declare {
    fn run(self, terminal: &mut Terminal, is_new: bool) -> Result<Outcome, Failure> {
        let path = path_of(&self.tenant, &self.bucket);
        let before = self.options.ask(Method::GET, &path, None);
        let before = match (before, is_new) {
            (Ok(_), true) => {
                return Err(Failure(format!(
                    "something is declared of {} already; look with `sealgate bucket show`, change with `sealgate bucket set`",
                    self.bucket
                )));
            }
            (Err(failure), false) => return Err(failure),
            (before, _) => before.ok(),
        };
        let text = |given: Option<String>| {
            given.map(|text| {
                if text.is_empty() {
                    Value::Null
                } else {
                    json!(text)
                }
            })
        };
        let regions: Vec<&String> = self
            .residency
            .iter()
            .filter(|one| !one.is_empty())
            .collect();
        let residency = (!self.residency.is_empty()).then(|| json!(regions));
        let given = [
            ("class", text(self.class)),
            ("key_scope", text(self.key_scope)),
            ("key_mode", self.key_mode.map(Value::from)),
            ("residency", residency),
        ];
        let how = self.how.how();
        put(terminal, &self.options, (&path, before), &given, how)
    }
}

fn path_of(tenant: &str, bucket: &str) -> String {
    format!(
        "/v1/tenants/{}/buckets/{}",
        segment(tenant),
        segment(bucket)
    )
}
