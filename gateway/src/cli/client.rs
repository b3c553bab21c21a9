//! The admin API as commands ask it: one request, one JSON answer. It must not know what is asked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::sign::SingleCertAndKey;
use serde_json::Value;

use super::Failure;
use crate::config::{AdminAccess, authorities};

// Not a doc comment: clap would show it as the description of every command that has these options.
// Where the admin API is, and who asks; what is not given here is looked for in the environment.
#[derive(Debug, Args)]
pub(super) struct AdminOptions {
    /// The admin API, for example `http://127.0.0.1:9002`; else `$SEALGATE_ADMIN_URL`.
    #[arg(long, value_name = "URL")]
    admin_url: Option<String>,
    /// The file with the admin token; else `$SEALGATE_ADMIN_TOKEN_FILE`, or the token in `$SEALGATE_ADMIN_TOKEN`.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The authorities trusted for the admin API's certificate (PEM); else `$SEALGATE_ADMIN_CA_FILE`.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Print the answer as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// A connection to an admin API.
pub(super) struct AdminClient {
    access: AdminAccess,
    client: Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl AdminOptions {
    /// How to ask what these options name.
    pub(super) fn client(&self) -> Result<AdminClient, Failure> {
        let access = AdminAccess::find(
            self.admin_url.clone(),
            self.token_file.clone(),
            self.ca_file.clone(),
        )
        .map_err(Failure)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let roots = access.ca_file.as_deref().map(authorities).transpose();
        let connector = match roots.map_err(|error| Failure::new(&error))? {
            None if access.client.is_some() => {
                return Err(Failure(
                    "a client's certificate needs SEALGATE_ADMIN_CA_FILE or --ca-file: the authorities trusted for the admin API's certificate"
                        .to_owned(),
                ));
            }
            None => HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(provider)
                .map_err(|error| Failure::new(&error))?,
            Some(roots) => {
                let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
                    .with_safe_default_protocol_versions()
                    .map_err(|error| Failure::new(&error))?
                    .with_root_certificates(roots);
                let config = match &access.client {
                    None => config.with_no_client_auth(),
                    Some(shown) => {
                        let shown = shown.load().map_err(|error| Failure::new(&error))?;
                        config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown)))
                    }
                };
                HttpsConnectorBuilder::new().with_tls_config(config)
            }
        };
        let connector = connector.https_or_http().enable_http1().wrap_connector(tcp);
        Ok(AdminClient {
            access,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Asks once.
    pub(super) fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let client = self.client()?;
        super::block_on(client.ask(method, path, body))?
    }
}

impl AdminClient {
    /// The answer, or what the gateway says is wrong and how to mend it.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let url = format!("{}{path}", self.access.url);
        let request = Request::builder()
            .method(method)
            .uri(&url)
            .header(
                header::AUTHORIZATION,
                format!("Bearer {}", self.access.token.reveal()),
            )
            .header(
                header::USER_AGENT,
                concat!("sealgate/", env!("CARGO_PKG_VERSION")),
            )
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body.map(Value::to_string).unwrap_or_default()))
            .map_err(|error| Failure::new(&error))?;
        let unreachable = |error: &dyn std::error::Error| {
            Failure(format!(
                "the admin API at {} does not answer: {}",
                self.access.url,
                crate::error::report(error)
            ))
        };
        let response = self.client.request(request).await;
        let response = response.map_err(|error| unreachable(&error))?;
        let status = response.status();
        #[expect(clippy::disallowed_methods, reason = "through a limit")]
        let bytes = Limited::new(response.into_body(), LARGEST_ANSWER)
            .collect()
            .await
            .map_err(|error| unreachable(error.as_ref()))?
            .to_bytes();
        let answer: Value = serde_json::from_slice(&bytes)
            .map_err(|_| Failure(format!("{url} is no admin API: it answers {status}")))?;
        if status.is_success() {
            return Ok(answer);
        }
        let said = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
        Err(Failure(format!(
            "{}: {} {}",
            said("code"),
            said("message"),
            said("mend")
        )))
    }
}

/// A segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A member of an answer as text; empty where there is none.
pub(super) fn text_of(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

const CONNECT: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
