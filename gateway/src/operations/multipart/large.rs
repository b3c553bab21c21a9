//! Objects that are more than one request to the store can carry, though the client sent or named them in
//! one: written as an upload of the gateway's own, which nobody sees before it is complete.

use std::sync::Arc;

use http::{HeaderMap, Method};
use sealed_object::geometry::fits_one_part;
use sealed_object::{Facts, Metadata, PartToken, Plain, Summary, create_upload_as};

use super::super::store_headers::store_etag;
use super::super::{Call, Operations, Place};
use super::Ongoing;
use crate::body::{PlainSource, Portions, seal};
use crate::error::GatewayError;
use crate::keys::SealingKeys;
use crate::s3::etag;
use crate::trail::Uploaded;
use crate::upstream::{SealedBody, StoreRequest, UpstreamError};

/// An object that was written in parts.
pub(crate) struct Written {
    /// The store's answer to the completion.
    pub(crate) headers: HeaderMap,
    /// The `ETag` a client sees, unquoted.
    pub(crate) etag: String,
    /// When it was completed, as S3 writes times.
    pub(crate) last_modified: String,
    pub(crate) summary: Summary,
    /// What the source proved about itself.
    pub(crate) facts: Facts,
    pub(crate) kek_id: sealed_object::KeyId,
    pub(crate) suite: sealed_object::Suite,
    /// For the record.
    pub(crate) uploaded: Uploaded,
}

/// Whether an object of this length is written in parts.
pub(crate) fn is_large(length: Plain) -> bool {
    !fits_one_part(length)
}

impl Operations {
    /// Writes `length` bytes from `source` in parts, with `storage` headers for the store and under the
    /// request's write conditions. If anything fails, the upload is taken back and the key is as it was.
    pub(crate) async fn write_in_parts<P: PlainSource>(
        &self,
        call: &Call,
        place: &Place,
        metadata: &Metadata,
        storage: HeaderMap,
        length: Plain,
        source: P,
    ) -> Result<Written, GatewayError> {
        let id = call.new_object_id(self.random.as_ref())?;
        let keys = self.keys.sealing_as(&place.bucket, &place.key, id);
        let keys = keys.await?;
        let (envelope, new) = create_upload_as(
            id,
            keys.suite,
            &keys.kek,
            &self.keys.context(&place.bucket, &place.key),
            metadata,
            self.clock.millis(),
            self.random.as_ref(),
        )?;
        let kek_id = envelope.header().kek_id();
        let upstream_id = self.begin_in_store(storage, place, &envelope).await?;
        let (id, upload) = new.begin(&upstream_id);
        let ongoing = Arc::new(Ongoing {
            place: place.clone(),
            upload,
            id: id.encode(),
            kek_id,
        });
        let own = self.own(&ongoing);
        let written = self.fill(call, &ongoing, &keys, length, source).await;
        self.settle(own, written).await
    }

    async fn fill<P: PlainSource>(
        &self,
        call: &Call,
        ongoing: &Ongoing,
        keys: &SealingKeys,
        length: Plain,
        source: P,
    ) -> Result<Written, GatewayError> {
        let portions = Portions::new(source);
        let lengths = part_lengths(length);
        let (mut tokens, mut facts) = (Vec::new(), Facts::default());
        for (number, length) in (1_u16..).zip(&lengths) {
            let is_last = usize::from(number) == lengths.len();
            let sealer = ongoing.upload.part(number, Plain(*length), &self.random)?;
            let (body, sealing) = seal(portions.next(*length, is_last), sealer);
            let sent = self.send_part(ongoing, number, body).await;
            let (etag, part, known) = sealing.outcome(sent)?;
            tokens.push(PartToken::new(part, &etag, false, &Facts::default())?);
            facts = known;
        }
        // Of several parts the trailer keeps the MD5 of their MD5s, and these are not known.
        let kept = Facts {
            md5: None,
            ..facts.clone()
        };
        let footer = ongoing
            .upload
            .footer(&keys.aux, &tokens, &kept, self.random.as_ref())?;
        let summary = footer.summary;
        let last = u16::try_from(lengths.len().saturating_add(1)).unwrap_or(u16::MAX);
        let footer = self
            .send_part(ongoing, last, SealedBody::ready(footer.bytes))
            .await?;
        let parts: Vec<(u16, String)> = (1_u16..)
            .zip(tokens.iter().map(|token| token.upstream_etag().to_owned()))
            .chain([(last, footer)])
            .collect();
        let (headers, result) = self.complete_in_store(call, ongoing, &parts).await?;
        let tag = etag::unquoted(result.child_text("ETag").unwrap_or_default());
        Ok(Written {
            uploaded: Uploaded::of(keys.suite, &summary, &lengths),
            headers,
            etag: etag::shown(tag),
            last_modified: super::records::iso_time(self.clock.now()),
            summary,
            facts,
            kek_id: ongoing.kek_id,
            suite: keys.suite,
        })
    }

    async fn send_part(
        &self,
        ongoing: &Ongoing,
        number: u16,
        body: SealedBody,
    ) -> Result<String, GatewayError> {
        let (bucket, key) = (&ongoing.place.bucket.upstream, &ongoing.place.key);
        let request = StoreRequest::object(Method::PUT, bucket, key)
            .with_query("partNumber", number.to_string())
            .with_query("uploadId", ongoing.upload.upstream_id())
            .with_sealed(body);
        let stored = self.upstream.send(request).await?;
        let etag = store_etag(&stored.headers)
            .ok_or_else(|| UpstreamError::Unexpected("it gave no ETag for a part".to_owned()))?;
        Ok(etag)
    }
}

/// Parts of about [`PART`] bytes, as even as can be: none is so small that a store refuses it.
fn part_lengths(length: Plain) -> Vec<u64> {
    let count = length.0.div_ceil(PART).max(1);
    (0..count)
        .map(|index| {
            let share = length.0 / count;
            share + u64::from(index < length.0 % count)
        })
        .collect()
}

/// Few requests, and an object of 5 TiB stays under 10 000 parts.
const PART: u64 = 1024 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_even_and_add_up() {
        const MIB: u64 = 1024 * 1024;
        for length in [
            5 * 1024 * MIB - 4 * MIB + 1,
            5 * 1024 * MIB,
            5 * 1024 * MIB + 1,
            5 * 1024 * 1024 * MIB,
        ] {
            assert!(is_large(Plain(length)));
            let parts = part_lengths(Plain(length));
            assert_eq!(parts.iter().sum::<u64>(), length);
            assert!(parts.len() < 10_000);
            assert!(parts.iter().all(|part| (512 * MIB..=PART).contains(part)));
        }
        assert!(!is_large(Plain(5 * 1024 * MIB - 4 * MIB)));
    }
}
