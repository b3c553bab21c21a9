//! `sealgate keys usage` and the other jobs over all objects of a tenant: begun, watched and cancelled through the
//! admin API. The gateways do the work; whoever watches may leave.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::{Args, Subcommand};
use http::Method;
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};
use serde_json::{Map, Value};

use super::admin::{lines, list, tell};
use super::client::{AdminOptions, segment, text_of};
use super::terminal::Terminal;
use super::{Failure, Outcome};

/// A job to begin.
#[derive(Debug, Args)]
pub(super) struct NewJob {
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// Only this bucket; all of the tenant's if left out.
    #[arg(long)]
    bucket: Option<String>,
    /// Only keys of this scope: `default`, or a prefix, for example `clinics/17/`.
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// At most so many objects and versions a second.
    #[arg(long, value_name = "N")]
    rate: Option<u64>,
    /// At most so many stored bytes a second.
    #[arg(long, value_name = "BYTES")]
    bytes_rate: Option<u64>,
    /// Wait until it is over, and show how it goes. The job goes on if this command is ended.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    options: AdminOptions,
}

#[derive(Debug, Subcommand)]
pub(super) enum JobsCommand {
    /// List a tenant's jobs, the last one last.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Show one: how far it is, and what it found.
    Show {
        /// Its id.
        id: String,
        /// Wait until it is over.
        #[arg(long)]
        wait: bool,
        /// The tenant.
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// End one that is not done. What it has done stays done.
    Cancel {
        /// Its id.
        id: String,
        /// The tenant.
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        options: AdminOptions,
    },
}

impl NewJob {
    /// Has the job begun that `what` names in the API's path.
    pub(super) fn run(self, terminal: &mut Terminal, what: &str) -> Result<Outcome, Failure> {
        let members = [
            ("bucket", self.bucket.map(Value::from)),
            ("scope", self.scope.map(Value::from)),
            ("objects_per_second", self.rate.map(Value::from)),
            ("bytes_per_second", self.bytes_rate.map(Value::from)),
        ];
        let given = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let body = Value::Object(given.collect::<Map<_, _>>());
        let path = format!("/v1/tenants/{}/keys/{what}", segment(&self.tenant));
        let mut job = self.options.ask(Method::POST, &path, Some(&body))?;
        if self.wait {
            job = watch(&self.options, &self.tenant, &text_of(&job, "id"))?;
        }
        tell(terminal, self.options.json, &job, shown)
    }
}

impl JobsCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::List { tenant, options } => {
                let path = format!("/v1/tenants/{}/keys/jobs", segment(&tenant));
                list(terminal, &options, (&path, "jobs"), summary)
            }
            Self::Show {
                id,
                wait,
                tenant,
                options,
            } => {
                let job = if wait {
                    watch(&options, &tenant, &id)?
                } else {
                    options.ask(Method::GET, &path(&tenant, &id), None)?
                };
                tell(terminal, options.json, &job, shown)
            }
            Self::Cancel {
                id,
                tenant,
                options,
            } => {
                let path = format!("{}/cancel", path(&tenant, &id));
                let job = options.ask(Method::POST, &path, None)?;
                tell(terminal, options.json, &job, shown)
            }
        }
    }
}

fn path(tenant: &str, id: &str) -> String {
    format!("/v1/tenants/{}/keys/jobs/{}", segment(tenant), segment(id))
}

/// Asks until the job is over; shows how it goes where somebody looks.
fn watch(options: &AdminOptions, tenant: &str, id: &str) -> Result<Value, Failure> {
    let client = options.client()?;
    let bar = std::io::stderr().is_terminal().then(bar);
    let over = super::block_on(async {
        loop {
            let job = client.ask(Method::GET, &path(tenant, id), None).await?;
            if let Some(bar) = &bar {
                bar.set_length(number(&job, &["progress", "total", "objects"]));
                bar.set_position(number(&job, &["progress", "seen", "objects"]));
                bar.set_message(how_it_goes(&job));
            }
            if matches!(text_of(&job, "state").as_str(), "done" | "cancelled") {
                return Ok(job);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    })?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    over
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} objects  {msg}");
    let bar = ProgressBar::new(0);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Rate and time left, or what keeps it.
fn how_it_goes(job: &Value) -> String {
    let trouble = text_of(job, "trouble");
    if !trouble.is_empty() {
        return format!("waits: {trouble}");
    }
    let bytes = HumanBytes(number(job, &["progress", "seen", "bytes"]));
    match job.get("seconds_left").and_then(Value::as_u64) {
        Some(left) => format!(
            "{bytes}, {} a second, about {} left",
            text_of(job, "objects_a_second"),
            HumanDuration(Duration::from_secs(left))
        ),
        None => text_of(job, "status"),
    }
}

fn number(value: &Value, path: &[&str]) -> u64 {
    let found = path.iter().try_fold(value, |value, name| value.get(name));
    found.and_then(Value::as_u64).unwrap_or_default()
}

fn summary(job: &Value) -> String {
    let wish = |name| text_of(job.get("wish").unwrap_or(&Value::Null), name);
    let only = [("bucket", wish("bucket")), ("scope", wish("scope"))]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!(" {name} {value}"));
    format!(
        "{}  {:<15} {:<9} {} of {} objects{}, asked by {} at {}",
        text_of(job, "id"),
        wish("kind"),
        text_of(job, "status"),
        number(job, &["progress", "seen", "objects"]),
        number(job, &["progress", "total", "objects"]),
        only.collect::<String>(),
        text_of(job, "asked_by"),
        text_of(job, "created"),
    )
}

fn shown(job: &Value) -> Vec<String> {
    let mut shown = vec![summary(job)];
    if text_of(job, "state") == "open" {
        shown.push(format!("  {}", how_it_goes(job)));
    }
    shown.extend(lines(job, "usage", used));
    if text_of(job.get("wish").unwrap_or(&Value::Null), "kind") != "usage" {
        shown.push(changed(job));
    }
    shown.extend(left(job));
    shown
}

fn changed(job: &Value) -> String {
    let of = |name: &str| number(job, &["progress", name, "objects"]);
    let etags = match number(job, &["progress", "etag_changed"]) {
        0 => String::new(),
        some => format!(", {some} of them with another ETag"),
    };
    let wish = job.get("wish").unwrap_or(&Value::Null);
    if text_of(wish, "kind") == "reencrypt" {
        let (done, already) = (of("moved"), of("already"));
        return format!("  {done} sealed anew; {already} were sealed since this was asked for");
    }
    format!(
        "  {} moved{etags}; {} were under the active key",
        of("moved"),
        of("already")
    )
}

fn used(row: &Value) -> String {
    let amount = |name: &str| {
        format!(
            "{} {name} ({})",
            number(row, &[name, "objects"]),
            HumanBytes(number(row, &[name, "bytes"]))
        )
    };
    format!(
        "  kek {}  {:<15} scope {}: {}, {}, {}",
        text_of(row, "kek"),
        text_of(row, "state"),
        text_of(row, "scope"),
        amount("current"),
        amount("noncurrent"),
        amount("locked"),
    )
}

/// What stays as it is: how much, why, and the first by name.
fn left(job: &Value) -> Vec<String> {
    let progress = job.get("progress").unwrap_or(&Value::Null);
    let counts = progress.get("left").and_then(Value::as_object);
    let mut shown: Vec<String> = counts
        .into_iter()
        .flatten()
        .map(|(reason, count)| format!("  left as they are: {count} {reason}"))
        .collect();
    shown.extend(lines(progress, "left_named", |one| {
        let version = match text_of(one, "version") {
            none if none.is_empty() => none,
            id => format!(" version {id}"),
        };
        format!(
            "    {:<12} {}/{}{version}",
            text_of(one, "reason"),
            text_of(one, "bucket"),
            text_of(one, "key")
        )
    }));
    shown
}

const ASK_EVERY: Duration = Duration::from_secs(1);
