//! `[audit]`: where the trail lies, and which buckets' uploads yield receipts.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::trail::{Durabilities, Durability};

use super::UpstreamConfig;
use super::archive::ArchiveConfig;
use super::reader::{Problems, Section};
use super::sinks::{Selection, SinkConfig, TargetConfig};

/// The trail's settings.
#[derive(Debug)]
pub struct AuditConfig {
    /// The journal's directory.
    pub journal: PathBuf,
    /// Its directory on another disk, for the same lines.
    pub second_journal: Option<PathBuf>,
    /// On how many of them an event must be before its request is answered.
    pub min_devices: usize,
    /// Whether the stream of the JetStream sink must have an event, too.
    pub ack_of_stream: bool,
    /// This replica's name, with which its logs' names begin.
    pub replica: String,
    /// Buckets of class `attestation` or `contract`, as tenant and bucket: each upload yields a receipt.
    pub attested: HashSet<(String, String)>,
    /// What buckets ask for while the journal takes no events; others are strict.
    pub durabilities: Durabilities,
    /// To whom the trail is passed on.
    pub sinks: Vec<SinkConfig>,
    /// Where copies lie that nobody can change.
    pub archive: Option<ArchiveConfig>,
}

impl AuditConfig {
    /// Reads `[audit]`. `upstream` is the store and what its buckets' names begin with.
    pub(super) fn read(
        audit: &mut Section,
        upstream: (Option<&UpstreamConfig>, &str),
        base: &Path,
        problems: &mut Problems,
    ) -> Self {
        let journal = audit.path("journal", "audit", base, problems);
        let (second_journal, min_devices) = read_devices(audit, &journal, base, problems);
        let replica = audit
            .optional_text("replica", problems)
            .unwrap_or_else(|| "local".to_owned());
        let fits = !replica.is_empty()
            && replica.len() <= 64
            && replica
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !fits {
            problems.add(
                &audit.at("replica"),
                "must be 1 to 64 letters, digits, or - _ .",
            );
        }
        let mut attested = HashSet::new();
        let mut durabilities = Durabilities::new();
        for mut bucket in audit.sections("buckets", problems) {
            let tenant = bucket.text("tenant", "clinic", problems);
            let name = bucket.text("bucket", "videos", problems);
            let class = bucket.text("class", "attestation", problems);
            let mode = read_durability(&mut bucket, &class, problems);
            match class.as_str() {
                "attestation" | "contract" => {
                    attested.insert((tenant.clone(), name.clone()));
                }
                "phi" | "general" | "" => {}
                _ => problems.add(
                    &bucket.at("class"),
                    "must be attestation, contract, phi or general",
                ),
            }
            durabilities.insert((tenant, name), mode);
            bucket.finish(problems);
        }
        let ack = audit.optional_text("ack", problems);
        let sinks = SinkConfig::read_all(audit, &journal, base, problems);
        let ack_of_stream = reads_ack(ack.as_deref(), &sinks, &audit.at("ack"), problems);
        let archive = ArchiveConfig::read(audit, upstream, base, problems);
        Self {
            journal,
            second_journal,
            min_devices,
            ack_of_stream,
            replica,
            attested,
            durabilities,
            sinks,
            archive,
        }
    }
}

/// A second directory must be another than the first: whoever has two counts on losing one.
fn read_devices(
    audit: &mut Section,
    journal: &Path,
    base: &Path,
    problems: &mut Problems,
) -> (Option<PathBuf>, usize) {
    let second = audit.optional_text("second_journal", problems);
    let second = second.map(|second| base.join(second));
    if let Some(second) = &second
        && (second.starts_with(journal) || journal.starts_with(second))
    {
        let why = "must be outside of the first journal, on another disk";
        problems.add(&audit.at("second_journal"), why);
    }
    let least = audit.optional_number("min_devices", 1..=2, problems);
    if least == Some(2) && second.is_none() {
        let why = "needs a second_journal where it is 2";
        problems.add(&audit.at("min_devices"), why);
    }
    (second, if least == Some(2) { 2 } else { 1 })
}

/// `local` or `stream`; for the latter it must be plain which stream that is, and that it is told of everything.
fn reads_ack(ack: Option<&str>, sinks: &[SinkConfig], at: &str, problems: &mut Problems) -> bool {
    match ack {
        None | Some("local") => return false,
        Some("stream") => {}
        Some(_) => problems.add(at, "must be local or stream"),
    }
    let streams = sinks
        .iter()
        .filter(|sink| matches!(sink.target, TargetConfig::JetStream(_)));
    let all = |sink: &SinkConfig| sink.selection == Selection::default();
    if ack == Some("stream") && !matches!(streams.collect::<Vec<_>>()[..], [sink] if all(sink)) {
        let why = "needs exactly one sink of kind jetstream, one that is told of all events, where it is stream";
        problems.add(at, why);
    }
    ack == Some("stream")
}

/// What must not be lost must not go on unrecorded.
fn read_durability(bucket: &mut Section, class: &str, problems: &mut Problems) -> Durability {
    let Some(asked) = bucket.optional_text("durability", problems) else {
        return Durability::Strict;
    };
    let mode = match asked.as_str() {
        "strict" => Durability::Strict,
        "strict-writes" => Durability::StrictWrites,
        "availability" => Durability::Availability,
        _ => {
            let allowed = "must be strict, strict-writes or availability";
            problems.add(&bucket.at("durability"), allowed);
            Durability::Strict
        }
    };
    if mode != Durability::Strict && class != "general" {
        let why = "must be strict where the class is not general";
        problems.add(&bucket.at("durability"), why);
    }
    mode
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (AuditConfig, Vec<String>) {
        let mut problems = Problems::default();
        let mut root = Section::root(text.parse().unwrap());
        let mut audit = root.section("audit", &mut problems).unwrap();
        let config = AuditConfig::read(&mut audit, (None, ""), Path::new("/"), &mut problems);
        audit.finish(&mut problems);
        let problems = problems.into_vec();
        (config, problems.iter().map(ToString::to_string).collect())
    }

    fn bucket(rest: &str) -> String {
        format!(
            "[audit]\njournal = \"j\"\n[[audit.buckets]]\ntenant = \"t\"\nbucket = \"b\"\n{rest}"
        )
    }

    #[test]
    fn a_second_journal_is_another_directory() {
        let of = |rest: &str| read(&format!("[audit]\njournal = \"/a/j\"\n{rest}"));
        let (config, problems) = of("second_journal = \"b\"\nmin_devices = 2");
        assert!(problems.is_empty(), "{problems:?}");
        let second = config.second_journal.as_deref();
        assert_eq!((second, config.min_devices), (Some(Path::new("/b")), 2));
        assert_eq!(of("").0.min_devices, 1);
        for bad in [
            "min_devices = 2",
            "min_devices = 3",
            "second_journal = \"/a/j\"",
            "second_journal = \"/a/j/2\"",
            "second_journal = \"/a\"",
        ] {
            assert_eq!(of(bad).1.len(), 1, "{bad}");
        }
    }

    #[test]
    fn a_stream_that_acknowledges_is_the_only_one() {
        let stream = |name: &str, rest: &str| {
            format!(
                "[[audit.sinks]]\nname = \"{name}\"\nkind = \"jetstream\"\nurl = \"nats://127.0.0.1:4222\"\nstream = \"A\"\n{rest}\n"
            )
        };
        let of = |ack: &str, sinks: String| {
            read(&format!(
                "[audit]\njournal = \"j\"\nack = \"{ack}\"\n{sinks}"
            ))
        };
        let (config, problems) = of("stream", stream("one", ""));
        assert!(config.ack_of_stream && problems.is_empty(), "{problems:?}");
        assert!(!of("local", stream("one", "")).0.ack_of_stream);
        for (ack, sinks) in [
            ("stream", String::new()),
            ("stream", stream("one", "") + &stream("two", "")),
            ("stream", stream("one", "tenants = [\"t\"]")),
            ("both", stream("one", "")),
        ] {
            assert_eq!(of(ack, sinks).1.len(), 1, "{ack}");
        }
    }

    #[test]
    fn a_bucket_is_strict_unless_it_is_of_no_class_that_must_be() {
        let place = ("t".to_owned(), "b".to_owned());
        let (config, problems) = read(&bucket(
            "class = \"general\"\ndurability = \"availability\"",
        ));
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(
            config.durabilities.get(&place),
            Some(&Durability::Availability)
        );
        let (config, problems) = read(&bucket("class = \"attestation\""));
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(config.durabilities.get(&place), Some(&Durability::Strict));
        assert!(config.attested.contains(&place));
        for bad in [
            "class = \"phi\"\ndurability = \"availability\"",
            "class = \"contract\"\ndurability = \"strict-writes\"",
            "class = \"general\"\ndurability = \"sometimes\"",
            "class = \"secret\"",
        ] {
            assert_eq!(read(&bucket(bad)).1.len(), 1, "{bad}");
        }
    }
}
