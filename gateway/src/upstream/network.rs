//! The transport over the network: a pooled hyper client with TLS by rustls.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper_rustls::HttpsConnectorBuilder;
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
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(settings.connect_timeout));
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let connector = match settings.authorities {
        None => HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?,
        Some(roots) => HttpsConnectorBuilder::new().with_tls_config(
            rustls::ClientConfig::builder_with_provider(Arc::new(provider))
                .with_safe_default_protocol_versions()
                .map_err(std::io::Error::other)?
                .with_root_certificates(roots)
                .with_no_client_auth(),
        ),
    };
    let connector = connector.https_or_http().enable_http1().wrap_connector(tcp);
    let client: Client<_, StoreRequestBody> = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(settings.idle_timeout)
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
