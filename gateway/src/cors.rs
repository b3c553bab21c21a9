//! Answers browsers: may a page of another origin send this, and read the answer? It knows the rules that owners
//! put on their buckets, and opens nothing by itself: who may do what is decided by signature and policy alone.
//!
//! A preflight has no signature, so nobody knows whose bucket a name means. Where the URL names an access key, its
//! tenant's bucket is meant; else a preflight is allowed if any tenant's bucket of that name allows it. The answer
//! that follows carries what the bucket says that was really used.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::body::Answer;
use crate::buckets::{BucketError, Buckets, Setting};
use crate::directory::Directory;
use crate::error::{GatewayError, report};
use crate::s3::cors::{CorsRequest, CorsRules};
use crate::s3::{BucketName, Code, S3Error, S3Request};

/// What a browser said with a request of another origin.
#[derive(Debug)]
pub struct Asked {
    bucket: BucketName,
    origin: String,
    method: String,
    headers: String,
    /// Named by the request, proven by nothing.
    access_key_id: Option<String>,
}

/// The rules of all buckets.
#[derive(Debug, Clone)]
pub struct Cors {
    buckets: Buckets,
    directory: Arc<Directory>,
    known: Cache<(String, BucketName), Option<Arc<CorsRules>>>,
    strangers: Arc<Semaphore>,
}

impl Asked {
    /// What a request says, if it comes from a page of another origin. The method is the one asked for, where there
    /// is one, as S3 has it.
    pub fn of(request: &S3Request) -> Option<Self> {
        let text = |name: &str| {
            let value = request.parts.headers.get(name)?.to_str().ok()?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let method = text("access-control-request-method")
            .unwrap_or_else(|| request.parts.method.as_str().to_owned());
        Some(Self {
            bucket: request.bucket.clone()?,
            origin: text("origin")?,
            method,
            headers: text("access-control-request-headers").unwrap_or_default(),
            access_key_id: claimed_access_key_id(request),
        })
    }
}

impl Cors {
    /// The rules kept with these buckets, of the tenants in this directory.
    pub fn new(buckets: Buckets, directory: Arc<Directory>) -> Self {
        let known = Cache::builder()
            .max_capacity(MOST_KNOWN)
            .time_to_live(OLDEST)
            .build();
        Self {
            buckets,
            directory,
            known,
            strangers: Arc::new(Semaphore::new(STRANGERS_AT_ONCE)),
        }
    }

    /// Answers `OPTIONS`.
    pub async fn preflight(&self, request: &S3Request) -> Result<Response<Answer>, GatewayError> {
        let has = |name: &str| request.parts.headers.contains_key(name);
        let asked = Asked::of(request).ok_or_else(|| {
            Code::InvalidRequest.because("Insufficient information. Origin request header needed.")
        })?;
        if !has("access-control-request-method") {
            return Err(Code::InvalidRequest
                .because("Invalid Access-Control-Request-Method: null")
                .into());
        }
        let headers = self.allowed(&asked, None).await?;
        let headers = headers.ok_or_else(|| forbidden(&asked))?;
        let mut response = Response::new(Answer::empty());
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().extend(headers);
        Ok(response)
    }

    /// Adds to an answer what lets the browser hand it to the page. `tenant` is whose credentials were verified; an
    /// answer to somebody else is an error, whose text the page may see as well.
    pub async fn decorate(&self, asked: &Asked, tenant: Option<&str>, headers: &mut HeaderMap) {
        match self.allowed(asked, tenant).await {
            Ok(Some(allowed)) => headers.extend(allowed),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(
                    error = report(&error),
                    "a bucket's CORS rules cannot be read"
                );
            }
        }
    }

    /// The headers of an answer that begins before it is known. By then the signature was verified, so the tenant is
    /// that of the access key the request names.
    pub async fn headers(self, asked: Option<Arc<Asked>>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(asked) = asked {
            self.decorate(&asked, None, &mut headers).await;
        }
        headers
    }

    /// Makes a change known here at once; other replicas follow within seconds.
    pub async fn forget(&self, tenant: &str, bucket: &BucketName) {
        let key = (tenant.to_owned(), bucket.clone());
        self.known.invalidate(&key).await;
    }

    async fn allowed(
        &self,
        asked: &Asked,
        tenant: Option<&str>,
    ) -> Result<Option<HeaderMap>, GatewayError> {
        let claimed = match &asked.access_key_id {
            Some(id) => Box::pin(self.directory.find(id)).await?,
            None => None,
        };
        let claimed = claimed
            .as_ref()
            .map(|credential| credential.principal.tenant.as_str());
        let tenant = tenant.or(claimed);
        let request = CorsRequest {
            origin: &asked.origin,
            method: &asked.method,
            headers: &asked.headers,
        };
        if let Some(tenant) = tenant {
            let rules = self.rules(tenant, &asked.bucket).await?;
            return Ok(rules.and_then(|rules| rules.allow(request)).map(varying));
        }
        // Strangers cannot make the gateway ask the store all at once.
        let _turn = self.strangers.acquire().await;
        for tenant in Box::pin(self.directory.tenants()).await?.iter() {
            let rules = self.rules(tenant, &asked.bucket).await?;
            if let Some(headers) = rules.and_then(|rules| rules.allow(request)) {
                return Ok(Some(varying(headers)));
            }
        }
        Ok(None)
    }

    async fn rules(
        &self,
        tenant: &str,
        bucket: &BucketName,
    ) -> Result<Option<Arc<CorsRules>>, BucketError> {
        let key = (tenant.to_owned(), bucket.clone());
        if let Some(known) = self.known.get(&key).await {
            return Ok(known);
        }
        let rules = self.read(tenant, bucket).await?;
        self.known.insert(key, rules.clone()).await;
        Ok(rules)
    }

    async fn read(
        &self,
        tenant: &str,
        name: &BucketName,
    ) -> Result<Option<Arc<CorsRules>>, BucketError> {
        let Some(bucket) = self.buckets.find(tenant, name).await? else {
            return Ok(None);
        };
        match self.buckets.setting(&bucket, SETTING).await? {
            Setting::Document(text) => Ok(CorsRules::parse(text.as_bytes()).ok().map(Arc::new)),
            Setting::Untouched | Setting::Removed => Ok(None),
        }
    }
}

/// The access key that a request names, in any form but that of a form.
fn claimed_access_key_id(request: &S3Request) -> Option<String> {
    let authorization = request.parts.headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let in_header = authorization.and_then(|value| match value.strip_prefix("AWS ") {
        Some(version2) => version2.split(':').next(),
        None => value.split_once("Credential=")?.1.split('/').next(),
    });
    let in_query = || {
        let credential = request.query.get("X-Amz-Credential");
        credential
            .and_then(|text| text.split('/').next())
            .or_else(|| request.query.get("AWSAccessKeyId"))
    };
    in_header.or_else(in_query).map(str::to_owned)
}

fn forbidden(asked: &Asked) -> S3Error {
    Code::AccessForbidden
        .because("CORSResponse: This CORS request is not allowed: the bucket has no CORS rule for its origin, method and headers.")
        .with("Method", asked.method.as_str())
        .with("ResourceType", "BUCKET")
}

/// The answer is another for another page.
fn varying(mut headers: HeaderMap) -> HeaderMap {
    headers.insert(
        header::VARY,
        HeaderValue::from_static(
            "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
        ),
    );
    headers
}

/// The name under which a bucket's document is kept.
pub const SETTING: &str = "cors";

const MOST_KNOWN: u64 = 10_000;
const OLDEST: Duration = Duration::from_secs(5);
const STRANGERS_AT_ONCE: usize = 8;
