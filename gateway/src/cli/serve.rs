//! `sealgate serve` and `sealgate config check`.

use std::path::Path;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use super::terminal::Terminal;
use crate::assemble::assemble;
use crate::clock::Clock;
use crate::config::{Config, Problem};
use crate::server::Server;

/// `sealgate serve --config FILE`
pub(super) fn serve(file: &Path, terminal: &mut Terminal) -> Result<(), Failure> {
    let config = load(file)?;
    run(config, None, |endpoint| {
        terminal.say(&format!("ready {endpoint}"));
    })
}

/// `sealgate config check FILE`
pub(super) fn check(file: &Path, terminal: &mut Terminal) -> Result<(), Failure> {
    load(file)?;
    terminal.say(&format!("{}: no problems", file.display()));
    Ok(())
}

/// Reads a configuration, or tells all its problems.
pub(super) fn load(file: &Path) -> Result<Config, Failure> {
    Config::load(file).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
        Failure(format!(
            "{} has {} problem(s):\n  {}",
            file.display(),
            lines.len(),
            lines.join("\n  ")
        ))
    })
}

/// Runs a gateway until it is told to stop. `listener`: already bound, instead of the configured address.
pub(super) fn run(
    config: Config,
    listener: Option<std::net::TcpListener>,
    ready: impl FnOnce(&str),
) -> Result<(), Failure> {
    crate::config::start_logging();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::new(&error))?;
    runtime.block_on(async {
        let listener = match listener {
            Some(listener) => TcpListener::from_std(listener),
            None => TcpListener::bind(config.listen).await,
        };
        let listener = listener
            .map_err(|error| Failure(format!("cannot listen on {}: {error}", config.listen)))?;
        let service = assemble(&config, Clock::system())
            .await
            .map_err(|error| Failure::new(&error))?;
        let server = Server::new(listener, service, config.tls, config.requests_at_once)
            .map_err(|error| Failure::new(&error))?;
        ready(&server.endpoint().map_err(|error| Failure::new(&error))?);
        let ended = server.run(told_to_stop()).await;
        ended.map_err(|error| Failure::new(&error))
    })
}

/// Ctrl-C, or the signal that service managers send.
async fn told_to_stop() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
