//! `GetObject` and `HeadObject`: what the client is told about an object, and its bytes.

use http::{Response, StatusCode};

use super::read::{Source, unsatisfiable};
use super::store_headers::{object_head, set, shown_etag};
use super::{Answered, Call, Operations};
use crate::body::Answer;
use crate::error::GatewayError;
use crate::s3::range::{ByteRange, Satisfied};
use crate::s3::{Code, S3Error};
use crate::trail::Facts;

impl Operations {
    pub(super) async fn get_object(&self, call: &Call) -> Answered {
        let place = self.place(call).await?;
        refuse_part_number(call)?;
        let source = Source {
            place: &place,
            version: call.request.version(),
            conditions: call.request.conditions_for_store(),
        };
        let range = self.range_wanted(call, &source).await?;
        let reading = self.read(&source, range).await?;

        let mut response = Response::new(Answer::empty());
        let headers = response.headers_mut();
        object_head(
            &reading.store,
            &place,
            &reading.opened,
            &call.request,
            headers,
        );
        let length = reading.range.map_or(reading.size, Satisfied::length);
        set(headers, "content-length", &length.to_string());
        if let Some(range) = reading.range {
            set(headers, "content-range", &range.content_range(reading.size));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        response.extensions_mut().insert(Facts::read(
            reading.opened.header().object_id(),
            &reading.store,
            reading.range,
        ));
        *response.body_mut() = match length {
            0..=SMALL => Answer::Ready(reading.body.collected().await?),
            _ => Answer::stream(reading.body),
        };
        Ok(response)
    }

    pub(super) async fn head_object(&self, call: &Call) -> Answered {
        let place = self.place(call).await?;
        refuse_part_number(call)?;
        let source = Source {
            place: &place,
            version: call.request.version(),
            conditions: call.request.conditions_for_store(),
        };
        let (store, opened, size) = self.head(&source).await?;
        let range = match call.request.range() {
            Some(range) => range.within(size).map_err(|_| unsatisfiable(range, size))?,
            None => None,
        };
        let mut response = Response::new(Answer::empty());
        let headers = response.headers_mut();
        object_head(&store, &place, &opened, &call.request, headers);
        set(
            headers,
            "content-length",
            &range.map_or(size, Satisfied::length).to_string(),
        );
        if let Some(range) = range {
            set(headers, "content-range", &range.content_range(size));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        response
            .extensions_mut()
            .insert(Facts::read(opened.header().object_id(), &store, range));
        Ok(response)
    }

    /// The range to honour. With `If-Range` only if the object still is the one named (RFC 9110 §13.1.5).
    async fn range_wanted(
        &self,
        call: &Call,
        source: &Source<'_>,
    ) -> Result<Option<ByteRange>, GatewayError> {
        let (Some(range), Some(tag)) = (call.request.range(), call.request.text("if-range")?)
        else {
            return Ok(call.request.range());
        };
        let (store, ..) = self.head(source).await?;
        let same = shown_etag(&store).as_deref() == Some(crate::s3::etag::unquoted(tag));
        Ok(same.then_some(range))
    }
}

fn refuse_part_number(call: &Call) -> Result<(), S3Error> {
    if call.request.query.has("partNumber") {
        Err(Code::NotImplemented.because("Reading by part number is not offered yet; use a Range."))
    } else {
        Ok(())
    }
}

/// What fits one frame is checked whole before the answer begins, so that a failure is an error document
/// and not a broken connection.
const SMALL: u64 = 64 * 1024;
