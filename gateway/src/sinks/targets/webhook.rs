//! CloudEvents by HTTP POST, signed as Standard Webhooks says (standardwebhooks.com): HMAC-SHA-256 over id, time and
//! body. Any answer 2xx means that the receiver has it.

use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::super::parcel::Parcel;
use super::TargetError;
use crate::clock::Clock;
use crate::config::{WebhookConfig, WebhookMode, authorities};
use crate::upstream::{NetworkSettings, connector};

/// A receiver of signed events.
pub(in crate::sinks) struct Webhook {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    mode: WebhookMode,
    secret: hmac::Key,
    clock: Clock,
}

/// What one request carries.
struct Message {
    id: String,
    content_type: &'static str,
    attributes: Vec<(&'static str, String)>,
    body: String,
}

impl Webhook {
    pub(super) fn new(config: &WebhookConfig, clock: &Clock) -> Result<Self, TargetError> {
        let settings = NetworkSettings {
            authorities: config.ca_file.as_deref().map(authorities).transpose()?,
            ..NetworkSettings::default()
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(settings.idle_timeout)
            .build(connector(settings)?);
        Ok(Self {
            client,
            url: config.url.clone(),
            mode: config.mode,
            secret: hmac::Key::new(hmac::HMAC_SHA256, &secret_bytes(config.secret.reveal())),
            clock: clock.clone(),
        })
    }

    pub(super) fn most(&self) -> usize {
        match self.mode {
            WebhookMode::Batch => BATCH,
            // Where each event is a request, one that took its time, or was refused, must not repeat those before it.
            WebhookMode::Structured | WebhookMode::Binary => 1,
        }
    }

    pub(super) async fn deliver(&mut self, batch: &[Parcel]) -> Result<(), TargetError> {
        for message in messages(self.mode, batch) {
            self.post(message).await?;
        }
        Ok(())
    }

    async fn post(&self, message: Message) -> Result<(), TargetError> {
        let now = self.clock.now().duration_since(SystemTime::UNIX_EPOCH);
        let timestamp = now.unwrap_or(Duration::ZERO).as_secs().to_string();
        let signature = sign(&self.secret, &message.id, &timestamp, &message.body);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.url.clone())
            .header(header::CONTENT_TYPE, message.content_type)
            .header(header::USER_AGENT, "sealgate")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature);
        for (name, value) in message.attributes {
            let name = HeaderName::try_from(format!("ce-{name}"));
            if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
                request = request.header(name, value);
            }
        }
        let request = request
            .body(Full::from(message.body))
            .map_err(|error| TargetError::Unreachable(error.to_string()))?;
        let answered = self.client.request(request).await;
        let response =
            answered.map_err(|error| TargetError::Unreachable(crate::error::report(&error)))?;
        // What the answer says beyond its status is of no use here, and might be anything.
        if response.status().is_success() {
            Ok(())
        } else {
            Err(TargetError::Refused(response.status().as_u16().to_string()))
        }
    }
}

fn messages(mode: WebhookMode, batch: &[Parcel]) -> Vec<Message> {
    let each = |content_type, parcel: &Parcel| Message {
        id: parcel.id.clone(),
        content_type,
        attributes: Vec::new(),
        body: parcel.cloud_event(),
    };
    match mode {
        WebhookMode::Batch => {
            let events: Vec<String> = batch.iter().map(Parcel::cloud_event).collect();
            // The same batch told again has the same id.
            let ends = batch.first().zip(batch.last());
            let id = ends.map(|(first, last)| format!("{}-{}", first.id, last.seq));
            vec![Message {
                id: id.unwrap_or_default(),
                content_type: "application/cloudevents-batch+json; charset=utf-8",
                attributes: Vec::new(),
                body: format!("[{}]", events.join(",")),
            }]
        }
        WebhookMode::Structured => batch
            .iter()
            .map(|parcel| each("application/cloudevents+json; charset=utf-8", parcel))
            .collect(),
        WebhookMode::Binary => batch
            .iter()
            .map(|parcel| Message {
                attributes: parcel.attributes(),
                body: parcel.body.clone(),
                ..each("application/json", parcel)
            })
            .collect(),
    }
}

/// A signature as the header has it: `v1,` and base64 of the HMAC of `id.timestamp.body`.
fn sign(secret: &hmac::Key, id: &str, timestamp: &str, body: &str) -> String {
    let mut context = hmac::Context::with_key(secret);
    for part in [id, ".", timestamp, ".", body] {
        context.update(part.as_bytes());
    }
    format!("v1,{}", STANDARD.encode(context.sign()))
}

/// A secret as Standard Webhooks write it, `whsec_` and base64, or any text.
fn secret_bytes(secret: &str) -> Vec<u8> {
    let encoded = secret.strip_prefix("whsec_");
    let decoded = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
    decoded.unwrap_or_else(|| secret.as_bytes().to_vec())
}

const BATCH: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's reference implementations.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let secret = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let signature = sign(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            "{\"test\": 2432232314}",
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
