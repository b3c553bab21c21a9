//! One line of the trail, ready to be told: its text in the sink's format, and what envelopes say of it. What is
//! sealed in the line stays sealed; nothing here has a key.

use std::fmt::Write as _;
use std::time::SystemTime;

use audit::Line;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::formats;
use crate::config::SinkFormat;

/// A line and its envelope.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    /// The event's id: receivers tell by it what they were told before.
    pub(super) id: String,
    /// The log's origin.
    pub(super) source: String,
    /// The line's number in the log.
    pub(super) seq: u64,
    /// What kind of event it is.
    pub(super) kind: String,
    /// Whether it was refused.
    pub(super) denied: bool,
    /// The tenant, where there is one.
    pub(super) tenant: Option<String>,
    /// The token of the object, where there is one.
    pub(super) subject: Option<String>,
    /// The time, as the line says it, and read.
    pub(super) time: String,
    pub(super) wall: Option<SystemTime>,
    /// JSON, on one line.
    pub(super) body: String,
}

impl Parcel {
    pub(super) fn of(line: Line, deployment: &str, format: SinkFormat) -> Self {
        let value: Value = serde_json::from_str(&line.text).unwrap_or_default();
        let text = |at: &str| value.pointer(at).and_then(Value::as_str);
        let owned = |at: &str| text(at).map(str::to_owned);
        let time = owned("/wall").unwrap_or_default();
        let wall = OffsetDateTime::parse(&time, &Rfc3339).ok();
        Self {
            // A line that says none is told apart by its place.
            id: owned("/id").unwrap_or_else(|| format!("{}/{}", line.log, line.seq)),
            source: format!("{deployment}/{}", line.log),
            seq: line.seq,
            kind: owned("/kind").unwrap_or_default(),
            denied: text("/decision") == Some("deny"),
            tenant: owned("/tenant"),
            subject: owned("/obj/tok"),
            time,
            wall: wall.map(SystemTime::from),
            body: match format {
                SinkFormat::Raw => line.text,
                SinkFormat::Ocsf => formats::ocsf(&value).to_string(),
                SinkFormat::CloudTrail => formats::cloudtrail(&value).to_string(),
            },
        }
    }

    /// The attributes of its CloudEvents envelope (1.0.2, with the extensions `partitionkey` and `sequence`), without
    /// the content's type.
    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let optional = |name, value: &Option<String>| Some((name, value.clone()?));
        let known = [
            Some(("specversion", "1.0".to_owned())),
            Some(("id", self.id.clone())),
            Some(("source", self.source.clone())),
            Some(("type", format!("sealgate.audit.{}", self.kind))),
            Some(("time", self.time.clone())),
            Some(("sequence", self.seq.to_string())),
            optional("subject", &self.subject),
            optional("partitionkey", &self.tenant),
        ];
        known.into_iter().flatten().collect()
    }

    /// The event in CloudEvents' structured form, its data byte for byte what the body is.
    pub(super) fn cloud_event(&self) -> String {
        let mut text = String::from("{");
        for (name, value) in self.attributes() {
            let _ = write!(text, "\"{name}\":{},", Value::from(value));
        }
        text + "\"datacontenttype\":\"application/json\",\"data\":" + &self.body + "}"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"v":2,"log":"a-1","seq":7,"id":"0190","kind":"deny","wall":"2026-11-27T01:02:03.004Z","tenant":"clinic","decision":"deny","obj":{"tok":"T"},"sealed":{"obj.key":"x=="}}"#;

    #[test]
    fn an_envelope_says_what_the_line_says_and_holds_its_very_bytes() {
        let line = Line {
            log: "a-1".to_owned(),
            seq: 7,
            segment: 0,
            offset: 0,
            text: LINE.to_owned(),
        };
        let parcel = Parcel::of(line, "sealgate/d", SinkFormat::Raw);
        let event = parcel.cloud_event();
        assert!(event.ends_with(&format!("\"data\":{LINE}}}")), "{event}");
        let event: Value = serde_json::from_str(&event).unwrap();
        for (name, value) in [
            ("specversion", "1.0"),
            ("id", "0190"),
            ("source", "sealgate/d/a-1"),
            ("type", "sealgate.audit.deny"),
            ("time", "2026-11-27T01:02:03.004Z"),
            ("sequence", "7"),
            ("subject", "T"),
            ("partitionkey", "clinic"),
            ("datacontenttype", "application/json"),
        ] {
            assert_eq!(event[name], value, "{name}");
        }
        let seconds = 1_795_741_323; // date -u -d 2026-11-27T01:02:03Z +%s
        let wall = parcel.wall.unwrap();
        let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!((since.as_secs(), since.subsec_millis()), (seconds, 4));
        assert!(parcel.denied);
    }
}
