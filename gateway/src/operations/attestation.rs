//! Receipts of uploads: kept before the upload is confirmed, and given out for `GET <object>?attestation`.

use http::{HeaderMap, HeaderValue, Response, header};

use super::read::Source;
use super::{Answered, Call, Operations};
use crate::body::Answer;
use crate::error::GatewayError;
use crate::s3::{BucketName, Code};
use crate::trail::{AuditKeys, Facts, NewReceipt};

impl Operations {
    /// Keeps the receipt that an answer brings, or takes the confirmation back.
    pub async fn keep_receipt(&self, answered: Answered) -> Answered {
        let mut response = answered?;
        if let Some(new) = response.extensions_mut().remove::<NewReceipt>() {
            // On the heap: hardly any request has one.
            Box::pin(self.keep(new)).await?;
        }
        Ok(response)
    }

    async fn keep(&self, new: NewReceipt) -> Result<(), GatewayError> {
        let said = &new.statement;
        let name: BucketName = BucketName::parse(&said.bucket)?;
        let gone = GatewayError::Unexpected("the bucket of an upload is gone");
        let bucket = self.buckets.find(&said.tenant, &name).await?.ok_or(gone)?;
        let place = bucket.receipt_place(&said.key, &said.object_id);
        let sealed = new.key.seal_text(place.as_ref(), &new.text);
        let sealed = sealed.ok_or(GatewayError::Unexpected("a receipt cannot be sealed"))?;
        let kept = format!("{} {sealed}", new.key.id());
        Ok(self.buckets.keep_receipt(&place, &kept).await?)
    }

    /// `GET <object>?attestation`: the receipt of the object that is there, as JSON.
    pub(super) async fn get_attestation(&self, call: &Call, keys: &AuditKeys) -> Answered {
        let place = self.place(call).await?;
        let source = Source {
            place: &place,
            version: call.request.version(),
            conditions: HeaderMap::new(),
        };
        let (store, opened, _) = self.head(&source).await?;
        let object_id = opened.header().object_id();
        let at = place
            .bucket
            .receipt_place(&place.key, &hex::encode(object_id.0));
        let none = || {
            Code::NoSuchKey.because("The object has no attestation: its bucket gives none, and none was asked for when it was uploaded.")
        };
        let kept = self.buckets.receipt(&at).await?.ok_or_else(none)?;
        let text = keys
            .open_kept(&place.bucket.tenant, at.as_ref(), &kept)
            .await?;
        let mut response = Response::new(Answer::Ready(text.into()));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        let facts = Facts::read(object_id, &store, None);
        response.extensions_mut().insert(facts);
        Ok(response)
    }
}
