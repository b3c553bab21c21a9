//! `sealgate serve` and `sealgate config check`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use super::terminal::Terminal;
use crate::assemble::assemble;
use crate::clock::Clock;
use crate::config::{Config, Problem};
use crate::server::Server;
use crate::telemetry::{Endpoint, Telemetry};

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
        let telemetry = Arc::clone(&service.telemetry);
        let trail = service.trail.clone();
        let watched = watch(config.metrics, &telemetry).await?;
        let server = Server::new(listener, service, config.tls, config.requests_at_once)
            .map_err(|error| Failure::new(&error))?;
        ready(&server.endpoint().map_err(|error| Failure::new(&error))?);
        let stop = async {
            told_to_stop().await;
            telemetry.stop();
        };
        let ended = tokio::select! {
            ended = server.run(stop) => ended.map_err(|error| Failure::new(&error)),
            never = watched => match never {},
        };
        trail.end().await;
        ended
    })
}

/// Binds the address where metrics are wanted, if anywhere, and serves them for as long as it is asked.
async fn watch(
    address: Option<SocketAddr>,
    telemetry: &Arc<Telemetry>,
) -> Result<impl Future<Output = Infallible> + use<>, Failure> {
    let endpoint = match address {
        Some(address) => {
            let bound = Endpoint::bind(address, Arc::clone(telemetry)).await;
            let failed = |error| Failure(format!("cannot listen on {address}: {error}"));
            Some(bound.map_err(failed)?)
        }
        None => None,
    };
    Ok(async move {
        match endpoint {
            Some(endpoint) => endpoint.serve().await,
            None => std::future::pending().await,
        }
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
