//! `sealgate serve` and `sealgate config check`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;

use super::Failure;
use super::terminal::Terminal;
use crate::admin::Admin;
use crate::archive::Archive;
use crate::assemble::{Assembled, assemble};
use crate::clock::Clock;
use crate::config::{AdminConfig, Config, Problem, TlsError};
use crate::server::{AdminServer, Server, beside};
use crate::sinks::Sinks;
use crate::telemetry::{Endpoint, Telemetry};

/// `sealgate serve --config FILE`
pub(super) fn serve(file: &Path, terminal: &mut Terminal) -> Result<(), Failure> {
    let config = load(file)?;
    run(config, Listeners::default(), |endpoint, _| {
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

/// Listeners that are bound already, instead of the configured addresses.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    pub(super) s3: Option<std::net::TcpListener>,
    pub(super) admin: Option<std::net::TcpListener>,
}

/// Runs a gateway until it is told to stop. `ready` is told where clients connect, and administrators.
pub(super) fn run(
    config: Config,
    listeners: Listeners,
    ready: impl FnOnce(&str, Option<&str>),
) -> Result<(), Failure> {
    crate::config::start_logging();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::new(&error))?;
    let ended = runtime.block_on(async {
        let listener = match listeners.s3 {
            Some(listener) => TcpListener::from_std(listener),
            None => TcpListener::bind(config.listen).await,
        };
        let listener = listener
            .map_err(|error| Failure(format!("cannot listen on {}: {error}", config.listen)))?;
        let Assembled {
            service,
            super_log,
            admin,
            jobs,
            archive,
            stored_bytes,
        } = assemble(&config, Clock::system())
            .await
            .map_err(|error| Failure::new(&error))?;
        let admin = Arc::new(admin);
        if config.admin.is_some() {
            look_for_officers(&admin).await;
        }
        let tending = tend(Arc::clone(&admin), Arc::clone(&service.telemetry));
        let admin = listen_to_admins(config.admin.as_ref(), listeners.admin, admin).await?;
        let telemetry = Arc::clone(&service.telemetry);
        let trail = service.trail.clone();
        let operations = service.operations.clone();
        telemetry.open_intents(trail.open_intents());
        let watched = watch(config.metrics, &telemetry).await?;
        let (meters, clock) = (telemetry.sinks(), Clock::system());
        let sinks = Sinks::declared(
            &config.audit,
            &trail.signed_as(),
            meters,
            trail.health(),
            &clock,
        )
        .map_err(|error| Failure::new(&error))?;
        let server = Server::new(listener, service, config.tls, config.requests_at_once)
            .map_err(|error| Failure::new(&error))?;
        let endpoint = server.endpoint().map_err(|error| Failure::new(&error))?;
        let admins = admin.as_ref().map(AdminServer::endpoint).transpose();
        // Whoever has been told that it is ready may end it in good order.
        let told_to_stop = told_to_stop()?;
        ready(
            &endpoint,
            admins.map_err(|error| Failure::new(&error))?.as_deref(),
        );
        let stop = async {
            told_to_stop.await;
            telemetry.stop();
        };
        let ended = tokio::select! {
            ended = server.run(stop) => ended.map_err(|error| Failure::new(&error)),
            never = watched => match never {},
            never = tending => match never {},
            ended = administer(admin) => match ended.map_err(|error| Failure::new(&error))? {},
            never = beside(sinks.run()) => match never {},
            never = beside(keep_archived(archive.clone())) => match never {},
            never = super_log.keep() => match never {},
            never = beside(jobs.run()) => match never {},
            never = stored_bytes.run() => match never {},
            never = operations.reconcile_for_good(&trail, &telemetry) => match never {},
        };
        trail.end().await;
        super_log.end().await;
        if let Some(archive) = &archive {
            archive.end().await;
        }
        ended
    });
    // A thread that writes to where nobody reads, or waits for a disk that hangs, must not keep it from ending.
    runtime.shutdown_timeout(LEAVE);
    ended
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

/// Binds the address where administrators connect, if they do.
async fn listen_to_admins(
    config: Option<&AdminConfig>,
    bound: Option<std::net::TcpListener>,
    admin: Arc<Admin>,
) -> Result<Option<AdminServer>, Failure> {
    let Some(config) = config else {
        return Ok(None);
    };
    let server = match bound {
        Some(listener) => TcpListener::from_std(listener)
            .and_then(|listener| AdminServer::with(listener, config, admin)),
        None => AdminServer::bind(config, admin).await,
    };
    let failed = |error| Failure(format!("cannot listen on {}: {error}", config.listen));
    server.map(Some).map_err(failed)
}

/// Somebody is named who answers for security, or whoever runs the gateway is told that nobody is.
async fn look_for_officers(admin: &Admin) {
    match admin.has_security_officer().await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(
            "nobody is security officer: emergencies are reviewed by nobody else, and what needs leave waits for ever; `sealgate admin credential create NAME --role security-officer` makes one"
        ),
        Err(error) => tracing::warn!(%error, "who is security officer cannot be looked up"),
    }
}

async fn keep_archived(archive: Option<Archive>) -> Infallible {
    match archive {
        Some(archive) => archive.run().await,
        None => std::future::pending().await,
    }
}

/// Sees to the keys by the time, for as long as it is asked.
async fn tend(admin: Arc<Admin>, telemetry: Arc<Telemetry>) -> Infallible {
    // Beside each other: a look at the mirror may take long, and a rotation does not wait for it.
    tokio::select! {
        never = every(ROTATE_WITHIN, || admin.rotate_overdue()) => never,
        never = every(TEND_EVERY, || async {
            match admin.tend_keys().await {
                Ok(health) => telemetry.keys(&health),
                Err(error) => tracing::error!(%error, "the keys could not be tended"),
            }
        }) => never,
    }
}

async fn every<F: Future<Output = ()>>(period: Duration, work: impl Fn() -> F) -> Infallible {
    let mut time = tokio::time::interval(period);
    time.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        time.tick().await;
        work().await;
    }
}

async fn administer(server: Option<AdminServer>) -> Result<Infallible, TlsError> {
    match server {
        Some(server) => server.run().await,
        None => std::future::pending().await,
    }
}

/// Ctrl-C, or the signal that service managers send: noticed from this call on.
fn told_to_stop() -> Result<impl Future<Output = ()>, Failure> {
    let noticed = |kind| signal(kind).map_err(|error| Failure::new(&error));
    let mut interrupt = noticed(SignalKind::interrupt())?;
    let mut terminate = noticed(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// How long what is still under way when the trail has its last line may take to end.
const LEAVE: Duration = Duration::from_secs(5);

/// A scope that was written to under a version past its time gets another.
const ROTATE_WITHIN: Duration = Duration::from_secs(5);

/// Rotations and destructions are due by the day.
const TEND_EVERY: Duration = Duration::from_mins(5);
