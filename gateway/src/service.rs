//! The life of a request. Read [`Service::handle`]; everything else is one of its steps.

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderValue, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use uuid::Uuid;

use crate::accommodations;
use crate::authenticate::Authenticator;
use crate::authorize::Policies;
use crate::body::{Answer, Upload, patiently, read_form};
use crate::cors::Asked;
use crate::error::GatewayError;
use crate::limits::Limits;
use crate::operations::{Answered, Operations};
use crate::s3::xml::error_document;
use crate::s3::{Addressing, Code, Operation, RequestId, S3Error, S3Request};
use crate::sts::{self, Sts};
use crate::telemetry::{Exchange, Telemetry};
use crate::trail::{Access, Trail};
use crate::upstream::{BoxError, UpstreamError};

/// The gateway's data plane.
#[derive(Debug)]
pub struct Service {
    /// How buckets are addressed.
    pub addressing: Addressing,
    /// Who means it.
    pub authenticator: Authenticator,
    /// Who gets a session.
    pub sts: Sts,
    /// Do they leave something for others.
    pub limits: Arc<Limits>,
    /// And may they.
    pub policies: Policies,
    /// Is it on record.
    pub trail: Trail,
    /// What is done.
    pub operations: Operations,
    /// What an operator watches.
    pub telemetry: Arc<Telemetry>,
}

/// The body of a response on the wire.
pub type ResponseBody = UnsyncBoxBody<bytes::Bytes, BoxError>;

impl Service {
    /// What is meant, who means it, and may they; then it is put on record, and only then done. Each step
    /// takes what the step before proved, so that none can be left out.
    async fn handle(&self, request: S3Request, body: Upload, access: &mut Access) -> Answered {
        if request.operation == Operation::PreflightRequest {
            return self.preflight(&request, access).await;
        }
        let request = unfold(request, &body, access).await?;
        request.refuse_unsafe_headers()?;
        let request = Box::pin(self.authenticator.verify(request, access)).await?;
        let tenant = &request.principal().tenant;
        let taken = Box::pin(self.limits.admit(tenant, request.request(), &body)).await?;
        let request = Box::pin(self.policies.authorize(request, &body, access)).await?;
        // What asks for an access list that is refused is not told to go on.
        if !request.request().grants_to_others()? {
            body.begin().await;
        }
        let request = self.trail.intent(request, access).await?;
        let answered = Box::pin(self.operations.run(request, body)).await?;
        Ok(answered.map(|answer| self.limits.keep(answer, taken)))
    }

    /// A browser's question before a request carries no signature: what it may know is in the bucket's CORS rules.
    async fn preflight(&self, request: &S3Request, access: &mut Access) -> Answered {
        let answered = self.operations.cors.preflight(request).await?;
        access.decided(&policies::Decision::Permit {
            policies: vec!["cors".to_owned()],
        });
        Ok(answered)
    }

    /// Answers one HTTP request, whatever becomes of it.
    pub async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Option<IpAddr>,
    ) -> Response<ResponseBody> {
        let id = new_id();
        let (parts, body) = request.into_parts();
        let (path, method) = (parts.uri.path().to_owned(), parts.method.clone());
        let is_alone = parts.version < http::Version::HTTP_2;
        let closes = accommodations::must_close(&parts.headers);
        let body = Upload::new(body, &parts.headers);
        let upload = body.clone();
        let mut exchange = self.telemetry.arrival(id, body.clone());
        let mut access = self.trail.arrival(id, peer, &parts.headers);
        if sts::is_meant(&parts) {
            return Box::pin(self.session(exchange, (&parts, &body), peer, access)).await;
        }
        let parsed = S3Request::parse(parts, id, peer, &self.addressing);
        let operation = parsed.as_ref().ok().map(|request| request.operation);
        if let Some(operation) = operation {
            exchange.operation(operation);
        }
        let asked = parsed.as_ref().ok().and_then(Asked::of);
        let asked = asked
            .filter(|_| method != http::Method::OPTIONS)
            .map(Arc::new);
        let beginning = self.operations.cors.clone().headers(asked.clone());
        let answering = async move {
            let answered = self.done(parsed, body.clone(), &mut access).await;
            let tenant = access.tenant().map(str::to_owned);
            let settled = self.trail.settle(access, answered).await;
            let settled = self.operations.keep_receipt(settled).await;
            // So that the client reads the answer and not a broken connection.
            body.drain().await;
            let mut response = match settled {
                Ok(response) => response.map(into_wire),
                Err(error) => {
                    exchange.failed(&error);
                    refusal(&error, &path, method == http::Method::HEAD, id)
                }
            };
            if let Some(asked) = asked {
                let (cors, headers) = (&self.operations.cors, response.headers_mut());
                cors.decorate(&asked, tenant.as_deref(), headers).await;
            }
            exchange.answered(response)
        };
        let mut response = if operation.is_some_and(may_linger) {
            patiently(Box::pin(answering), beginning).await
        } else {
            answering.await
        };
        if is_alone && (closes || !upload.is_complete()) {
            accommodations::close(response.headers_mut());
        }
        identified(response, id)
    }

    /// Answers a call of the Security Token Service.
    async fn session(
        &self,
        exchange: Exchange,
        (parts, body): (&Parts, &Upload),
        peer: Option<IpAddr>,
        mut access: Access,
    ) -> Response<ResponseBody> {
        let id = exchange.id();
        let answered = self
            .sts
            .answer(&self.authenticator, (parts, body), peer, &mut access)
            .await;
        let response = match self.trail.settle(access, answered).await {
            Ok(response) => response.map(into_wire),
            Err(error) => {
                exchange.failed(&error);
                body.drain().await;
                let fault = error.fault();
                let document = sts::error_document(&fault, id);
                let mut response = Response::new(into_wire(Answer::Ready(document.into())));
                *response.status_mut() = fault.code.status();
                response.headers_mut().insert(
                    http::header::CONTENT_TYPE,
                    HeaderValue::from_static("text/xml"),
                );
                response
            }
        };
        exchange.answered(identified(response, id))
    }

    async fn done(
        &self,
        parsed: Result<S3Request, S3Error>,
        body: Upload,
        access: &mut Access,
    ) -> Answered {
        let request = parsed?;
        access.request(&request);
        self.handle(request, body, access).await
    }

    /// Answers a request that the gateway has no place for. Nothing of it is looked at.
    pub async fn decline(&self, request: Request<Incoming>) -> Response<ResponseBody> {
        let id = new_id();
        let (parts, body) = request.into_parts();
        let body = Upload::new(body, &parts.headers);
        let exchange = self.telemetry.arrival(id, body.clone());
        body.drain().await;
        let error = Code::SlowDown.because("Please reduce your request rate.");
        let is_head = parts.method == http::Method::HEAD;
        let mut refused = refusal(&error.into(), parts.uri.path(), is_head, id);
        if parts.version < http::Version::HTTP_2 && !body.is_complete() {
            accommodations::close(refused.headers_mut());
        }
        exchange.answered(identified(refused, id))
    }
}

/// Whether the work may take longer than a client waits for a sign of life.
fn may_linger(operation: Operation) -> bool {
    use Operation as Op;
    matches!(
        operation,
        Op::CompleteMultipartUpload | Op::CopyObject | Op::UploadPartCopy
    )
}

/// With the headers that every answer has.
fn identified(mut response: Response<ResponseBody>, id: RequestId) -> Response<ResponseBody> {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert("x-amz-request-id", value.clone());
        headers.insert("x-amz-id-2", value);
    }
    headers.insert(http::header::SERVER, HeaderValue::from_static("Sealgate"));
    response
}

/// A form says in its fields what is meant; every other request has said so already.
async fn unfold(
    request: S3Request,
    body: &Upload,
    access: &mut Access,
) -> Result<S3Request, GatewayError> {
    if request.operation != Operation::PostObject {
        return Ok(request);
    }
    let request = read_form(request, body).await?;
    access.request(&request);
    Ok(request)
}

/// The one place where an error becomes a response.
fn refusal(
    error: &GatewayError,
    path: &str,
    is_head: bool,
    id: RequestId,
) -> Response<ResponseBody> {
    let fault = error.fault();
    let status = fault.code.status();
    let has_no_body = is_head || status == http::StatusCode::NOT_MODIFIED;
    let document = if has_no_body {
        String::new()
    } else {
        error_document(&fault, path, id)
    };
    let mut response = Response::new(into_wire(Answer::Ready(document.into())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if !has_no_body {
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/xml"),
        );
    }
    if status == http::StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(http::header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if let GatewayError::Upstream(UpstreamError::Refused { headers: store, .. }) = error {
        crate::operations::pass_store_facts(store, headers);
    }
    response
}

fn into_wire(answer: Answer) -> ResponseBody {
    match answer {
        Answer::Ready(bytes) => Full::new(bytes)
            .map_err(|never| match never {})
            .boxed_unsync(),
        Answer::Stream(body) => body,
    }
}

fn new_id() -> RequestId {
    let (high, low) = Uuid::new_v4().as_u64_pair();
    RequestId(high ^ low)
}
