//! Signatures on our own requests to the store behind the gateway, by the AWS SDK's signer. It must not know
//! what the requests mean, and it covers no body: TLS and the sealed object's own checks do.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SessionTokenMode, SignableBody, SignableRequest,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::identity::Identity;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::canonical::is_canonical_path;
use super::key::SecretKey;
use super::scope::SERVICE;

/// Signs requests to one store with one set of credentials.
#[derive(Debug)]
pub struct Signer {
    identity: Identity,
    region: String,
}

/// Why a request of ours could not be signed: always a fault of ours.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The path or query is not encoded the one way S3 signs, so the store would calculate another signature.
    #[error(
        "the request URI is not encoded as S3 signs it; build it with encode_path and encode_query"
    )]
    NotCanonical,
    /// The URI has no authority to take the host from.
    #[error("the request URI names no host")]
    NoHost,
    /// A header's value is not UTF-8, which the signer cannot take.
    #[error("the value of the header {0} is not UTF-8")]
    HeaderNotText(HeaderName),
    /// The signer refused.
    #[error("the request could not be signed")]
    Signer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Signer {
    /// A signer with the store's credentials and region.
    pub fn new(
        access_key_id: &str,
        secret: &SecretKey,
        session_token: Option<String>,
        region: String,
    ) -> Self {
        let credentials = Credentials::new(
            access_key_id,
            secret.expose(),
            session_token,
            None,
            "upstream",
        );
        Self {
            identity: credentials.into(),
            region,
        }
    }

    /// The headers to add to a request: `authorization`, `x-amz-date`, `x-amz-content-sha256`
    /// (`UNSIGNED-PAYLOAD`) and, with a session, `x-amz-security-token`.
    ///
    /// The URI must be absolute, and encoded by [`encode_path`](super::encode_path) and
    /// [`encode_query`](super::encode_query). All given headers are signed, so none of them may change
    /// afterwards.
    pub fn sign(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, SignError> {
        // The signer takes a plus for a space, which S3 does not.
        if !is_canonical_path(uri.path()) || uri.query().is_some_and(|query| query.contains('+')) {
            return Err(SignError::NotCanonical);
        }
        if uri.authority().is_none() {
            return Err(SignError::NoHost);
        }
        let headers = text_headers(headers)?;
        let request = SignableRequest::new(
            method.as_str(),
            uri.to_string(),
            headers.into_iter(),
            SignableBody::UnsignedPayload,
        )
        .map_err(signer)?;
        let params = SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name(SERVICE)
            .time(now)
            .settings(settings())
            .build()
            .map_err(signer)?
            .into();
        let (instructions, _signature) = sign(request, &params).map_err(signer)?.into_parts();
        let (headers, _query) = instructions.into_parts();
        headers
            .iter()
            .map(|added| header(added.name(), added.value(), added.sensitive()))
            .collect()
    }
}

fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.session_token_mode = SessionTokenMode::Include;
    settings
}

fn text_headers(headers: &HeaderMap) -> Result<Vec<(&str, &str)>, SignError> {
    headers
        .iter()
        .map(
            |(name, value)| match std::str::from_utf8(value.as_bytes()) {
                Ok(text) => Ok((name.as_str(), text)),
                Err(_) => Err(SignError::HeaderNotText(name.clone())),
            },
        )
        .collect()
}

fn header(
    name: &'static str,
    text: &str,
    sensitive: bool,
) -> Result<(HeaderName, HeaderValue), SignError> {
    let mut value = HeaderValue::from_str(text).map_err(signer)?;
    value.set_sensitive(sensitive);
    Ok((HeaderName::from_static(name), value))
}

fn signer(error: impl std::error::Error + Send + Sync + 'static) -> SignError {
    SignError::Signer(Box::new(error))
}
