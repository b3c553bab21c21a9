//! What is logged, and where: standard error, at the level the environment asks for.

use std::io::IsTerminal as _;

/// Starts logging to standard error: the level from `SEALGATE_LOG` (for example `debug`), else `info`.
pub fn start_logging() {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    let wanted = std::env::var("SEALGATE_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(&wanted)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}
