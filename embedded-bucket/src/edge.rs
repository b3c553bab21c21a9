//! The tower service: what s3s would misread is taken off the request before it, and put right after.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use s3s::dto::Range;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3Error, StdError};
use tower::Service;

use crate::conditions::Conditions;
use crate::fault::Fault;
use crate::operations::Operations;

/// The S3 service over an [`EmbeddedBucket`](crate::EmbeddedBucket).
///
/// Takes path-style requests and asks for no signature; `Authorization`, `x-amz-date`,
/// `x-amz-content-sha256` and `x-amz-security-token` are dropped unread. Every answer, an error too,
/// is a response.
#[derive(Clone, Debug)]
pub struct EmbeddedService {
    protocol: S3Service,
}

impl EmbeddedService {
    pub(crate) fn new(operations: Operations) -> Self {
        Self {
            protocol: S3ServiceBuilder::new(operations).build(),
        }
    }
}

impl<B> Service<Request<B>> for EmbeddedService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError>,
{
    type Response = Response<Body>;
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, CallError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let protocol = self.protocol.clone();
        Box::pin(async move { answer(&protocol, request).await })
    }
}

/// The protocol layer could not even write an error document.
#[derive(Debug, thiserror::Error)]
#[error("the embedded bucket could not answer")]
pub struct CallError(#[source] StdError);

/// What was taken off a request for the operations to read themselves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Intake {
    /// On the object that the path names.
    pub(crate) target: Conditions,
    /// On the copy source.
    pub(crate) source: Conditions,
    /// The `Expires` header as sent; s3s would refuse all but dates.
    pub(crate) expires: Option<String>,
    /// User metadata by name without `x-amz-meta-`, a character per byte; s3s would re-encode it.
    pub(crate) metadata: BTreeMap<String, String>,
}

async fn answer<B>(protocol: &S3Service, request: Request<B>) -> Result<Response<Body>, CallError>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError>,
{
    let (mut parts, body) = request.into_parts();
    if let Err(fault) = refuse(&parts.headers) {
        let response = S3Error::from(fault).to_http_response();
        return response.map_err(|error| CallError(Box::new(error)));
    }
    parts.extensions.insert(take_in(&mut parts.headers));
    let is_head = parts.method == Method::HEAD;
    let body = Body::http_body_unsync(body.map_err(Into::into));
    let response = protocol.call(Request::from_parts(parts, body)).await;
    let response = response.map_err(|error| CallError(error.into()))?;
    Ok(put_right(response, is_head))
}

/// Refuses what would change the meaning of a request if it were ignored.
fn refuse(headers: &HeaderMap) -> Result<(), Fault> {
    for name in headers.keys().map(HeaderName::as_str) {
        if NOT_IMPLEMENTED
            .iter()
            .any(|prefix| name.starts_with(prefix))
            && !HARMLESS.contains(&name)
        {
            return Err(Fault::NotImplemented("A header of this request"));
        }
    }
    let plain = |name: &str, allowed: &[&str]| {
        headers
            .get(name)
            .is_none_or(|value| allowed.iter().any(|text| value == text))
    };
    if !plain("x-amz-acl", &["private", "bucket-owner-full-control"]) {
        return Err(Fault::NotImplemented("A canned ACL other than private"));
    }
    if !plain("x-amz-storage-class", &["STANDARD"]) {
        return Err(Fault::InvalidStorageClass);
    }
    Ok(())
}

fn take_in(headers: &mut HeaderMap) -> Intake {
    for name in UNREAD {
        headers.remove(name);
    }
    // S3 answers the whole object to a range it cannot read, or to several; s3s answers 400.
    let range = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    if range.is_none_or(|range| Range::parse(range).is_err()) {
        headers.remove(header::RANGE);
    }
    let expires = headers.remove(header::EXPIRES);
    Intake {
        target: Conditions::take(headers, ""),
        source: Conditions::take(headers, "x-amz-copy-source-"),
        expires: expires.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
        metadata: take_metadata(headers),
    }
}

/// Takes the `x-amz-meta-` headers off; values of one name are joined by commas, as S3 does.
fn take_metadata(headers: &mut HeaderMap) -> BTreeMap<String, String> {
    let mut metadata: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &*headers {
        let Some(name) = name.as_str().strip_prefix(METADATA) else {
            continue;
        };
        let text: String = value.as_bytes().iter().copied().map(char::from).collect();
        metadata
            .entry(name.to_owned())
            .and_modify(|before| {
                before.push(',');
                before.push_str(&text);
            })
            .or_insert(text);
    }
    for name in metadata.keys() {
        headers.remove(format!("{METADATA}{name}"));
    }
    metadata
}

fn put_right(mut response: Response<Body>, is_head: bool) -> Response<Body> {
    let partial = response.headers().contains_key(header::CONTENT_RANGE);
    if is_head && partial && response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    if is_head || response.status() == StatusCode::NOT_MODIFIED {
        *response.body_mut() = Body::empty();
    }
    response
}

/// Headers by which a signed request is recognised; there is nobody to verify them.
const UNREAD: [HeaderName; 4] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-amz-content-sha256"),
    HeaderName::from_static("x-amz-date"),
    HeaderName::from_static("x-amz-security-token"),
];

/// Prefixes of headers that ask for what this bucket does not do: checksums beside the `ETag`,
/// encryption (objects arrive sealed), grants, appending, aws-chunked trailers.
const NOT_IMPLEMENTED: [&str; 8] = [
    "x-amz-checksum-",
    "x-amz-copy-source-server-side-encryption",
    "x-amz-decoded-content-length",
    "x-amz-grant-",
    "x-amz-mfa",
    "x-amz-server-side-encryption",
    "x-amz-trailer",
    "x-amz-write-offset-bytes",
];

/// What the names of user metadata begin with.
pub(crate) const METADATA: &str = "x-amz-meta-";

/// Asks only for checksums that are not there.
const HARMLESS: [&str; 1] = ["x-amz-checksum-mode"];
