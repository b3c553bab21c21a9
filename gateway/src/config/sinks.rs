//! `[[audit.sinks]]`: to whom the trail is passed on.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use audit_index::About;
use http::Uri;
use zeroize::Zeroizing;

use super::reader::{Problems, Section};
use super::upstream::{endpoint_is_safe, is_this_machine};
use super::{Secret, authorities};

/// A sink.
#[derive(Debug)]
pub struct SinkConfig {
    /// Its name in metrics and logs, and of its cursor's file.
    pub name: String,
    /// How events are written.
    pub format: SinkFormat,
    /// Which of them.
    pub selection: Selection,
    /// Where they go.
    pub target: TargetConfig,
}

/// Which events a sink is told of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Those about one of these; none: whatever they are about.
    pub only: Vec<About>,
    /// Those of these tenants; none: of all, and of none.
    pub tenants: BTreeSet<String>,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkFormat {
    /// The line of the trail itself: it can be proved.
    Raw,
    /// OCSF 1.3.
    Ocsf,
    /// As AWS CloudTrail's records.
    CloudTrail,
}

/// Where events go.
#[derive(Debug)]
pub enum TargetConfig {
    /// A file of JSON lines; without one, standard output.
    Lines {
        /// The file.
        path: Option<PathBuf>,
    },
    /// Signed requests.
    Webhook(WebhookConfig),
    /// Syslog messages.
    Syslog(SyslogConfig),
    /// A stream of a NATS server.
    JetStream(JetStreamConfig),
}

/// A receiver of CloudEvents.
#[derive(Debug)]
pub struct WebhookConfig {
    /// `https://…`; `http://` on this machine only.
    pub url: Uri,
    /// What signs requests.
    pub secret: Secret,
    /// How events are put into requests.
    pub mode: WebhookMode,
    /// Authorities that alone are trusted for the receiver's certificate.
    pub ca_file: Option<PathBuf>,
}

/// How CloudEvents are put into requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookMode {
    /// Many in one request.
    Batch,
    /// One in a request, envelope and all.
    Structured,
    /// One in a request, its envelope in headers.
    Binary,
}

/// A receiver of syslog messages.
#[derive(Debug)]
pub struct SyslogConfig {
    /// `host:port`.
    pub address: String,
    /// Whose certificate the receiver must show; none: without TLS, inside this machine.
    pub server_name: Option<String>,
    /// Authorities that alone are trusted for it.
    pub ca_file: Option<PathBuf>,
}

/// A stream of a NATS server.
#[derive(Debug, Clone)]
pub struct JetStreamConfig {
    /// `tls://host:port`; `nats://` on this machine only.
    pub url: String,
    /// Whether it is the former.
    pub tls: bool,
    /// The stream, which the operator has made.
    pub stream: String,
    /// What subjects begin with.
    pub subject: String,
    /// Name and password.
    pub user: Option<(String, Secret)>,
    /// A token.
    pub token: Option<Secret>,
    /// Authorities that alone are trusted for its certificate.
    pub ca_file: Option<PathBuf>,
    /// The operator says that the server syncs each message (`sync_interval: always`).
    pub synced: bool,
}

impl SinkConfig {
    pub(super) fn read_all(
        audit: &mut Section,
        journal: &Path,
        base: &Path,
        problems: &mut Problems,
    ) -> Vec<Self> {
        let mut names = HashSet::new();
        let mut sinks = Vec::new();
        for mut sink in audit.sections("sinks", problems) {
            let name = sink.text("name", "siem", problems);
            let fits = name.len() <= 32
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            if !fits || !names.insert(name.clone()) {
                let must = "must be up to 32 letters, digits, - or _, and no other sink's";
                problems.add(&sink.at("name"), must);
            }
            let format = read_format(&mut sink, problems);
            let selection = read_selection(&mut sink, problems);
            let target = read_target(&mut sink, journal, base, problems);
            sink.finish(problems);
            if let Some(target) = target {
                sinks.push(Self {
                    name,
                    format,
                    selection,
                    target,
                });
            }
        }
        sinks
    }
}

fn read_format(sink: &mut Section, problems: &mut Problems) -> SinkFormat {
    match sink.optional_text("format", problems).as_deref() {
        None | Some("raw") => SinkFormat::Raw,
        Some("ocsf") => SinkFormat::Ocsf,
        Some("cloudtrail") => SinkFormat::CloudTrail,
        Some(_) => {
            problems.add(&sink.at("format"), "must be raw, ocsf or cloudtrail");
            SinkFormat::Raw
        }
    }
}

fn read_selection(sink: &mut Section, problems: &mut Problems) -> Selection {
    let mut only = Vec::new();
    for word in sink.texts("only", problems) {
        if let Some(about) = About::parse(&word) {
            only.push(about);
        } else {
            let words = About::ALL.map(About::as_str).join(", ");
            let must = format!("{word:?} is none of what events are about: {words}");
            problems.add(&sink.at("only"), must);
        }
    }
    Selection {
        only,
        tenants: sink.texts("tenants", problems).into_iter().collect(),
    }
}

fn read_target(
    sink: &mut Section,
    journal: &Path,
    base: &Path,
    problems: &mut Problems,
) -> Option<TargetConfig> {
    match sink.text("kind", "jetstream", problems).as_str() {
        "" => None,
        "lines" => Some(read_lines(sink, journal, base, problems)),
        "webhook" => read_webhook(sink, base, problems).map(TargetConfig::Webhook),
        "syslog" => read_syslog(sink, base, problems).map(TargetConfig::Syslog),
        "jetstream" => read_jetstream(sink, base, problems).map(TargetConfig::JetStream),
        _ => {
            let kinds = "must be lines, webhook, syslog or jetstream";
            problems.add(&sink.at("kind"), kinds);
            None
        }
    }
}

fn read_lines(
    sink: &mut Section,
    journal: &Path,
    base: &Path,
    problems: &mut Problems,
) -> TargetConfig {
    let path = sink.text("path", "trail.jsonl", problems);
    let path = (path != "-").then(|| base.join(path));
    if path.as_ref().is_some_and(|path| path.starts_with(journal)) {
        problems.add(&sink.at("path"), "must not be in the journal itself");
    }
    TargetConfig::Lines { path }
}

fn read_webhook(sink: &mut Section, base: &Path, problems: &mut Problems) -> Option<WebhookConfig> {
    let url: Option<Uri> = sink.parsed("url", "https://siem.example.org/events", problems);
    let origin = url.as_ref().map(|url| {
        let scheme = url.scheme_str().unwrap_or_default();
        let authority = url.authority().map(ToString::to_string);
        format!("{scheme}://{}", authority.unwrap_or_default())
    });
    if let Some(Err(why)) = origin.map(|origin| endpoint_is_safe(&origin)) {
        problems.add(&sink.at("url"), why);
    }
    let secret = sink.secret("secret", base, problems);
    if !secret.is_empty() && secret.len() < SHORTEST_SECRET {
        problems.add(&sink.at("secret"), "must be at least 24 characters");
    }
    let mode = match sink.optional_text("mode", problems).as_deref() {
        None | Some("batch") => WebhookMode::Batch,
        Some("structured") => WebhookMode::Structured,
        Some("binary") => WebhookMode::Binary,
        Some(_) => {
            problems.add(&sink.at("mode"), "must be batch, structured or binary");
            WebhookMode::Batch
        }
    };
    Some(WebhookConfig {
        url: url?,
        secret: Secret(Zeroizing::new(secret)),
        mode,
        ca_file: read_authorities(sink, base, problems),
    })
}

fn read_syslog(sink: &mut Section, base: &Path, problems: &mut Problems) -> Option<SyslogConfig> {
    let address = sink.text("address", "siem.example.org:6514", problems);
    let tls = sink.switch("tls", problems);
    let host = address
        .rsplit_once(':')
        .filter(|(_, port)| port.parse::<u16>().is_ok())
        .map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
    if host.is_none() && !address.is_empty() {
        let must = "must be a host and a port, as in siem.example.org:6514";
        problems.add(&sink.at("address"), must);
    }
    let host = host.unwrap_or_default();
    if !tls && !is_this_machine(&host) {
        let must = "must be true, except towards this machine";
        problems.add(&sink.at("tls"), must);
    }
    let ca_file = read_authorities(sink, base, problems);
    (!host.is_empty()).then_some(SyslogConfig {
        address,
        server_name: tls.then_some(host),
        ca_file,
    })
}

fn read_jetstream(
    sink: &mut Section,
    base: &Path,
    problems: &mut Problems,
) -> Option<JetStreamConfig> {
    let url: Option<Uri> = sink.parsed("url", "tls://nats.example.org:4222", problems);
    let tls = url.as_ref().and_then(Uri::scheme_str) == Some("tls");
    let plain = url.as_ref().and_then(Uri::scheme_str) == Some("nats");
    let here = url
        .as_ref()
        .and_then(Uri::host)
        .is_some_and(is_this_machine);
    if url.is_some() && !(tls || plain && here) {
        let must = "must be tls://host:port; nats:// towards this machine only";
        problems.add(&sink.at("url"), must);
    }
    let stream = sink.text("stream", "AUDIT", problems);
    let subject = sink.optional_text("subject", problems);
    let subject = subject.unwrap_or_else(|| "sealgate.audit".to_owned());
    let is_plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    for (name, text) in [("stream", &stream), ("subject", &subject)] {
        if !is_plain(text) {
            problems.add(&sink.at(name), "must be of letters, digits, -, _ and .");
        }
    }
    let user = sink.optional_text("user", problems).map(|user| {
        let password = sink.secret("password", base, problems);
        (user, Secret(Zeroizing::new(password)))
    });
    let has_token = sink.has("token") || sink.has("token_file");
    let token = has_token.then(|| Secret(Zeroizing::new(sink.secret("token", base, problems))));
    let synced = sink.flag("synced", problems);
    let ca_file = read_authorities(sink, base, problems);
    Some(JetStreamConfig {
        url: url?.to_string().trim_end_matches('/').to_owned(),
        tls,
        stream,
        subject,
        user,
        token,
        ca_file,
        synced,
    })
}

fn read_authorities(sink: &mut Section, base: &Path, problems: &mut Problems) -> Option<PathBuf> {
    let file = base.join(sink.optional_text("ca_file", problems)?);
    if let Err(error) = authorities(&file) {
        problems.add(&sink.at("ca_file"), crate::error::report(&error));
    }
    Some(file)
}

/// Bytes.
const SHORTEST_SECRET: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sink: &str) -> Result<Vec<SinkConfig>, Vec<String>> {
        let text = format!("[[audit.sinks]]\nname = \"siem\"\n{sink}");
        let mut problems = Problems::default();
        let mut root = Section::root(text.parse().unwrap());
        let mut audit = root.section("audit", &mut problems).unwrap();
        let base = Path::new("/etc/sealgate");
        let sinks = SinkConfig::read_all(&mut audit, &base.join("audit"), base, &mut problems);
        let problems = problems.into_vec();
        if problems.is_empty() {
            Ok(sinks)
        } else {
            Err(problems.into_iter().map(|problem| problem.path).collect())
        }
    }

    #[test]
    fn each_kind_is_read() {
        let secret = "secret = \"0123456789abcdef01234567\"\n";
        for good in [
            "kind = \"lines\"\npath = \"-\"",
            "kind = \"lines\"\npath = \"trail.jsonl\"\nformat = \"ocsf\"",
            "kind = \"lines\"\npath = \"-\"\nonly = [\"emergencies\", \"keys\"]\ntenants = [\"clinic\"]",
            &format!("kind = \"webhook\"\nurl = \"https://a.example/b?c=d\"\n{secret}"),
            &format!(
                "kind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\n{secret}mode = \"binary\""
            ),
            "kind = \"syslog\"\naddress = \"a.example:6514\"\nformat = \"cloudtrail\"",
            "kind = \"syslog\"\naddress = \"[::1]:514\"\ntls = false",
            "kind = \"jetstream\"\nurl = \"tls://a.example:4222\"\nstream = \"AUDIT\"",
            "kind = \"jetstream\"\nurl = \"nats://localhost:4222\"\nstream = \"A\"\nuser = \"u\"\npassword = \"p\"",
        ] {
            let sinks = read(good);
            assert!(
                sinks.as_ref().is_ok_and(|sinks| sinks.len() == 1),
                "{good}: {sinks:?}"
            );
            let shown = format!("{sinks:?}");
            assert!(!shown.contains("0123456789abcdef"), "{shown}");
        }
    }

    #[test]
    fn what_would_leave_the_machine_in_clear_is_refused() {
        let secret = "secret = \"0123456789abcdef01234567\"\n";
        for (bad, path) in [
            (
                &*format!("kind = \"webhook\"\nurl = \"http://a.example/\"\n{secret}"),
                "url",
            ),
            (
                "kind = \"webhook\"\nurl = \"https://a.example/\"\nsecret = \"short\"",
                "secret",
            ),
            (
                "kind = \"syslog\"\naddress = \"a.example:514\"\ntls = false",
                "tls",
            ),
            ("kind = \"syslog\"\naddress = \"a.example\"", "address"),
            (
                "kind = \"jetstream\"\nurl = \"nats://a.example:4222\"\nstream = \"A\"",
                "url",
            ),
            (
                "kind = \"jetstream\"\nurl = \"tls://a.example:4222\"\nstream = \"A b\"",
                "stream",
            ),
            ("kind = \"lines\"\npath = \"audit/x.jsonl\"", "path"),
            (
                "kind = \"lines\"\npath = \"-\"\nonly = [\"emergency\"]",
                "only",
            ),
            ("kind = \"kafka\"", "kind"),
            ("kind = \"lines\"\npath = \"-\"\nformat = \"xml\"", "format"),
        ] {
            assert_eq!(
                read(bad).unwrap_err(),
                [format!("audit.sinks[0].{path}")],
                "{bad}"
            );
        }
        let twice = "kind = \"lines\"\npath = \"-\"\n[[audit.sinks]]\nname = \"siem\"\nkind = \"lines\"\npath = \"-\"";
        assert_eq!(read(twice).unwrap_err(), ["audit.sinks[1].name"]);
    }
}
