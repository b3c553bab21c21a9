//! What is logged, and where: standard error, at the level the environment asks for. Only fields that are known to name
//! nobody are written; what others name them by is withheld.

use std::fmt;
use std::io::IsTerminal as _;

use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Starts logging to standard error: the level from `SEALGATE_LOG` (for example `debug`), else `info`. A level is that of
/// our own rooms: other crates, whose words nobody here has read, are heard from `warn` on unless the variable names them.
pub fn start_logging() {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    let wanted = std::env::var("SEALGATE_LOG").unwrap_or_else(|_| "info".to_owned());
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter(&wanted))
        .fmt_fields(debug_fn(write_field).delimited(" "))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}

fn filter(wanted: &str) -> EnvFilter {
    let level = wanted.parse::<tracing::level_filters::LevelFilter>();
    let directives = match level {
        Ok(level) => {
            let ours = ROOMS.map(|room| format!("{room}={level}"));
            format!("warn,{}", ours.join(","))
        }
        Err(_) => wanted.to_owned(),
    };
    EnvFilter::try_new(directives).unwrap_or_else(|_| EnvFilter::new("info"))
}

fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(writer, "{value:?}"),
        name if SAFE.contains(&name) => write!(writer, "{name}={value:?}"),
        name => write!(writer, "{name}=(withheld)"),
    }
}

const ROOMS: [&str; 8] = [
    "audit",
    "audit_index",
    "embedded_bucket",
    "gateway",
    "kms_keys",
    "policies",
    "sealed_object",
    "sealgate",
];

/// Fields that hold no name of a person, a patient, an object or an address of a client: numbers, ids that we draw, names
/// that the operator gave, and errors, whose words a test searches (suite: `scrubbed`).
const SAFE: &[&str] = &[
    "again_in_ms",
    "body",
    "bucket",
    "bytes",
    "certificate",
    "class",
    "closed",
    "code",
    "committed",
    "count",
    "deployment",
    "emergency",
    "ending",
    "error",
    "event",
    "events",
    "file",
    "from",
    "generation",
    "implementation",
    "kek",
    "key",
    "length",
    "log",
    "minutes",
    "next",
    "operation",
    "place",
    "problem",
    "provider",
    "request",
    "sink",
    "stream",
    "suite",
    "swept",
    "tenant",
    "to",
    "why",
];

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_field_that_nobody_vouches_for_is_withheld() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter("debug"))
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(request = "R1", patient = "4711", "said");
            tracing::info!(target: "h2::codec", "a header of a client");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(
            text.contains("said") && text.contains("request=\"R1\""),
            "{text}"
        );
        assert!(
            text.contains("patient=(withheld)") && !text.contains("4711"),
            "{text}"
        );
        assert!(!text.contains("a header of a client"), "{text}");
    }
}
