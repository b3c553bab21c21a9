//! An object sealed anew, under another data key and id: opened and sealed on its way from the store to the store, in
//! the parts that it has, with all that a client sees of it but its `ETag` and its time.

use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method};
use sealed_object::geometry::is_staged;
use sealed_object::{
    Facts, Kind, ObjectId, PartToken, Plain, SealedBytes, TrailerFacts, create_upload_as,
    seal_single_as,
};

use super::super::look::{Head, Look};
use super::super::read::{Reading, Source, Wanted};
use super::super::rewrap::{Rewrapped, is_outrun};
use super::super::store_headers::{set, store_etag};
use super::super::{Operations, Place};
use super::complete::complete_document;
use crate::body::{PlainSource, Portion, Portions, seal};
use crate::error::{GatewayError, report};
use crate::keys::SealingKeys;
use crate::s3::etag;
use crate::upstream::{BoxError, SealedBody, StoreRequest, UpstreamError};

/// An upload in the store that takes an object's place once it is whole.
struct Anew<'a> {
    place: &'a Place,
    head: &'a Head,
    tags: String,
    upload: String,
}

impl Operations {
    /// Seals anew what the key shows now, as an object of this id.
    pub(crate) async fn reencrypt(
        &self,
        place: &Place,
        head: &Head,
        keys: &SealingKeys,
        object_id: ObjectId,
    ) -> Result<Rewrapped, GatewayError> {
        if !self.store.conditional_writes {
            return Err(GatewayError::Unexpected(
                "the store takes no conditions on writes, so an object cannot be sealed anew without undoing what is written meanwhile",
            ));
        }
        match self.sealed_anew(place, head, keys, object_id).await {
            Err(GatewayError::Upstream(error)) if is_outrun(&error) => Ok(Rewrapped::Changed),
            done => done,
        }
    }

    async fn sealed_anew(
        &self,
        place: &Place,
        head: &Head,
        keys: &SealingKeys,
        object_id: ObjectId,
    ) -> Result<Rewrapped, GatewayError> {
        let mut same = HeaderMap::new();
        let tag = head.etag().unwrap_or_default();
        set(&mut same, "if-match", &format!("\"{tag}\""));
        let source = Source {
            place,
            version: None,
            conditions: same,
        };
        let reading = self.read(&source, None).await?;
        let known = self.known(&source, &reading.opened, &reading.store, Wanted::Ending);
        let Some(known) = known.await? else {
            return Ok(Rewrapped::Changed);
        };
        let facts = known.ending.as_ref().map(|ending| &ending.facts);
        let facts = self.facts_kept(facts);
        let parts: Vec<(u16, Plain)> = known.layout.numbered().collect();
        let tags = self.tags_of(place, head.version()).await?;
        let mut storage = head.storage(self.clock.now());
        if !tags.is_empty() {
            set(&mut storage, "x-amz-tagging", &tags);
        }
        let old = reading.opened.header().object_id();
        self.carry_receipt(place, old, object_id).await?;
        let context = self.keys.context(&place.bucket, &place.key);
        let metadata = reading.opened.metadata().clone();
        if let Kind::Single(length) = reading.opened.header().kind() {
            let (envelope, sealer) = seal_single_as(
                object_id,
                keys.suite,
                &keys.kek,
                &keys.aux,
                &context,
                length,
                &metadata,
                self.clock.millis(),
                &self.random,
            )?;
            let upload = self.begin_in_store(storage, place, &envelope).await?;
            let anew = Anew {
                place,
                head,
                tags,
                upload,
            };
            let source = Known {
                source: reading.body,
                facts,
            };
            let (body, sealing) = seal(source, sealer);
            let sent = self.send_anew(&anew, 1, body).await;
            let sent = sealing.outcome(sent).map(|(tag, ..)| vec![(1, tag)]);
            return self.end_anew(anew, &envelope, sent).await;
        }
        let (envelope, new) = create_upload_as(
            object_id,
            keys.suite,
            &keys.kek,
            &context,
            &metadata,
            self.clock.millis(),
            self.random.as_ref(),
        )?;
        let upload = self.begin_in_store(storage, place, &envelope).await?;
        let (_, sealing) = new.begin(&upload);
        let anew = Anew {
            place,
            head,
            tags,
            upload,
        };
        let sent = self
            .send_parts(&anew, &sealing, keys, reading, (&parts, &facts))
            .await;
        self.end_anew(anew, &envelope, sent).await
    }

    /// Each part as it was cut, and the footer behind the last, or with it where that is too short for a store to take
    /// it in front of another.
    async fn send_parts(
        &self,
        anew: &Anew<'_>,
        upload: &sealed_object::Upload,
        keys: &SealingKeys,
        reading: Reading,
        (parts, facts): (&[(u16, Plain)], &Facts),
    ) -> Result<Vec<(u16, String)>, GatewayError> {
        let portions = Portions::new(reading.body);
        let (mut tokens, mut sent) = (Vec::new(), Vec::new());
        let mut last: Vec<SealedBytes> = Vec::new();
        for (at, (number, length)) in (1_u16..).zip(parts) {
            let is_last = usize::from(at) == parts.len();
            let sealer = upload.part(*number, *length, &self.random)?;
            let portion = portions.next(length.0, is_last);
            if is_last && is_staged(1, *length) {
                let (pieces, part) = sealed_whole(portion, sealer).await?;
                last = pieces;
                tokens.push(PartToken::new(part, "", true, &Facts::default())?);
                continue;
            }
            let (body, sealing) = seal(portion, sealer);
            let stored = self.send_anew(anew, at, body).await;
            let (tag, part, _) = sealing.outcome(stored)?;
            tokens.push(PartToken::new(part, &tag, false, &Facts::default())?);
            sent.push((at, tag));
        }
        let footer = upload.footer(&keys.aux, &tokens, facts, self.random.as_ref())?;
        last.push(footer.bytes);
        let number = u16::try_from(sent.len().saturating_add(1)).unwrap_or(u16::MAX);
        let length: usize = last.iter().map(SealedBytes::len).sum();
        let pieces = stream::iter(last.into_iter().map(Ok::<_, BoxError>));
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let body = SealedBody::stream(length, Box::pin(pieces));
        let tag = self.send_anew(anew, number, body).await?;
        sent.push((number, tag));
        Ok(sent)
    }

    async fn send_anew(
        &self,
        anew: &Anew<'_>,
        number: u16,
        body: SealedBody,
    ) -> Result<String, GatewayError> {
        let (bucket, key) = (&anew.place.bucket.upstream, &anew.place.key);
        let request = StoreRequest::object(Method::PUT, bucket, key)
            .with_query("partNumber", number.to_string())
            .with_query("uploadId", anew.upload.as_str())
            .with_sealed(body);
        let stored = self.upstream.send(request).await?;
        let tag = store_etag(&stored.headers)
            .ok_or_else(|| UpstreamError::Unexpected("it gave no ETag for a part".to_owned()))?;
        Ok(tag)
    }

    /// Puts the parts in the object's place if that is as it was; takes them back otherwise.
    async fn end_anew(
        &self,
        anew: Anew<'_>,
        envelope: &sealed_object::Envelope,
        sent: Result<Vec<(u16, String)>, GatewayError>,
    ) -> Result<Rewrapped, GatewayError> {
        let done = match sent {
            Ok(parts) => match self.is_as_it_was(&anew).await {
                Ok(true) => self.complete_anew(&anew, &parts).await,
                Ok(false) => Ok(None),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        if let Ok(Some(store)) = done {
            let version = store
                .get("x-amz-version-id")
                .and_then(|version| version.to_str().ok().map(str::to_owned));
            let (place, head) = (anew.place, anew.head);
            let confirmed = self.confirm(place, head, envelope, version.as_deref());
            return Ok(if confirmed.await? {
                Rewrapped::Moved {
                    version,
                    etag_kept: false,
                }
            } else {
                Rewrapped::Changed
            });
        }
        let request =
            StoreRequest::object(Method::DELETE, &anew.place.bucket.upstream, &anew.place.key)
                .with_query("uploadId", anew.upload.as_str());
        if let Err(error) = self.upstream.send(request).await {
            tracing::warn!(
                error = report(&error),
                "parts of an object that was not sealed anew stay behind"
            );
        }
        done.map(|_| Rewrapped::Changed)
    }

    async fn complete_anew(
        &self,
        anew: &Anew<'_>,
        parts: &[(u16, String)],
    ) -> Result<Option<HeaderMap>, GatewayError> {
        let tag = anew.head.etag().unwrap_or_default();
        let request =
            StoreRequest::object(Method::POST, &anew.place.bucket.upstream, &anew.place.key)
                .with_query("uploadId", anew.upload.as_str())
                .with_header("if-match", &format!("\"{tag}\""))
                .with_document(complete_document(parts));
        let (headers, result) = self.upstream.document(request, LONGEST_RESULT).await?;
        let tag = etag::unquoted(result.child_text("ETag").unwrap_or_default());
        self.check_committed(parts, tag)?;
        Ok(Some(headers))
    }

    /// A condition sees another body. Another description of the same body, other tags, another lock: these are looked
    /// for last of all.
    async fn is_as_it_was(&self, anew: &Anew<'_>) -> Result<bool, GatewayError> {
        let Look::Sealed(now) = self.look_at(anew.place, None).await? else {
            return Ok(false);
        };
        let tags = self.tags_of(anew.place, now.version()).await?;
        Ok(now.envelope == anew.head.envelope
            && now.version() == anew.head.version()
            && now.lock() == anew.head.lock()
            && tags == anew.tags)
    }

    fn facts_kept(&self, facts: Option<&TrailerFacts>) -> Facts {
        let completed_ms = self.clock.millis();
        facts.map_or_else(
            || Facts {
                completed_ms,
                ..Facts::default()
            },
            |facts| Facts {
                completed_ms,
                client_checksum: facts.client_checksum.clone(),
                composite_parts: facts.composite_parts,
                part_checksums: facts.part_checksums.clone(),
                md5: facts.md5,
            },
        )
    }

    /// A receipt is of an upload, and stays one of what is in it: it is found under the new id too.
    async fn carry_receipt(
        &self,
        place: &Place,
        old: ObjectId,
        new: ObjectId,
    ) -> Result<(), GatewayError> {
        let at = |id: ObjectId| place.bucket.receipt_place(&place.key, &hex::encode(id.0));
        let Some(kept) = self.buckets.receipt(&at(old)).await? else {
            return Ok(());
        };
        let (tenant, to) = (&place.bucket.tenant, at(new));
        let text = self
            .audit_keys
            .open_kept(tenant, at(old).as_ref(), &kept)
            .await?;
        let unsealable = GatewayError::Unexpected("a receipt cannot be sealed");
        let key = self.audit_keys.of(tenant).await;
        let sealed = key.and_then(|key| {
            let sealed = key.seal_text(to.as_ref(), &text)?;
            Some(format!("{} {sealed}", key.id()))
        });
        Ok(self
            .buckets
            .keep_receipt(&to, &sealed.ok_or(unsealable)?)
            .await?)
    }
}

/// Seals a part that is short enough to be held.
async fn sealed_whole<P: PlainSource>(
    mut portion: Portion<P>,
    mut sealer: sealed_object::PartSealer,
) -> Result<(Vec<SealedBytes>, sealed_object::PartFacts), GatewayError> {
    let mut pieces = Vec::new();
    while let Some(piece) = std::future::poll_fn(|context| portion.poll_plain(context)).await {
        let mut piece = piece?;
        while !piece.is_empty() {
            pieces.extend(sealer.push(&mut piece)?);
        }
    }
    let (last, part) = sealer.finish()?;
    pieces.push(last);
    Ok((pieces, part))
}

/// A source with what is known of it from before.
struct Known<P> {
    source: P,
    facts: Facts,
}

impl<P: PlainSource> PlainSource for Known<P> {
    fn poll_plain(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, GatewayError>>> {
        self.source.poll_plain(context)
    }

    fn facts(&self) -> Facts {
        self.facts.clone()
    }
}

const LONGEST_RESULT: usize = 64 * 1024;
