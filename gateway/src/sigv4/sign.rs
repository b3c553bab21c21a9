//! Signatures on our own requests to the store behind the gateway, by the AWS SDK's signer. It must
//! not know what the requests mean, and it covers no body: TLS and the sealed object's own checks
//! do.

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
use super::scope::Service;

/// Signs requests to one store with one set of credentials.
#[derive(Debug)]
pub struct Signer {
    identity: Identity,
    region: String,
}

/// Why a request of ours could not be signed: always a fault of ours.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The path or query is not encoded the one way S3 signs, so the store would calculate another
    /// signature.
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
    /// [`encode_query`](super::encode_query). All given headers are signed, so none of them may
    /// change afterwards.
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
            .name(Service::S3.name())
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use http::Request;

    use super::*;
    use crate::sigv4::{Payload, Verification, Verifier, encode_path, encode_query};

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn now() -> SystemTime {
        time::macros::datetime!(2026-02-03 4:05:06 UTC).into()
    }

    fn signer(token: Option<&str>) -> Signer {
        let token = token.map(str::to_owned);
        Signer::new(
            "AKIDEXAMPLE",
            &SecretKey::new(SECRET),
            token,
            "eu-west-1".to_owned(),
        )
    }

    /// Signs, puts the request on the wire as hyper would, and has it verified as the store would.
    fn verified(signer: &Signer, uri: &str, headers: &HeaderMap) -> crate::sigv4::Verified {
        let uri: Uri = uri.parse().unwrap();
        let added = signer.sign(&Method::PUT, &uri, headers, now()).unwrap();
        let sent = uri.path_and_query().unwrap().as_str();
        let mut parts = Request::put(sent).body(()).unwrap().into_parts().0;
        parts.headers = headers.clone();
        parts
            .headers
            .insert("host", uri.authority().unwrap().as_str().parse().unwrap());
        parts.headers.extend(added);
        let store = Verifier::new(vec!["eu-west-1".to_owned()]);
        match store.verify(&parts, now() + Duration::from_secs(1), &|_| {
            Some(Arc::new(SecretKey::new(SECRET)))
        }) {
            Ok(Verification::Signed(verified)) => verified,
            other => panic!("{sent} {other:?}"),
        }
    }

    #[test]
    fn odd_keys_and_queries_verify_at_the_store() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-meta-sof-h", HeaderValue::from_static("a  b"));
        headers.insert(
            "content-type",
            HeaderValue::from_static("application/octet-stream"),
        );
        for key in [
            "a",
            "//a//",
            "a/../b/./..",
            "a+b c",
            "Grüße/日本😀",
            "100%/%2F",
            "(=*@:,;!$&')",
            "\u{0}\u{7f}",
        ] {
            let path = encode_path(key.as_bytes());
            let prefix = encode_query(key.as_bytes());
            let uri =
                format!("http://127.0.0.1:8333/bucket/{path}?list-type=2&prefix={prefix}&uploads");
            let verified = verified(&signer(None), &uri, &headers);
            assert_eq!(verified.region, "eu-west-1");
            assert!(matches!(verified.payload, Payload::Unsigned));
        }
    }

    #[test]
    fn the_session_token_is_signed_along() {
        let verified = verified(
            &signer(Some("token/+=")),
            "https://store.test/bucket/key",
            &HeaderMap::new(),
        );
        assert_eq!(verified.session_token.as_deref(), Some("token/+="));
    }

    #[test]
    fn a_uri_that_would_be_signed_otherwise_is_refused() {
        for uri in [
            "http://h/b/a+b",
            "http://h/b/%2f",
            "http://h/b/%7e",
            "http://h/b/(",
            "http://h/b/k?prefix=a+b",
        ] {
            let outcome = signer(None).sign(
                &Method::GET,
                &uri.parse().unwrap(),
                &HeaderMap::new(),
                now(),
            );
            assert!(matches!(outcome, Err(SignError::NotCanonical)), "{uri}");
        }
        let outcome = signer(None).sign(
            &Method::GET,
            &"/b/k".parse().unwrap(),
            &HeaderMap::new(),
            now(),
        );
        assert!(matches!(outcome, Err(SignError::NoHost)));
    }

    #[test]
    fn the_signer_shows_no_secret() {
        assert!(!format!("{:?}", signer(Some("token"))).contains("wJal"));
    }
}
