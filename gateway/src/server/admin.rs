//! The admin API's listener: HTTP/1.1 and HTTP/2 with JSON. A call that has begun is carried through, whether its
//! client waits or not.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::certificates::{Certificates, Clients};
use crate::admin::{Admin, Asked};
use crate::config::{AdminConfig, TlsError};
use crate::connection::Connection;
use crate::upstream::BoxError;

/// A bound listener for administrators.
#[derive(Debug)]
pub struct AdminServer {
    listener: TcpListener,
    admin: Arc<Admin>,
    certificates: Option<Arc<Certificates>>,
}

impl AdminServer {
    /// Binds the configured address.
    pub async fn bind(config: &AdminConfig, admin: Arc<Admin>) -> io::Result<Self> {
        Self::with(TcpListener::bind(config.listen).await?, config, admin)
    }

    /// Serves on a listener that is already bound.
    pub fn with(
        listener: TcpListener,
        config: &AdminConfig,
        admin: Arc<Admin>,
    ) -> io::Result<Self> {
        let certificates = config.tls.clone().map(Certificates::load);
        let certificates = certificates.transpose().map_err(io::Error::other)?;
        let server = Self {
            listener,
            admin,
            certificates: certificates.map(Arc::new),
        };
        tracing::info!("admin {}", server.endpoint()?);
        Ok(server)
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

    /// Answers until it is dropped.
    pub async fn run(self) -> Result<Infallible, TlsError> {
        let acceptor = |shown: &Arc<Certificates>| shown.acceptor(Clients::Identified);
        let acceptor = self.certificates.as_ref().map(acceptor);
        let acceptor = acceptor.transpose()?;
        let mut look = tokio::time::interval(super::LOOK_AT_FILES);
        let mut connections = FuturesUnordered::new();
        loop {
            tokio::select! {
                _ = look.tick() => super::refresh(self.certificates.as_ref(), false),
                accepted = self.listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                    Ok((stream, peer)) => connections.push(converse(stream, peer.ip(), acceptor.clone(), Arc::clone(&self.admin))),
                    Err(error) => {
                        tracing::warn!(%error, "a connection of an administrator could not be accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(()) = connections.next() => {}
            }
        }
    }
}

async fn converse(
    stream: TcpStream,
    peer: IpAddr,
    acceptor: Option<TlsAcceptor>,
    admin: Arc<Admin>,
) {
    let ended = match acceptor {
        None => serve(stream, (peer, None), admin).await,
        Some(acceptor) => {
            match tokio::time::timeout(LONGEST_SILENCE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let (_, session) = stream.get_ref();
                    let certificate = session.peer_certificates().and_then(<[_]>::first);
                    let certificate = certificate.map(AsRef::as_ref);
                    let connection = Connection::secured(session.protocol_version(), certificate);
                    let certificate = connection.client_cert_fp;
                    serve(stream, (peer, certificate), admin).await
                }
                Ok(Err(error)) => Err(error.into()),
                Err(late) => Err(late.into()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection of an administrator ended with an error");
    }
}

/// From where somebody connected, and SHA-256 of the certificate that they showed.
type Client = (IpAddr, Option<String>);

async fn serve<S>(stream: S, client: Client, admin: Arc<Admin>) -> Result<(), BoxError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (admin, client) = (Arc::clone(&admin), client.clone());
        async move { Ok::<_, Infallible>(answer(admin, request, client).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_SILENCE);
    builder.http2().timer(TokioTimer::new());
    builder
        .serve_connection(TokioIo::new(stream), service)
        .await
}

/// The call goes on in a task of its own: half of it must not be left undone because a client left.
async fn answer(
    admin: Arc<Admin>,
    request: Request<Incoming>,
    (peer, certificate): Client,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    #[expect(
        clippy::disallowed_methods,
        reason = "through a limit, and through a time limit"
    )]
    let read =
        tokio::time::timeout(LONGEST_SILENCE, Limited::new(body, LARGEST_BODY).collect()).await;
    let Ok(Ok(body)) = read else {
        let refused = json!({
            "code": "InvalidRequest",
            "message": "The body did not arrive whole, or is longer than 1 MiB.",
            "mend": "Send it again, shorter.",
        });
        return json_response(StatusCode::BAD_REQUEST, &refused);
    };
    let text = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let asked = Asked {
        authorization: text(header::AUTHORIZATION).map(str::to_owned),
        user_agent: text(header::USER_AGENT).map(str::to_owned),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        method: parts.method,
        peer: Some(peer),
        certificate,
        body: body.to_bytes(),
    };
    #[expect(clippy::disallowed_methods, reason = "this folder starts the tasks")]
    let answered = tokio::spawn(async move { admin.answer(asked).await }).await;
    match answered {
        Ok((status, body)) => json_response(status, &body),
        Err(_) => json_response(StatusCode::INTERNAL_SERVER_ERROR, &Value::Null),
    }
}

fn json_response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{body}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if status == StatusCode::UNAUTHORIZED
        && let Ok(challenge) = HeaderValue::from_str(&challenge(body))
    {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    // Some answers hold a token.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// RFC 6750 §3 and, where a sign-in is too old, RFC 9470 §3.
fn challenge(body: &Value) -> String {
    match body.get("max_age") {
        None => "Bearer error=\"invalid_token\"".to_owned(),
        Some(max_age) => format!(
            "Bearer error=\"insufficient_user_authentication\", \
             error_description=\"A more recent second factor is required\", max_age=\"{max_age}\""
        ),
    }
}

const MOST_CONNECTIONS: usize = 64;
const LARGEST_BODY: usize = 1024 * 1024;
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
