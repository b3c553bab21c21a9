//! One connection: its handshake, its requests, and the place that each of them takes until its answer has
//! ended.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::certificates::H2;
use super::farewell::Farewell;
use crate::connection::Connection;
use crate::service::{ResponseBody, Service};
use crate::upstream::BoxError;

/// What all connections share.
pub(super) struct Connections {
    pub(super) service: Arc<Service>,
    pub(super) acceptor: Option<TlsAcceptor>,
    /// One for each request being answered.
    pub(super) places: Arc<Semaphore>,
    /// Its sender goes when the gateway stops.
    pub(super) running: watch::Receiver<()>,
}

impl Connections {
    /// Serves a connection in a task of its own.
    pub(super) fn serve(&self, stream: TcpStream, peer: IpAddr, watcher: Watcher) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let (acceptor, running) = (self.acceptor.clone(), self.running.clone());
        let requests = Requests {
            service: Arc::clone(&self.service),
            places: Arc::clone(&self.places),
            peer,
            connection: Connection::default(),
            unread: Arc::default(),
        };
        #[expect(clippy::disallowed_methods, reason = "this folder starts the tasks")]
        tokio::spawn(async move {
            let ended = match acceptor {
                None => plain(stream, running, requests, watcher).await,
                Some(acceptor) => secured(stream, &acceptor, running, requests, watcher).await,
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, error, "a connection ended with an error");
            }
        });
    }
}

async fn plain(
    stream: TcpStream,
    running: watch::Receiver<()>,
    requests: Requests,
    watcher: Watcher,
) -> Result<(), BoxError> {
    // Which HTTP it is shows in the first bytes, for which nobody else sets a limit.
    begun(stream.readable(), running).await?;
    let stream = Farewell::new(stream, Arc::clone(&requests.unread));
    requests.serve(stream, builder(), watcher).await
}

async fn secured(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    running: watch::Receiver<()>,
    mut requests: Requests,
    watcher: Watcher,
) -> Result<(), BoxError> {
    let stream = Farewell::new(stream, Arc::clone(&requests.unread));
    let stream = begun(acceptor.accept(stream), running).await?;
    let builder = if stream.get_ref().1.alpn_protocol() == Some(H2) {
        builder().http2_only()
    } else {
        builder().http1_only()
    };
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    requests.connection =
        Connection::secured(session.protocol_version(), certificate.map(AsRef::as_ref));
    requests.serve(stream, builder, watcher).await
}

/// A step of a client that has not asked for anything yet: it is waited for neither long nor when the gateway
/// stops.
async fn begun<T>(
    step: impl Future<Output = io::Result<T>>,
    mut running: watch::Receiver<()>,
) -> Result<T, BoxError> {
    tokio::select! {
        done = step => Ok(done?),
        _ = running.changed() => Err("the gateway is stopping".into()),
        () = tokio::time::sleep(LONGEST_HANDSHAKE) => Err("the client did not begin in time".into()),
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_HEADERS)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    builder
}

/// The requests of one connection.
#[derive(Clone)]
struct Requests {
    service: Arc<Service>,
    places: Arc<Semaphore>,
    peer: IpAddr,
    connection: Connection,
    /// The last answer went to a client that may still be sending.
    unread: Arc<AtomicBool>,
}

impl Requests {
    async fn serve<S>(
        self,
        stream: S,
        builder: auto::Builder<TokioExecutor>,
        watcher: Watcher,
    ) -> Result<(), BoxError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let answering = hyper::service::service_fn(move |request| {
            let requests = self.clone();
            Box::pin(async move { Ok::<_, Infallible>(requests.answer(request).await) })
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), answering)
            .into_owned();
        watcher.watch(connection).await
    }

    async fn answer(self, mut request: Request<Incoming>) -> Response<ResponseBody> {
        let Ok(place) = self.places.try_acquire_owned() else {
            let answer = self.service.decline(request).await;
            self.unread.store(is_last(&answer), Ordering::Relaxed);
            return answer;
        };
        request.extensions_mut().insert(self.connection);
        let answer = self.service.answer(request, Some(self.peer)).await;
        self.unread.store(is_last(&answer), Ordering::Relaxed);
        answer.map(|body| {
            Placed {
                body,
                _place: place,
            }
            .boxed_unsync()
        })
    }
}

/// Whether the connection ends with this answer.
fn is_last(answer: &Response<ResponseBody>) -> bool {
    answer.headers().contains_key(http::header::CONNECTION)
}

/// An answer's body and the place its request takes: given back when the body has gone or the client has.
struct Placed {
    body: ResponseBody,
    _place: OwnedSemaphorePermit,
}

impl Body for Placed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

const LONGEST_HANDSHAKE: Duration = Duration::from_secs(10);
const LONGEST_HEADERS: Duration = Duration::from_secs(30);
/// What a client may send of one upload, and of all on a connection, before any of it is taken.
const STREAM_WINDOW: u32 = 512 * 1024;
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;
