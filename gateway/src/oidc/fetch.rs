//! Fetches a provider's small public documents, over TLS unless the provider is on this machine. It must not know what
//! they say.

use std::path::Path;
use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use serde_json::Value;
use tower::{Service as _, ServiceExt as _};

use super::ProvidersError;
use super::json::Unique;
use crate::config::{authorities, endpoint_is_safe};
use crate::upstream::{self, NetworkSettings, SealedBody, Transport};

/// A client for documents in JSON.
pub(super) struct Fetch(Transport);

impl Fetch {
    /// Trusts the authorities in a file, or whom the machine trusts.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, ProvidersError> {
        let settings = NetworkSettings {
            authorities: ca_file.map(authorities).transpose()?,
            ..NetworkSettings::default()
        };
        Ok(Self(upstream::network_transport(settings)?))
    }

    /// The document at a URL. Redirects are not followed.
    pub(super) async fn json(&self, url: &str) -> Result<Value, String> {
        let uri: http::Uri = url
            .parse()
            .map_err(|error| format!("{url} is no URL: {error}"))?;
        let (scheme, authority) = (uri.scheme_str(), uri.authority());
        let (Some(scheme), Some(authority)) = (scheme, authority) else {
            return Err(format!("{url} is not absolute"));
        };
        endpoint_is_safe(&format!("{scheme}://{authority}"))
            .map_err(|why| format!("{url} {why}"))?;
        let request = Request::builder()
            .method(Method::GET)
            .header(header::HOST, authority.as_str())
            .header(header::ACCEPT, "application/json")
            .uri(uri.clone())
            .body(SealedBody::empty().into())
            .map_err(|error| error.to_string())?;
        let mut transport = self.0.clone();
        let fetching = async move {
            let failed = |error: upstream::TransportError| crate::error::report(&error);
            let response = transport.ready().await.map_err(failed)?;
            let response = response.call(request).await.map_err(failed)?;
            if response.status() != StatusCode::OK {
                return Err(format!("it answers {}", response.status()));
            }
            let bytes = upstream::read_limited(response.into_body(), LONGEST).await;
            let bytes = bytes.map_err(|error| crate::error::report(&error))?;
            let Unique(value) =
                serde_json::from_slice(&bytes).map_err(|error| format!("no JSON: {error}"))?;
            Ok(value)
        };
        tokio::time::timeout(PATIENCE, fetching)
            .await
            .unwrap_or_else(|_| Err("it does not answer in time".to_owned()))
            .map_err(|why| format!("{url}: {why}"))
    }
}

/// In bytes; the key sets of large providers have some 20 KiB.
const LONGEST: usize = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);
