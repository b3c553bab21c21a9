//! The store behind the gateway: one client for any S3 store, over the network or in process.
//!
//! It accepts sealed bytes only ([`SealedBody`]), builds its requests from scratch (nothing of a client's
//! request is copied), always states a `Content-Length`, and checks what comes back. It knows no keys.

mod body;
mod control;
mod error;
mod network;
mod probe;
mod request;
mod silence;
mod walk;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

pub use body::{BoxError, SealedBody, SealedStream, StoreRequestBody};
pub use control::control_store;
pub use error::{TransportError, UpstreamError};
pub use network::{NetworkSettings, network_transport};
pub(crate) use network::{client_tls, connector};
pub use probe::Capabilities;
pub use request::StoreRequest;
pub(crate) use walk::{Begin, Listed, Walk};

use silence::{NeverSilent, Turns};

use crate::s3::xml::Element;
use crate::sigv4::Signer;

/// Response bytes of the store: still sealed.
pub type StoreBody = UnsyncBoxBody<Bytes, BoxError>;

/// Something that carries a request to a store and brings the response: a pooled HTTP client, or the
/// embedded bucket called in process.
pub type Transport =
    BoxCloneSyncService<http::Request<StoreRequestBody>, http::Response<StoreBody>, TransportError>;

/// A response of the store whose status says success.
#[derive(Debug)]
pub struct StoreResponse {
    /// 200, 204, 206 …
    pub status: StatusCode,
    /// Headers as the store sent them.
    pub headers: HeaderMap,
    /// The body, still sealed.
    pub body: StoreBody,
}

/// The store.
#[derive(Clone)]
pub struct Upstream {
    transport: Transport,
    endpoint: Arc<str>,
    signer: Option<Arc<Signer>>,
    patience: Duration,
    clock: crate::clock::Clock,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Upstream")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Upstream {
    /// A store at `endpoint` (`http://host:port`), reached through `transport`, signed for by `signer`; no
    /// signer for the embedded bucket, which nobody else can reach. When it is the store's turn, it may be
    /// silent for `patience`.
    pub fn new(
        transport: Transport,
        endpoint: &str,
        signer: Option<Signer>,
        patience: Duration,
        clock: crate::clock::Clock,
    ) -> Self {
        let signer = signer.map(Arc::new);
        Self {
            transport,
            endpoint: endpoint.trim_end_matches('/').into(),
            signer,
            patience,
            clock,
        }
    }

    /// Sends a request and returns the store's success, or its error understood. What only asks is asked once
    /// more where the exchange broke, on a connection that the store had given up, most likely; what changes
    /// something is not, because nobody knows whether it was done: the client decides.
    pub async fn send(&self, request: StoreRequest) -> Result<StoreResponse, UpstreamError> {
        let again = request.repeated();
        match (self.exchange(request).await, again) {
            (Err(UpstreamError::Transport(error)), Some(again)) if !error.is_silence() => {
                self.exchange(again).await
            }
            (answer, _) => answer,
        }
    }

    async fn exchange(&self, request: StoreRequest) -> Result<StoreResponse, UpstreamError> {
        let is_head = request.method == http::Method::HEAD;
        let mut http_request = self.http_request(request, self.clock.now())?;
        let turns = Turns::default();
        http_request.body_mut().count(turns.clone());
        let mut transport = self.transport.clone();
        let answered = async { transport.ready().await?.call(http_request).await };
        let response = turns.answer(self.patience, answered).await?;
        let (parts, body) = response.into_parts();
        let body = NeverSilent::new(body, self.patience).boxed_unsync();
        if parts.status.is_success() {
            return Ok(StoreResponse {
                status: parts.status,
                headers: parts.headers,
                body,
            });
        }
        let document = if is_head {
            Bytes::new()
        } else {
            read_limited(body, LONGEST_ERROR).await.unwrap_or_default()
        };
        Err(UpstreamError::refused(
            parts.status,
            &parts.headers,
            &document,
        ))
    }

    /// Sends a request whose answer is a document of at most `limit` bytes, and reads it. A 200 whose
    /// body is an error document (Copy, Complete) is an error.
    pub async fn document(
        &self,
        request: StoreRequest,
        limit: usize,
    ) -> Result<(HeaderMap, Element), UpstreamError> {
        let response = self.send(request).await?;
        let bytes = read_limited(response.body, limit).await?;
        let root = Element::parse(bytes.trim_ascii())
            .map_err(|error| UpstreamError::Unexpected(error.message))?;
        if root.name == "Error" {
            return Err(UpstreamError::refused(
                StatusCode::INTERNAL_SERVER_ERROR,
                &response.headers,
                &bytes,
            ));
        }
        Ok((response.headers, root))
    }

    fn http_request(
        &self,
        request: StoreRequest,
        now: SystemTime,
    ) -> Result<http::Request<StoreRequestBody>, UpstreamError> {
        let uri = request.uri(&self.endpoint)?;
        let mut http_request = http::Request::builder()
            .method(request.method)
            .uri(uri)
            .body(request.body)
            .map_err(|error| UpstreamError::Unexpected(error.to_string()))?;
        *http_request.headers_mut() = request.headers;
        if let Some(authority) = http_request.uri().authority() {
            let host = HeaderValue::from_str(authority.as_str())
                .map_err(|error| UpstreamError::Unexpected(error.to_string()))?;
            http_request.headers_mut().insert(http::header::HOST, host);
        }
        let length = http_request.body().length();
        if length > 0
            || matches!(
                *http_request.method(),
                http::Method::PUT | http::Method::POST
            )
        {
            http_request
                .headers_mut()
                .insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        http_request.headers_mut().insert(
            http::header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        if let Some(signer) = &self.signer {
            let signed = signer.sign(
                http_request.method(),
                http_request.uri(),
                http_request.headers(),
                now,
            );
            let signed = signed.map_err(|error| UpstreamError::Unexpected(error.to_string()))?;
            http_request.headers_mut().extend(signed);
        }
        Ok(http_request)
    }
}

/// Reads a body of at most `limit` bytes.
pub async fn read_limited(body: StoreBody, limit: usize) -> Result<Bytes, UpstreamError> {
    let mut body = body;
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(TransportError)?.into_data() else {
            continue;
        };
        if bytes.len().saturating_add(piece.len()) > limit {
            return Err(UpstreamError::Unexpected(format!(
                "it is longer than {limit} bytes"
            )));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

/// More than any error document needs.
const LONGEST_ERROR: usize = 64 * 1024;
