//! `GET /metrics`, `/healthz` and `/readyz` over HTTP/1 on an address of their own. It knows no S3 and asks nobody
//! who they are.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::Telemetry;

/// A bound listener for whoever watches.
#[derive(Debug)]
pub struct Endpoint {
    listener: TcpListener,
    telemetry: Arc<Telemetry>,
}

impl Endpoint {
    /// Binds `address`.
    pub async fn bind(address: SocketAddr, telemetry: Arc<Telemetry>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        tracing::info!("metrics http://{address}/metrics");
        Ok(Self {
            listener,
            telemetry,
        })
    }

    /// Answers until it is dropped. All connections are served in this one future.
    pub async fn serve(self) -> Infallible {
        let mut connections = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                    Ok((stream, _)) => connections.push(converse(stream, &self.telemetry)),
                    Err(error) => {
                        tracing::warn!(%error, "a connection for metrics could not be accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(()) = connections.next() => {}
            }
        }
    }
}

async fn converse(stream: TcpStream, telemetry: &Telemetry) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(telemetry, request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_SILENCE)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection for metrics ended with an error");
    }
}

fn answer(telemetry: &Telemetry, method: &Method, path: &str) -> Response<Full<Bytes>> {
    let plain = "text/plain; charset=utf-8";
    if !matches!(*method, Method::GET | Method::HEAD) {
        return of(
            StatusCode::METHOD_NOT_ALLOWED,
            plain,
            "GET only\n".to_owned(),
        );
    }
    match path {
        "/metrics" => match telemetry.text() {
            Ok(text) => of(StatusCode::OK, OPEN_METRICS, text),
            Err(_) => of(StatusCode::INTERNAL_SERVER_ERROR, plain, String::new()),
        },
        "/healthz" => of(StatusCode::OK, plain, "ok\n".to_owned()),
        "/readyz" => match telemetry.unready() {
            Some(why) => of(StatusCode::SERVICE_UNAVAILABLE, plain, format!("{why}\n")),
            None => of(StatusCode::OK, plain, "ready\n".to_owned()),
        },
        _ => of(StatusCode::NOT_FOUND, plain, String::new()),
    }
}

fn of(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const MOST_CONNECTIONS: usize = 64;
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_stops_is_alive_but_not_ready() {
        let telemetry = Telemetry::new();
        let seen = |telemetry: &Telemetry| {
            ["/metrics", "/healthz", "/readyz", "/"]
                .map(|path| answer(telemetry, &Method::GET, path).status().as_u16())
        };
        assert_eq!(seen(&telemetry), [200, 200, 200, 404]);
        telemetry.stop();
        assert_eq!(seen(&telemetry), [200, 200, 503, 404]);
        assert_eq!(answer(&telemetry, &Method::POST, "/metrics").status(), 405);
    }
}
