//! `GetObject` and `HeadObject`: what the client is told about an object, and its bytes.

use std::sync::Arc;

use http::{HeaderMap, Response, StatusCode};
use sealed_object::{Kind, Opened, Plain, TrailerFacts};

use super::layouts::{Ending, Known};
use super::read::{RACES, Reading, Source, Wanted, replaced_too_fast, unsatisfiable};
use super::store_headers::{object_head, set, shown_etag, store_etag};
use super::{Answered, Call, Operations, checksums};
use crate::accommodations::etag_of_parts;
use crate::body::Answer;
use crate::error::GatewayError;
use crate::s3::etag::unquoted;
use crate::s3::range::{ByteRange, Satisfied};
use crate::s3::{Code, S3Error};
use crate::trail::Facts;

/// What an answer tells of an object.
struct View<'a> {
    store: &'a HeaderMap,
    opened: &'a Opened,
    size: u64,
    range: Option<Satisfied>,
    /// The part, where one was asked for; its range is `range`.
    part: Option<u16>,
    known: Option<&'a Known>,
    /// Whether the client is shown the MD5 of the parts' MD5s as `ETag`.
    md5_of_parts: bool,
}

impl Operations {
    pub(super) async fn get_object(&self, call: &Call) -> Answered {
        let place = self.place(call).await?;
        let source = Source {
            place: &place,
            version: call.request.version(),
            conditions: call.request.conditions_for_store(),
        };
        if let Some(number) = call.request.part_number()? {
            return self.get_part(call, &source, number).await;
        }
        let reading = self.read_wanted(call, &source).await?;
        self.answer_reading(call, &source, reading, None).await
    }

    /// The bytes of one part. Where they lie is learned first, and what is then read must be that object.
    async fn get_part(&self, call: &Call, source: &Source<'_>, number: u16) -> Answered {
        for _ in 0..RACES {
            let (store, opened, size) = self.head(source).await?;
            let wanted = self.wanted(call, &opened);
            let Some(known) = self.known(source, &opened, &store, wanted).await? else {
                continue;
            };
            let Some(range) = part_range(&known, number)? else {
                let view = View {
                    store: &store,
                    opened: &opened,
                    size,
                    range: None,
                    part: Some(number),
                    known: Some(&known),
                    md5_of_parts: self.shows_md5_of_parts(call, &opened),
                };
                return Ok(view.answer(call, source));
            };
            let range = ByteRange::Between(range.first, range.last);
            if let Some(reading) = self.read_known(source, range, &known).await? {
                return self
                    .answer_reading(call, source, reading, Some(number))
                    .await;
            }
        }
        Err(replaced_too_fast())
    }

    /// Answers with the bytes being read.
    async fn answer_reading(
        &self,
        call: &Call,
        source: &Source<'_>,
        reading: Reading,
        part: Option<u16>,
    ) -> Answered {
        let Reading {
            opened,
            store,
            size,
            range,
            mut known,
            body,
        } = reading;
        let length = range.map_or(size, Satisfied::length);
        let body = if length <= SMALL {
            let (bytes, tail) = body.collected().await?;
            if let (Some(tail), Some(etag)) = (tail, store_etag(&store)) {
                let ending = Some(Ending::of(&tail));
                known = Some(self.remember(source, etag, &opened, tail.layout().clone(), ending));
            }
            Answer::Ready(bytes)
        } else {
            let is_shown = part.is_some() || range.is_none();
            if is_shown && self.wanted(call, &opened) == Wanted::Ending {
                // If the object was replaced since, the answer goes on and has no checksum.
                known = self.known(source, &opened, &store, Wanted::Ending).await?;
            }
            Answer::stream(body)
        };
        let view = View {
            store: &store,
            opened: &opened,
            size,
            range,
            part,
            known: known.as_deref(),
            md5_of_parts: self.shows_md5_of_parts(call, &opened),
        };
        let mut response = view.answer(call, source);
        *response.body_mut() = body;
        Ok(response)
    }

    pub(super) async fn head_object(&self, call: &Call) -> Answered {
        let place = self.place(call).await?;
        let part = call.request.part_number()?;
        let source = Source {
            place: &place,
            version: call.request.version(),
            conditions: call.request.conditions_for_store(),
        };
        for _ in 0..RACES {
            let (store, opened, size) = self.head(&source).await?;
            let wanted = self.wanted(call, &opened);
            let range = match call.request.range() {
                Some(range) => range.within(size).map_err(|_| unsatisfiable(range, size))?,
                None => None,
            };
            let known = match (part, wanted) {
                (None, Wanted::Layout) => None,
                _ => match self.known(&source, &opened, &store, wanted).await? {
                    Some(known) => Some(known),
                    None => continue,
                },
            };
            let range = match (part, &known) {
                (Some(number), Some(known)) => part_range(known, number)?,
                _ => range,
            };
            let view = View {
                store: &store,
                opened: &opened,
                size,
                range,
                part,
                known: known.as_deref(),
                md5_of_parts: self.shows_md5_of_parts(call, &opened),
            };
            return Ok(view.answer(call, &source));
        }
        Err(replaced_too_fast())
    }

    /// What must be known of the object for this answer.
    fn wanted(&self, call: &Call, opened: &Opened) -> Wanted {
        if call.request.wants_checksum() || self.shows_md5_of_parts(call, opened) {
            Wanted::Ending
        } else {
            Wanted::Layout
        }
    }

    fn shows_md5_of_parts(&self, call: &Call, opened: &Opened) -> bool {
        opened.header().kind() == Kind::Multipart
            && self
                .accommodations
                .shows_md5_of_parts(&call.request.headers)
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

impl View<'_> {
    /// The answer, all but its bytes.
    fn answer(&self, call: &Call, source: &Source<'_>) -> Response<Answer> {
        let mut response = Response::new(Answer::empty());
        let headers = response.headers_mut();
        object_head(
            self.store,
            source.place,
            self.opened,
            &call.request,
            headers,
        );
        let length = match (self.part, self.range) {
            (_, Some(range)) => range.length(),
            // A part without bytes has no range.
            (Some(_), None) => 0,
            (None, None) => self.size,
        };
        set(headers, "content-length", &length.to_string());
        if let (Some(_), Some(known)) = (self.part, self.known)
            && self.opened.header().kind() == Kind::Multipart
        {
            let count = known.layout.parts().to_string();
            set(headers, "x-amz-mp-parts-count", &count);
        }
        if let Some(known) = self.known
            && let Some(ending) = &known.ending
        {
            if call.request.wants_checksum() {
                self.say_checksum(&ending.facts, headers);
            }
            if let Some(md5) = ending.facts.md5.filter(|_| self.md5_of_parts) {
                let etag = etag_of_parts(md5, known.layout.parts());
                set(headers, "etag", &format!("\"{etag}\""));
            }
        }
        if let Some(range) = self.range {
            set(headers, "content-range", &range.content_range(self.size));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        let header = self.opened.header();
        let facts = Facts::read(header.object_id(), self.store, self.range);
        let facts = facts.under(header.kek_id(), header.suite());
        response.extensions_mut().insert(facts);
        response
    }

    /// Says the checksum of exactly the bytes that the answer is about: clients compare whatever they are given.
    fn say_checksum(&self, kept: &TrailerFacts, headers: &mut HeaderMap) {
        let Some(whole) = checksums::of_object(kept) else {
            return;
        };
        match (self.part, self.range) {
            (Some(number), _) if self.opened.header().kind() == Kind::Multipart => {
                let place = self.known.and_then(|known| {
                    let mut numbers = known.layout.numbered();
                    numbers.position(|(found, _)| found == number)
                });
                if let Some(value) = place.and_then(|place| checksums::of_part(kept, place)) {
                    checksums::say_of_part(&value, headers);
                    set(headers, "x-amz-checksum-type", whole.kind().name());
                }
            }
            (Some(_), _) | (None, None) => checksums::say(&whole, headers),
            (None, Some(_)) => {}
        }
    }
}

/// The bytes of a part, `None` where it has none. Amazon S3 calls a number that is not there unsatisfiable
/// (416); Ceph, Garage and their tests an `InvalidPart`.
fn part_range(known: &Arc<Known>, number: u16) -> Result<Option<Satisfied>, S3Error> {
    let part = known.layout.part(number).ok_or_else(|| {
        Code::InvalidPart
            .because(format!("The object has no part {number}."))
            .with("PartNumberRequested", number.to_string())
            .with("ActualPartCount", known.layout.parts().to_string())
    })?;
    let (Plain(first), Plain(end)) = (part.start, part.end);
    let last = end.checked_sub(1).filter(|last| first <= *last);
    Ok(last.map(|last| Satisfied { first, last }))
}

/// What fits one frame is checked whole before the answer begins, so that a failure is an error document
/// and not a broken connection.
const SMALL: u64 = 64 * 1024;
