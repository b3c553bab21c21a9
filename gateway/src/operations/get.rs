//! `GetObject` and `HeadObject`: what the client is told about an object, and its bytes.

use http::{HeaderMap, Response, StatusCode};

use super::read::{Reading, Source, unsatisfiable};
use super::store_headers::{object_head, set, shown_etag};
use super::{Answered, Call, Operations};
use crate::body::Answer;
use crate::error::GatewayError;
use crate::s3::etag::unquoted;
use crate::s3::range::Satisfied;
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
        let reading = self.read_wanted(call, &source).await?;

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

    /// Reads what is to be sent: the range, or with `If-Range` all if the object is not the one named any more
    /// (RFC 9110 §13.1.5), be it replaced only between the store's two answers.
    async fn read_wanted(&self, call: &Call, source: &Source<'_>) -> Result<Reading, GatewayError> {
        let range = call.request.range();
        let (Some(_), Some(tag)) = (range, call.request.text("if-range")?) else {
            return self.read(source, range).await;
        };
        let names = |store: &HeaderMap| shown_etag(store).as_deref() == Some(unquoted(tag));
        let (store, ..) = self.head(source).await?;
        if names(&store) {
            match self.read(source, range).await {
                Ok(reading) if names(&reading.store) => return Ok(reading),
                Err(error) if error.fault().code != Code::InvalidRange => return Err(error),
                // Of an object that fits no more, the range may be out of reach.
                Ok(_) | Err(_) => {}
            }
        }
        self.read(source, None).await
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
