//! PutObject: sealed as it arrives, committed by the store only after the last check.

use http::{Method, Response, StatusCode};
use sealed_object::{Plain, Suite, seal_single};

use super::store_headers::{echo_checksum, mark_sealed, pass_store_facts};
use super::{Answered, Call, Operations};
use crate::body::{Answer, Upload, seal};
use crate::envelope;
use crate::error::GatewayError;
use crate::keys::context;
use crate::trail::Facts;
use crate::upstream::StoreRequest;

impl Operations {
    pub(super) async fn put_object(&self, call: Call, incoming: Upload) -> Answered {
        let place = self.place(&call).await?;
        let metadata = envelope::metadata_of(call.request.object_headers()?);
        let body = call.body(incoming)?;
        let length = Plain(body.length());
        let keys = self.keys.sealing(&place.bucket.tenant).await?;
        let (sealed, sealer) = seal_single(
            Suite::GcmSivBlake3,
            &keys.kek,
            &keys.aux,
            &context(&place.bucket, &place.key),
            length,
            &metadata,
            self.clock.millis(),
            &self.random,
        )?;
        let (body, sealing) = seal(body, sealer);
        let request = StoreRequest::object(Method::PUT, &place.bucket.upstream, &place.key)
            .with_headers(call.request.storage_headers())
            .with_headers(call.request.conditions_for_store())
            .with_sealed(body);
        let stored = self
            .upstream
            .send(envelope::write(request, &sealed)?)
            .await
            .map_err(GatewayError::from);
        let (stored, summary, facts) = sealing.outcome(stored)?;

        let mut response = Response::new(Answer::empty());
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        pass_store_facts(&stored.headers, headers);
        headers.remove(http::header::LAST_MODIFIED);
        mark_sealed(&place, sealed.header(), headers);
        echo_checksum(&facts, headers);
        response.extensions_mut().insert(Facts::written(
            summary.object_id,
            &stored.headers,
            summary.plain,
        ));
        Ok(response)
    }
}
