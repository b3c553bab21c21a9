//! The control documents' way to the store: `object_store`'s S3 client over the same transport, so that
//! there is one HTTP client, one TLS configuration and one embedded bucket.

use std::sync::Arc;

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use tower::{Service as _, ServiceExt as _};

use super::{StoreRequestBody, Transport, read_limited};

/// An `object_store` over `bucket` of the store at `endpoint`. `credentials` are access key id and
/// secret; none for the embedded bucket.
pub fn control_store(
    transport: Transport,
    endpoint: &str,
    region: &str,
    bucket: &str,
    credentials: Option<(&str, &str)>,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    let mut builder = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_region(region)
        .with_bucket_name(bucket)
        .with_virtual_hosted_style_request(false)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_disable_bulk_delete(true)
        .with_retry(RetryConfig {
            max_retries: 2,
            ..RetryConfig::default()
        })
        .with_http_connector(Connector(transport));
    builder = match credentials {
        Some((id, secret)) => builder
            .with_access_key_id(id)
            .with_secret_access_key(secret),
        None => builder.with_skip_signature(true),
    };
    Ok(Arc::new(builder.build()?))
}

struct Connector(Transport);

impl std::fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Self(self.0.clone())))
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        #[expect(
            clippy::disallowed_methods,
            reason = "our own control documents, small and in memory already"
        )]
        let document = body
            .collect()
            .await
            .map_err(|error| HttpError::new(HttpErrorKind::Request, error))?
            .to_bytes();
        let request = http::Request::from_parts(parts, StoreRequestBody::document(document));
        let mut transport = self.0.clone();
        let connect = |error| HttpError::new(HttpErrorKind::Connect, error);
        let response = transport
            .ready()
            .await
            .map_err(connect)?
            .call(request)
            .await
            .map_err(connect)?;
        let (parts, body) = response.into_parts();
        let document = read_limited(body, LARGEST_DOCUMENT)
            .await
            .map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error))?;
        Ok(http::Response::from_parts(parts, document.into()))
    }
}

/// Far more than any control document or page of a listing has.
const LARGEST_DOCUMENT: usize = 16 * 1024 * 1024;
