//! The transport over the network: a pooled hyper client with TLS by rustls.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use super::{BoxError, StoreRequestBody, Transport, TransportError};

/// How the network is used.
#[derive(Debug, Clone)]
pub struct NetworkSettings {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept; below what stores keep (5 s to 20 s), so that no request
    /// goes out on a connection that the store is closing.
    pub idle_timeout: Duration,
    /// Who may have issued the store's certificate; none: whom the machine trusts.
    pub authorities: Option<rustls::RootCertStore>,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(4),
            authorities: None,
        }
    }
}

/// Builds the transport. Fails when the machine's root certificates cannot be read.
pub fn network_transport(settings: NetworkSettings) -> Result<Transport, std::io::Error> {
    let idle_timeout = settings.idle_timeout;
    let connector = connector(settings)?;
    let client: Client<_, StoreRequestBody> = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(idle_timeout)
        .build(connector);
    let service = ServiceBuilder::new().service(service_fn(move |request| {
        let client = client.clone();
        async move {
            client
                .request(request)
                .await
                .map_err(|error| TransportError(error.into()))
        }
    }));
    Ok(BoxCloneSyncService::new(service.map_response(
        |response: http::Response<hyper::body::Incoming>| {
            response.map(|body| body.map_err(BoxError::from).boxed_unsync())
        },
    )))
}

/// What opens connections to HTTP servers. Fails when the machine's root certificates cannot be read.
pub(crate) fn connector(
    settings: NetworkSettings,
) -> Result<HttpsConnector<HttpConnector>, std::io::Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(settings.connect_timeout));
    let connector = HttpsConnectorBuilder::new().with_tls_config(client_tls(settings.authorities)?);
    Ok(connector.https_or_http().enable_http1().wrap_connector(tcp))
}

/// How servers' certificates are checked: by these authorities, or by those the machine trusts.
pub(crate) fn client_tls(
    authorities: Option<rustls::RootCertStore>,
) -> Result<rustls::ClientConfig, std::io::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?;
    let builder = match authorities {
        None => builder.with_native_roots()?,
        Some(roots) => builder.with_root_certificates(roots),
    };
    Ok(builder.with_no_client_auth())
}
