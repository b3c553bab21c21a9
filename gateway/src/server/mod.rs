//! The listener: accepts connections, with TLS or without, and drains at the end. The only place that starts
//! tasks.

mod admin;
mod certificates;
mod connection;
mod farewell;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use admin::AdminServer;

use crate::config::{TlsConfig, TlsError};
use crate::keys::Keys;
use crate::service::Service;
use certificates::{Certificates, Clients};
use connection::Connections;

/// A bound listener.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    service: Arc<Service>,
    certificates: Option<Arc<Certificates>>,
    requests_at_once: usize,
}

impl Server {
    /// Serves on a listener that is already bound; with TLS where there is a certificate for it. More than
    /// `requests_at_once` are told to come again.
    pub fn new(
        listener: TcpListener,
        service: Service,
        tls: Option<TlsConfig>,
        requests_at_once: usize,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            listener,
            service: Arc::new(service),
            certificates: tls.map(Certificates::load).transpose()?.map(Arc::new),
            requests_at_once,
        })
    }

    /// Where it listens: `https://` or `http://`, address and port.
    pub fn endpoint(&self) -> io::Result<String> {
        let address: SocketAddr = self.listener.local_addr()?;
        let scheme = if self.certificates.is_some() {
            "https"
        } else {
            "http"
        };
        Ok(format!("{scheme}://{address}"))
    }

    /// Serves until `stop` is ready, then lets requests in flight finish for a while.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), TlsError> {
        let graceful = GracefulShutdown::new();
        let acceptor = |shown: &Arc<Certificates>| shown.acceptor(Clients::Anybody);
        let acceptor = self.certificates.as_ref().map(acceptor);
        let stopping = watch::Sender::new(());
        let service = Arc::clone(&self.service);
        #[expect(clippy::disallowed_methods, reason = "this folder starts the tasks")]
        let ending = tokio::spawn(async move { service.operations.end_left_behind().await });
        let connections = Connections {
            service: self.service,
            acceptor: acceptor.transpose()?,
            places: Arc::new(Semaphore::new(self.requests_at_once)),
            running: stopping.subscribe(),
        };
        let mut hangup = signal(SignalKind::hangup()).ok();
        let mut look = tokio::time::interval(LOOK_AT_FILES);
        let mut stop = std::pin::pin!(stop);
        let keys = connections.service.operations.keys.clone();
        let mut tending = std::pin::pin!(tend(&keys));
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = received(&mut hangup) => refresh(self.certificates.as_ref(), true),
                never = &mut tending => match never {},
                _ = look.tick() => refresh(self.certificates.as_ref(), false),
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => connections.serve(stream, peer.ip(), graceful.watcher()),
                    Err(error) => {
                        // Out of file descriptors, most likely: wait for some to be closed.
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        drop((self.listener, stopping));
        tracing::info!("stopping: requests in flight are finished, new ones are not accepted");
        if tokio::time::timeout(LONGEST_DRAIN, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!(
                "some requests did not finish within {} s and were broken off",
                LONGEST_DRAIN.as_secs()
            );
        }
        ending.abort();
        Ok(())
    }
}

/// Does work that never ends in a task of its own, for as long as this is awaited.
pub async fn beside(work: impl Future<Output = Infallible> + Send + 'static) -> Infallible {
    let mut tasks = JoinSet::new();
    tasks.spawn(work);
    if let Some(Err(error)) = tasks.join_next().await {
        tracing::error!(%error, "work beside the requests has stopped");
    }
    std::future::pending().await
}

/// Looks after unwrapped keys, beside the connections.
async fn tend(keys: &Keys) -> Infallible {
    loop {
        tokio::time::sleep(TEND_KEYS).await;
        keys.tend().await;
    }
}

/// A signal; never, where it cannot be listened for.
async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Looks at the certificate's files, beside the connections.
fn refresh(certificates: Option<&Arc<Certificates>>, in_any_case: bool) {
    if let Some(certificates) = certificates.cloned() {
        tokio::task::spawn_blocking(move || certificates.refresh(in_any_case));
    }
}

const LONGEST_DRAIN: Duration = Duration::from_secs(30);
const TEND_KEYS: Duration = Duration::from_secs(5);
const LOOK_AT_FILES: Duration = Duration::from_secs(5);
