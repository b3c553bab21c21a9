//! The listener: accepts connections, serves HTTP/1.1 and HTTP/2, drains at the end. The only place that
//! starts tasks.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::service::{ResponseBody, Service};

/// A bound listener.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    service: Arc<Service>,
}

impl Server {
    /// Serves on a listener that is already bound.
    pub fn new(listener: TcpListener, service: Service) -> Self {
        Self {
            listener,
            service: Arc::new(service),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is ready, then lets requests in flight finish for a while.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let stack = ServiceBuilder::new()
            .load_shed()
            .concurrency_limit(MOST_AT_ONCE)
            .service(Arc::clone(&self.service).into_tower());
        let mut stop = std::pin::pin!(stop);
        loop {
            let (stream, peer) = tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of file descriptors, most likely: wait for some to be closed.
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
            };
            let stack = stack.clone();
            let shedding = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(peer.ip()));
                let stack = stack.clone();
                async move {
                    Ok::<_, Infallible>(
                        Box::pin(stack.oneshot(request))
                            .await
                            .unwrap_or_else(|_| slow_down()),
                    )
                }
            });
            serve(stream, TowerToHyperService::new(shedding), &graceful);
        }
        drop(self.listener);
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
    }
}

/// The address a request came from.
#[derive(Debug, Clone, Copy)]
struct Peer(IpAddr);

impl Service {
    fn into_tower(
        self: Arc<Self>,
    ) -> impl tower::Service<
        Request<Incoming>,
        Response = Response<ResponseBody>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + 'static {
        service_fn(move |request: Request<Incoming>| {
            let service = Arc::clone(&self);
            let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
            async move { Ok(Box::pin(service.answer(request, peer)).await) }
        })
    }
}

fn serve<S>(stream: TcpStream, service: S, graceful: &GracefulShutdown)
where
    S: hyper::service::Service<
            Request<Incoming>,
            Response = Response<ResponseBody>,
            Error = Infallible,
            Future: Send + 'static,
        > + Send
        + 'static,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_HEADERS)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(30)));
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let connection = graceful.watch(connection);
    #[expect(clippy::disallowed_methods, reason = "this file starts the tasks")]
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error, "a connection ended with an error");
        }
    });
}

/// Told when more requests are in flight than the gateway takes on.
fn slow_down() -> Response<ResponseBody> {
    let document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let mut response = Response::new(
        Full::from(document)
            .map_err(|never| match never {})
            .boxed_unsync(),
    );
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/xml"),
    );
    response
        .headers_mut()
        .insert(http::header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

const MOST_AT_ONCE: usize = 1024;
const LONGEST_HEADERS: Duration = Duration::from_secs(30);
const LONGEST_DRAIN: Duration = Duration::from_secs(30);
