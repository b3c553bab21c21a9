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

use super::super::folders::Apart;
use super::super::look::{Head, head_text};
use super::super::read::{Reading, Source, Wanted};
use super::super::rewrap::{Rewrapped, is_outrun};
use super::super::store_headers::{set, store_etag};
use super::super::{Operations, Place};
use super::in_place::InPlace;
use crate::body::{PlainSource, Portion, Portions, seal};
use crate::error::GatewayError;
use crate::keys::SealingKeys;
use crate::upstream::{BoxError, SealedBody, StoreRequest, UpstreamError};

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
            return Ok(Rewrapped::Unconditional);
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
        if let Some(apart) = &head.apart {
            return self
                .folder_anew(place, (head, apart), keys, object_id)
                .await;
        }
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
            let anew = self.begin_in_place(place, head, &envelope).await?;
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
        let anew = self.begin_in_place(place, head, &envelope).await?;
        let (_, sealing) = new.begin(&anew.upload);
        let sent = self
            .send_parts(&anew, &sealing, keys, reading, (&parts, &facts))
            .await;
        self.end_anew(anew, &envelope, sent).await
    }

    /// What is kept apart has no bytes, so that its envelope is all there is to it.
    async fn folder_anew(
        &self,
        place: &Place,
        (head, apart): (&Head, &Apart),
        keys: &SealingKeys,
        object_id: ObjectId,
    ) -> Result<Rewrapped, GatewayError> {
        let opened = self.open_head(place, head).await?;
        let old = opened.header().object_id();
        self.carry_receipt(place, old, object_id).await?;
        let (envelope, _) = seal_single_as(
            object_id,
            keys.suite,
            &keys.kek,
            &keys.aux,
            &self.keys.context(&place.bucket, &place.key),
            Plain(0),
            opened.metadata(),
            self.clock.millis(),
            &self.random,
        )?;
        // The store makes its ETag of nothing.
        self.moved_apart(apart, &envelope, true).await
    }

    /// Each part as it was cut, and the footer behind the last, or with it where that is too short for a store to take
    /// it in front of another.
    async fn send_parts(
        &self,
        anew: &InPlace<'_>,
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
        anew: &InPlace<'_>,
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

    async fn end_anew(
        &self,
        anew: InPlace<'_>,
        envelope: &sealed_object::Envelope,
        sent: Result<Vec<(u16, String)>, GatewayError>,
    ) -> Result<Rewrapped, GatewayError> {
        let (place, head) = (anew.place, anew.head);
        let Some((store, _)) = self.end_in_place(anew, sent).await? else {
            return Ok(Rewrapped::Changed);
        };
        let version = head_text(&store, "x-amz-version-id").map(str::to_owned);
        self.confirm(place, head, envelope, (version, false)).await
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
