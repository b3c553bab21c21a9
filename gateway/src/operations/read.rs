//! Reading: the store's answer opened, whole or a range of it, for an answer or for a copy.
//!
//! A range asks the store for whole frames only. Where an object is not known yet it is first taken for a
//! single upload, whose frames lie where arithmetic says; the header that comes with the answer proves or
//! refutes that. Several store requests for one answer all name the same `ETag`.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};
use sealed_object::geometry::{plain_of, single_request};
use sealed_object::{BodyOpener, Layout, Opened, Plain, Sealed, Span, SpanOpener, Tail};

use super::layouts::{Ending, Known};
use super::store_headers::{content_range, number, store_etag};
use super::{Operations, Place};
use crate::body::{AskAgain, OpenedBody, Stored};
use crate::error::GatewayError;
use crate::s3::range::{ByteRange, Satisfied};
use crate::s3::{Code, S3Error};
use crate::upstream::{
    StoreBody, StoreRequest, StoreResponse, Upstream, UpstreamError, read_limited,
};

/// What to read: an object, or one version of it, under the client's conditions.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) place: &'a Place,
    pub(super) version: Option<&'a str>,
    pub(super) conditions: HeaderMap,
}

/// How much must be known of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Where its bytes lie.
    Layout,
    /// What its trailer says as well.
    Ending,
}

/// Bytes being opened, and what is known of them before the first one.
pub(super) struct Reading {
    pub(super) opened: Opened,
    pub(super) store: HeaderMap,
    /// The object's plaintext size.
    pub(super) size: u64,
    /// The range, where one was asked for.
    pub(super) range: Option<Satisfied>,
    /// What else is known of the object; nothing of one that has no body.
    pub(super) known: Option<Arc<Known>>,
    pub(super) body: OpenedBody,
}

impl Operations {
    /// Reads an object, or a range of it.
    pub(super) async fn read(
        &self,
        source: &Source<'_>,
        range: Option<ByteRange>,
    ) -> Result<Reading, GatewayError> {
        let Some(range) = range else {
            return self.read_whole(source).await;
        };
        if let Some(known) = self.layouts.get(source.place, source.version)
            && let Some(reading) = self.read_known(source, range, &known).await?
        {
            return Ok(reading);
        }
        let attempt = match range {
            ByteRange::Between(first, last) => {
                self.read_as_single(source, range, first, last.saturating_add(1))
                    .await?
            }
            ByteRange::From(first) => self.read_as_single(source, range, first, u64::MAX).await?,
            ByteRange::Last(_) => None,
        };
        match attempt {
            Some(reading) => Ok(reading),
            None => self.read_learned(source, range).await,
        }
    }

    async fn read_whole(&self, source: &Source<'_>) -> Result<Reading, GatewayError> {
        for _ in 0..RACES {
            let answer = self.upstream.send(source.request(Method::GET)).await?;
            let opened = self.open(source, &answer.headers).await?;
            let stored = number(&answer.headers, "content-length").ok_or_else(no_length)?;
            let store = answer.headers;
            if is_bodiless_marker(source, &opened, stored) {
                let body = OpenedBody::nothing(answer.body, self.clock.clone());
                return Ok(Reading {
                    opened,
                    store,
                    size: 0,
                    range: None,
                    known: None,
                    body,
                });
            }
            // Which parts count is known before the first byte leaves, so that none of another upload's does.
            let Some(known) = self.known(source, &opened, &store, Wanted::Layout).await? else {
                continue;
            };
            let opener = BodyOpener::with_layout(&opened, Sealed(stored), &known.layout)?;
            let size = opener.plain().0;
            let again = self.again(source, &store, stored)?;
            let body = Stored::new(answer.body, 0, stored, again);
            let body = OpenedBody::whole(body, opener, self.clock.clone());
            return Ok(Reading {
                opened,
                store,
                size,
                range: None,
                known: Some(known),
                body,
            });
        }
        Err(replaced_too_fast())
    }

    /// Asks for what a single upload would hold there. `None`: it is no single upload, or the store found
    /// nothing there, so more must be learned first.
    async fn read_as_single(
        &self,
        source: &Source<'_>,
        range: ByteRange,
        first: u64,
        end: u64,
    ) -> Result<Option<Reading>, GatewayError> {
        let frames = single_request(Plain(first), Plain(end));
        let answer = match self
            .upstream
            .send(
                source
                    .request(Method::GET)
                    .with_header("range", &range_header(&frames)),
            )
            .await
        {
            Err(error) if error.code() == Some(Code::InvalidRange) => return Ok(None),
            answer => answer?,
        };
        let opened = self.open(source, &answer.headers).await?;
        let Some(layout) = Layout::of_single(&opened) else {
            return Ok(None);
        };
        let stored = answered_total(&answer)?;
        if plain_of(Sealed(stored)) != Some(layout.plain()) {
            return Err(sealed_object::Error::Size.into());
        }
        let size = layout.plain().0;
        let Some(satisfied) = range.within(size).map_err(|_| unsatisfiable(range, size))? else {
            return Ok(None);
        };
        let span = layout.span(
            Plain(satisfied.first),
            Plain(satisfied.last.saturating_add(1)),
        )?;
        let etag = store_etag(&answer.headers).ok_or_else(no_length)?;
        let known = self.remember(source, etag, &opened, layout, None);
        self.span(source, answer, opened, (known, satisfied), span)
            .map(Some)
    }

    /// Asks for exactly the frames that a layout names. `None`: the object is another one by now.
    pub(super) async fn read_known(
        &self,
        source: &Source<'_>,
        range: ByteRange,
        known: &Arc<Known>,
    ) -> Result<Option<Reading>, GatewayError> {
        let size = known.layout.plain().0;
        let Ok(Some(satisfied)) = range.within(size) else {
            return Ok(None);
        };
        let span = known.layout.span(
            Plain(satisfied.first),
            Plain(satisfied.last.saturating_add(1)),
        )?;
        let request = source
            .request(Method::GET)
            .with_header("range", &range_header(&span.stored));
        let answer = match self.upstream.send(request).await {
            Err(error) if error.code() == Some(Code::InvalidRange) => return Ok(None),
            answer => answer?,
        };
        if store_etag(&answer.headers).as_deref() != Some(known.etag.as_str()) {
            return Ok(None);
        }
        let opened = self.open(source, &answer.headers).await?;
        if opened.header().object_id() != known.object_id {
            return Ok(None);
        }
        self.span(source, answer, opened, (Arc::clone(known), satisfied), span)
            .map(Some)
    }

    /// Learns the object's layout first, then reads by it.
    async fn read_learned(
        &self,
        source: &Source<'_>,
        range: ByteRange,
    ) -> Result<Reading, GatewayError> {
        for _ in 0..RACES {
            let (store, opened, size) = self.head(source).await?;
            if range
                .within(size)
                .map_err(|_| unsatisfiable(range, size))?
                .is_none()
            {
                return self.read_whole(source).await;
            }
            let Some(known) = self.known(source, &opened, &store, Wanted::Layout).await? else {
                continue;
            };
            if let Some(reading) = self.read_known(source, range, &known).await? {
                return Ok(reading);
            }
        }
        Err(replaced_too_fast())
    }

    /// What is known of the object as it is under this answer's `ETag`: from its header, remembered, or from
    /// its tail. `None`: the object was replaced since.
    pub(super) async fn known(
        &self,
        source: &Source<'_>,
        opened: &Opened,
        store: &HeaderMap,
        wanted: Wanted,
    ) -> Result<Option<Arc<Known>>, GatewayError> {
        let etag = store_etag(store).ok_or_else(no_length)?;
        let object_id = opened.header().object_id();
        let enough = |known: &Known| wanted == Wanted::Layout || known.ending.is_some();
        let remembered = self
            .layouts
            .get(source.place, source.version)
            .filter(|known| known.etag == etag && known.object_id == object_id && enough(known));
        if remembered.is_some() {
            return Ok(remembered);
        }
        let has_body = stored_length(store) != Some(0);
        let (layout, ending) = match Layout::of_single(opened) {
            Some(layout) if wanted == Wanted::Layout || !has_body => (layout, None),
            _ => match self.tail(source, opened, &etag, store).await {
                // Our own If-Match.
                Err(GatewayError::Upstream(error))
                    if error.code() == Some(Code::PreconditionFailed) =>
                {
                    return Ok(None);
                }
                tail => {
                    let tail = tail?;
                    (tail.layout().clone(), Some(Ending::of(&tail)))
                }
            },
        };
        Ok(Some(self.remember(source, etag, opened, layout, ending)))
    }

    /// Fetches and authenticates the end of an object.
    async fn tail(
        &self,
        source: &Source<'_>,
        opened: &Opened,
        etag: &str,
        store: &HeaderMap,
    ) -> Result<Tail, GatewayError> {
        let stored = Sealed(stored_length(store).ok_or_else(no_length)?);
        let mut suffix = Bytes::new();
        loop {
            let needed = Tail::needed(stored, &suffix)?;
            if !suffix.is_empty() && length_of(&suffix) >= needed.0 {
                return Ok(Tail::open(opened, &suffix, stored)?);
            }
            let request = source
                .unconditional(Method::GET)
                .with_header("range", &format!("bytes=-{}", needed.0))
                .with_header("if-match", &format!("\"{etag}\""));
            let answer = self.upstream.send(request).await?;
            if store_etag(&answer.headers).as_deref() != Some(etag) {
                return Err(sealed_object::Error::Size.into());
            }
            let more = read_limited(answer.body, LONGEST_TAIL).await?;
            if more.len() <= suffix.len() {
                return Err(sealed_object::Error::Size.into());
            }
            suffix = more;
        }
    }

    /// The store's HEAD with the envelope opened and the plaintext size.
    pub(super) async fn head(
        &self,
        source: &Source<'_>,
    ) -> Result<(HeaderMap, Opened, u64), GatewayError> {
        let answer = self.upstream.send(source.request(Method::HEAD)).await?;
        let opened = self.open(source, &answer.headers).await?;
        let stored = number(&answer.headers, "content-length").ok_or_else(no_length)?;
        let size = if is_bodiless_marker(source, &opened, stored) {
            0
        } else {
            BodyOpener::new(&opened, Sealed(stored))?.plain().0
        };
        Ok((answer.headers, opened, size))
    }

    async fn open(&self, source: &Source<'_>, store: &HeaderMap) -> Result<Opened, GatewayError> {
        self.keys
            .open(
                &source.place.bucket,
                &source.place.key,
                &self.envelope_of(source, store).await?,
            )
            .await
    }

    pub(super) fn remember(
        &self,
        source: &Source<'_>,
        etag: String,
        opened: &Opened,
        layout: Layout,
        ending: Option<Ending>,
    ) -> Arc<Known> {
        let known = Arc::new(Known {
            etag,
            object_id: opened.header().object_id(),
            layout,
            ending,
        });
        self.layouts
            .insert(source.place, source.version, Arc::clone(&known));
        known
    }

    /// How the rest of this very object is asked for, where the store breaks off.
    fn again(
        &self,
        source: &Source<'_>,
        store: &HeaderMap,
        end: u64,
    ) -> Result<AskAgain, UpstreamError> {
        let etag = store_etag(store).ok_or_else(no_length)?;
        let (upstream, place) = (self.upstream.clone(), source.place.clone());
        let version = source.version.map(str::to_owned);
        Ok(Box::new(move |next| {
            let source = Source {
                place: &place,
                version: version.as_deref(),
                conditions: HeaderMap::new(),
            };
            let request = source.unconditional(Method::GET);
            Box::pin(rest(upstream.clone(), request, etag.clone(), next, end))
        }))
    }

    /// Opens the span in an answer, after checking that the answer is what was asked for.
    fn span(
        &self,
        source: &Source<'_>,
        answer: StoreResponse,
        opened: Opened,
        (known, range): (Arc<Known>, Satisfied),
        span: Span,
    ) -> Result<Reading, GatewayError> {
        let (first, last, _) = content_range(&answer.headers).ok_or_else(no_length)?;
        let (start, end) = (span.stored.start.0, span.stored.end.0);
        if first != start || last.saturating_add(1) < end {
            return Err(sealed_object::Error::Size.into());
        }
        let opener = SpanOpener::new(&opened, span)?;
        let again = self.again(source, &answer.headers, end)?;
        let body = Stored::new(answer.body, start, end, again);
        let body = OpenedBody::span(body, opener, self.clock.clone());
        Ok(Reading {
            opened,
            store: answer.headers,
            size: known.layout.plain().0,
            range: Some(range),
            known: Some(known),
            body,
        })
    }
}

/// Asks for the rest, up to `end`, of the object that has this `ETag`. A condition of ours that does not hold
/// is no answer for a client, and neither is an answer about something else.
async fn rest(
    upstream: Upstream,
    request: StoreRequest,
    etag: String,
    next: u64,
    end: u64,
) -> Result<StoreBody, UpstreamError> {
    let range = range_header(&(Sealed(next)..Sealed(end)));
    let request = request
        .with_header("range", &range)
        .with_header("if-match", &format!("\"{etag}\""));
    let answer = upstream.send(request).await?;
    let begins = content_range(&answer.headers).is_some_and(|(first, ..)| first == next);
    if begins && store_etag(&answer.headers).as_deref() == Some(etag.as_str()) {
        Ok(answer.body)
    } else {
        Err(UpstreamError::Unexpected(
            "it is not the rest that was asked for".to_owned(),
        ))
    }
}

impl Source<'_> {
    fn unconditional(&self, method: Method) -> StoreRequest {
        StoreRequest::object(method, &self.place.bucket.upstream, &self.place.key)
            .with_query_if("versionId", self.version)
    }

    fn request(&self, method: Method) -> StoreRequest {
        self.unconditional(method)
            .with_headers(self.conditions.clone())
    }
}

/// Some stores (`SeaweedFS`) keep a key that ends in `/` as a directory, without its bytes. Of an empty object
/// nothing is lost: its header, which is authentic, says that there are none.
fn is_bodiless_marker(source: &Source<'_>, opened: &Opened, stored: u64) -> bool {
    stored == 0 && source.place.key.ends_with('/') && opened.header().plain() == Some(Plain(0))
}

pub(super) fn unsatisfiable(range: ByteRange, size: u64) -> S3Error {
    let asked = match range {
        ByteRange::Between(first, last) => format!("bytes={first}-{last}"),
        ByteRange::From(first) => format!("bytes={first}-"),
        ByteRange::Last(count) => format!("bytes=-{count}"),
    };
    Code::InvalidRange
        .because("The requested range is not satisfiable.")
        .with("RangeRequested", asked)
        .with("ActualObjectSize", size.to_string())
}

fn range_header(stored: &std::ops::Range<Sealed>) -> String {
    match stored.end.0.checked_sub(1) {
        Some(last) if stored.end.0 < FAR => format!("bytes={}-{last}", stored.start.0),
        _ => format!("bytes={}-", stored.start.0),
    }
}

pub(super) fn replaced_too_fast() -> GatewayError {
    Code::OperationAborted
        .because("The object is being replaced faster than it can be read; please try again.")
        .into()
}

/// The stored size of the object that a range was cut from.
fn answered_total(answer: &StoreResponse) -> Result<u64, UpstreamError> {
    content_range(&answer.headers)
        .map(|(_, _, total)| total)
        .ok_or_else(no_length)
}

/// The stored size of the object that an answer is about. Of a range it stands behind the slash.
fn stored_length(store: &HeaderMap) -> Option<u64> {
    content_range(store).map_or_else(
        || number(store, "content-length"),
        |(_, _, total)| Some(total),
    )
}

fn no_length() -> UpstreamError {
    UpstreamError::Unexpected("its length, range or ETag is missing".to_owned())
}

fn length_of(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// How often an object may be replaced between two requests before reading it is given up.
pub(super) const RACES: usize = 3;

/// Beyond any object: an open-ended range.
const FAR: u64 = 1 << 50;

/// Manifest of 10 000 parts, padding and trailer; see the format.
const LONGEST_TAIL: usize = 2 * 1024 * 1024;
