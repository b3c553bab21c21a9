//! Moving an object's header to the active KEK of its scope: the store copies the object onto itself, with the
//! header bound anew. No byte of the body passes through here, and none is changed.
//!
//! Nobody's write is undone by it: the copy holds only while the object is the very one that was looked at, by its
//! `ETag`, and while nobody wrote to it since, by the time it was last modified (docs/decisions/0022).

use std::ops::Range;
use std::time::Duration;

use http::{HeaderMap, Method};
use sealed_object::geometry::part_stored;
use sealed_object::{Envelope, Opened};

use super::copy::tags_as_query;
use super::delete::with_document_md5;
use super::folders::Apart;
use super::look::{Head, Lock, head_text};
use super::read::{Source, Wanted};
use super::{Look, Operations, Place};
use crate::envelope;
use crate::error::{GatewayError, report};
use crate::keys::SealingKeys;
use crate::s3::xml::Writer;
use crate::s3::{Code, etag};
use crate::sigv4::encode_path;
use crate::upstream::{StoreRequest, UpstreamError};

/// What became of an object that was to be moved to another key.
#[derive(Debug)]
pub(crate) enum Rewrapped {
    /// Its header names the active KEK.
    Moved {
        /// The version that it is in now, where there are versions.
        version: Option<String>,
        /// Whether clients see the `ETag` that they saw before.
        etag_kept: bool,
    },
    /// Somebody wrote to the object meanwhile, and what they wrote stands.
    Changed,
    /// The store decides no conditions on writes, and what somebody writes meanwhile could be undone.
    Unconditional,
    /// It is moved, but somebody locked or released its source meanwhile, and the store does not take the same for it.
    Unaligned,
}

/// How the store copies an object so that its `ETag` stays.
#[derive(Debug)]
enum Way {
    /// In one request.
    Whole,
    /// In these ranges, as parts.
    Parts(Vec<Range<u64>>),
}

/// Whether the store keeps the `ETag` of an object that was uploaded in parts when it copies it in one request. Amazon
/// S3 does not; asked of the store once, when it matters first.
#[derive(Debug, Default)]
pub(crate) struct CopiesKeepEtags(tokio::sync::OnceCell<bool>);

impl Operations {
    /// Opens what was looked at, so that its header can be moved.
    pub(crate) async fn open_head(
        &self,
        place: &Place,
        head: &Head,
    ) -> Result<Opened, GatewayError> {
        self.keys
            .open(&place.bucket, &place.key, &head.envelope)
            .await
    }

    /// How long to wait until a change of the object shows in the time it was last modified, which has seconds only.
    /// One that the store dates ahead of its own clock, or does not date, is new.
    pub(crate) fn settles_in(&self, head: &Head) -> Duration {
        let modified = head.time("last-modified");
        let now = head.time("date").unwrap_or_else(|| self.clock.now());
        let age = modified.and_then(|modified| now.duration_since(modified).ok());
        SETTLED.saturating_sub(age.unwrap_or_default())
    }

    /// Moves the header of what the key shows now.
    pub(crate) async fn rewrap(
        &self,
        place: &Place,
        head: &Head,
        opened: &Opened,
        keys: &SealingKeys,
        keep: &CopiesKeepEtags,
    ) -> Result<Rewrapped, GatewayError> {
        if !self.store.conditional_writes {
            return Ok(Rewrapped::Unconditional);
        }
        let context = self.keys.context(&place.bucket, &place.key);
        let rebound = opened.rebind(&keys.kek, &context, None, self.random.as_ref())?;
        if let Some(apart) = &head.apart {
            return self.moved_apart(apart, &rebound, true).await;
        }
        let copied = match self.way(place, head, opened, keep).await? {
            Way::Whole => match self.copy_whole(place, head, &rebound).await {
                // Too large, by the store's own limit.
                Err(error) if error.code() == Some(Code::InvalidRequest) => {
                    let parts = self.store_parts(place, head, opened).await?;
                    let parts = parts.unwrap_or_else(|| even(head.stored));
                    self.copy_parts(place, head, &rebound, &parts).await
                }
                copied => copied.map(Some).map_err(GatewayError::from),
            },
            Way::Parts(parts) => self.copy_parts(place, head, &rebound, &parts).await,
        };
        let (store, tag) = match copied {
            Err(GatewayError::Upstream(error)) if is_outrun(&error) => {
                return Ok(Rewrapped::Changed);
            }
            Ok(None) => return Ok(Rewrapped::Changed),
            Ok(Some(copied)) => copied,
            Err(error) => return Err(error),
        };
        let version = head_text(&store, "x-amz-version-id").map(str::to_owned);
        let etag_kept = head.etag().as_deref() == Some(tag.as_str());
        self.confirm(place, head, &rebound, (version, etag_kept))
            .await
    }

    /// Writes the envelope of what is kept apart.
    pub(super) async fn moved_apart(
        &self,
        seen: &Apart,
        envelope: &Envelope,
        etag_kept: bool,
    ) -> Result<Rewrapped, GatewayError> {
        match self.replace_apart(seen, envelope).await {
            Err(GatewayError::Upstream(error)) if is_outrun(&error) => Ok(Rewrapped::Changed),
            Err(error) => Err(error),
            Ok(()) => Ok(Rewrapped::Moved {
                version: None,
                etag_kept,
            }),
        }
    }

    /// Looks at what was written: it is there, and locked as its source is.
    pub(super) async fn confirm(
        &self,
        place: &Place,
        head: &Head,
        rebound: &Envelope,
        (version, etag_kept): (Option<String>, bool),
    ) -> Result<Rewrapped, GatewayError> {
        let written_as = version.as_deref();
        let Look::Sealed(now) = self.look_at(place, written_as).await? else {
            return Ok(Rewrapped::Changed);
        };
        let wanted = rebound.header();
        let written = now.envelope.header();
        if written.object_id() != wanted.object_id() || written.kek_id() != wanted.kek_id() {
            return Ok(Rewrapped::Changed);
        }
        let source = head.version().filter(|source| Some(*source) != written_as);
        if let Some(source) = source
            && let Err(error) = self.align(place, source, (written_as, &now.lock())).await
        {
            // The next look would find it moved, and nobody would know.
            let error = report(&error);
            tracing::warn!(error, "a moved object is not locked as its source is");
            return Ok(Rewrapped::Unaligned);
        }
        Ok(Rewrapped::Moved { version, etag_kept })
    }

    /// Somebody may have locked the version before, or released it, while it was copied.
    async fn align(
        &self,
        place: &Place,
        source: &str,
        (version, is): (Option<&str>, &Lock),
    ) -> Result<(), GatewayError> {
        match self.look_at(place, Some(source)).await? {
            Look::Sealed(before) => self.lock_alike(place, version, is, &before.lock()).await,
            Look::Gone | Look::Folder | Look::NotSealed => Ok(()),
        }
    }

    /// Locks a version as another is.
    async fn lock_alike(
        &self,
        place: &Place,
        version: Option<&str>,
        is: &Lock,
        wanted: &Lock,
    ) -> Result<(), GatewayError> {
        let change = |what: &str| {
            StoreRequest::object(Method::PUT, &place.bucket.upstream, &place.key)
                .with_query(what, "")
                .with_query_if("versionId", version)
        };
        if let Some((mode, until)) = wanted.binding(self.clock.now())
            && is.retention != wanted.retention
        {
            let mut document = Writer::new("Retention");
            document.text("Mode", mode).text("RetainUntilDate", until);
            let request = with_document_md5(change("retention"), document.finish());
            self.upstream.send(request).await?;
        }
        if wanted.holds != is.holds {
            let mut document = Writer::new("LegalHold");
            document.text("Status", if wanted.holds { "ON" } else { "OFF" });
            let request = with_document_md5(change("legal-hold"), document.finish());
            self.upstream.send(request).await?;
        }
        Ok(())
    }

    async fn copy_whole(
        &self,
        place: &Place,
        head: &Head,
        rebound: &Envelope,
    ) -> Result<(HeaderMap, String), UpstreamError> {
        let (bucket, key) = (&place.bucket.upstream, &place.key);
        let tag = head.etag().ok_or_else(no_etag)?;
        let modified = head_text(&head.store, "last-modified").ok_or_else(no_time)?;
        let request = StoreRequest::object(Method::PUT, bucket, key)
            .with_headers(head.storage(self.clock.now()))
            .with_header("x-amz-copy-source", &source_of(place))
            .with_header("x-amz-metadata-directive", "REPLACE")
            .with_header("if-match", &format!("\"{tag}\""))
            .with_header("x-amz-copy-source-if-unmodified-since", modified);
        let request = envelope::write(request, rebound)
            .map_err(|error| UpstreamError::Unexpected(error.to_string()))?;
        let (headers, result) = self.upstream.document(request, LONGEST_RESULT).await?;
        let tag = etag::unquoted(result.child_text("ETag").unwrap_or_default());
        Ok((headers, tag.to_owned()))
    }

    /// `None`: the object is not any more as it was looked at.
    async fn copy_parts(
        &self,
        place: &Place,
        head: &Head,
        rebound: &Envelope,
        parts: &[Range<u64>],
    ) -> Result<Option<(HeaderMap, String)>, GatewayError> {
        head.etag().ok_or_else(no_etag)?;
        self.copy_onto_itself(place, head, rebound, &source_of(place), parts)
            .await
    }

    /// The tags of an object as the header `x-amz-tagging` has them.
    pub(super) async fn tags_of(
        &self,
        place: &Place,
        version: Option<&str>,
    ) -> Result<String, GatewayError> {
        let request = StoreRequest::object(Method::GET, &place.bucket.upstream, &place.key)
            .with_query("tagging", "")
            .with_query_if("versionId", version);
        match self.upstream.document(request, LONGEST_RESULT).await {
            Ok((_, tagging)) => Ok(tags_as_query(&tagging)),
            Err(error) if error.code() == Some(Code::NoSuchTagSet) => Ok(String::new()),
            Err(error) => Err(error.into()),
        }
    }

    async fn way(
        &self,
        place: &Place,
        head: &Head,
        opened: &Opened,
        keep: &CopiesKeepEtags,
    ) -> Result<Way, GatewayError> {
        let is_large = head.stored > LARGEST_COPY;
        let tag = head.etag().ok_or_else(no_etag)?;
        if !is_large && (parts_in(&tag).is_none() || self.keeps_etags(place, &tag, keep).await?) {
            return Ok(Way::Whole);
        }
        Ok(match self.store_parts(place, head, opened).await? {
            Some(parts) => Way::Parts(parts),
            None if is_large => Way::Parts(even(head.stored)),
            None => Way::Whole,
        })
    }

    /// Asks the store by copying this object to where nobody looks.
    async fn keeps_etags(
        &self,
        place: &Place,
        tag: &str,
        keep: &CopiesKeepEtags,
    ) -> Result<bool, GatewayError> {
        let ask = async {
            let key = format!("uploads/copies-keep-etags-{}", uuid::Uuid::new_v4());
            let on_trial = |method| StoreRequest::object(method, &self.system_bucket, &key);
            let copy = on_trial(Method::PUT)
                .with_header("x-amz-copy-source", &source_of(place))
                .with_header("x-amz-metadata-directive", "REPLACE");
            let copied = self.upstream.document(copy, LONGEST_RESULT).await;
            self.upstream.send(on_trial(Method::DELETE)).await?;
            let (_, result) = match copied {
                // It copies no such object in one request, or none that is so large.
                Err(error) if error.code() == Some(Code::InvalidRequest) => return Ok(false),
                copied => copied?,
            };
            let shown = etag::unquoted(result.child_text("ETag").unwrap_or_default());
            Ok::<_, GatewayError>(shown == tag)
        };
        keep.0.get_or_try_init(|| ask).await.copied()
    }

    /// The ranges that the store has as parts, where that can be told: then they have the `ETag`s that they had, and so
    /// has what is made of them. `None` where the store's count of parts is not ours.
    async fn store_parts(
        &self,
        place: &Place,
        head: &Head,
        opened: &Opened,
    ) -> Result<Option<Vec<Range<u64>>>, GatewayError> {
        let Some(count) = head.etag().as_deref().and_then(parts_in) else {
            return Ok(None);
        };
        let source = Source {
            place,
            version: None,
            conditions: HeaderMap::new(),
        };
        let known = self.known(&source, opened, &head.store, Wanted::Layout);
        let Some(known) = known.await? else {
            return Ok(None);
        };
        let lengths = known
            .layout
            .numbered()
            .map(|(_, plain)| part_stored(plain).0);
        Ok(in_store(&lengths.collect::<Vec<_>>(), count, head.stored))
    }
}

/// The parts of an upload lie in the store as they were sent, the footer behind them as one of its own or at the end of
/// the last.
fn in_store(lengths: &[u64], count: usize, stored: u64) -> Option<Vec<Range<u64>>> {
    let cuts = if count == lengths.len().checked_add(1)? {
        lengths
    } else if count == lengths.len() {
        lengths.split_last()?.1
    } else {
        return None;
    };
    let mut start = 0_u64;
    let mut ranges = Vec::with_capacity(count);
    for length in cuts {
        let end = start.checked_add(*length)?;
        ranges.push(start..end);
        start = end;
    }
    (start < stored).then(|| {
        ranges.push(start..stored);
        ranges
    })
}

/// Ranges of at most [`PART`] bytes, about as long as each other.
fn even(stored: u64) -> Vec<Range<u64>> {
    let count = stored.div_ceil(PART).max(1);
    let cut = |index: u64| {
        let share = stored / count;
        share
            .saturating_mul(index)
            .saturating_add(index.min(stored % count))
    };
    (0..count)
        .map(|index| cut(index)..cut(index.saturating_add(1)))
        .collect()
}

/// The number of parts that a store's `ETag` tells.
fn parts_in(tag: &str) -> Option<usize> {
    let (_, count) = tag.rsplit_once('-')?;
    count.parse().ok().filter(|count| *count > 0)
}

fn source_of(place: &Place) -> String {
    let key = encode_path(place.key.as_bytes());
    format!("/{}/{key}", place.bucket.upstream)
}

pub(super) fn is_outrun(error: &UpstreamError) -> bool {
    matches!(
        error.code(),
        Some(Code::PreconditionFailed | Code::ConditionalRequestConflict | Code::OperationAborted)
    ) || error.is_missing()
}

fn no_etag() -> UpstreamError {
    UpstreamError::Unexpected("it gave no ETag".to_owned())
}

fn no_time() -> UpstreamError {
    UpstreamError::Unexpected("it does not say when an object was last modified".to_owned())
}

/// Stores copy no more than this in one request.
const LARGEST_COPY: u64 = 5 * 1024 * 1024 * 1024;
const PART: u64 = 1024 * 1024 * 1024;
const SETTLED: Duration = Duration::from_secs(2);
const LONGEST_RESULT: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stores_parts_are_told_by_the_manifest_and_the_count_in_its_etag() {
        // Three parts of 100, 100 and 50 stored bytes, padding and footer of 20.
        let lengths = [100, 100, 50];
        let apart = in_store(&lengths, 4, 270).unwrap();
        assert_eq!(apart, [0..100, 100..200, 200..250, 250..270]);
        let behind_the_last = in_store(&lengths, 3, 270).unwrap();
        assert_eq!(behind_the_last, [0..100, 100..200, 200..270]);
        let only = in_store(&[50], 1, 70).unwrap();
        assert_eq!((only.len(), only[0].clone()), (1, 0..70));
        assert_eq!(in_store(&lengths, 2, 270), None);
        assert_eq!(in_store(&lengths, 4, 250), None, "no room for a footer");
        assert_eq!(in_store(&[], 0, 0), None);
    }

    #[test]
    fn even_ranges_are_gapless_and_not_too_long() {
        for stored in [1, PART, PART + 1, 5 * PART + 7] {
            let ranges = even(stored);
            assert_eq!(ranges.first().unwrap().start, 0);
            assert_eq!(ranges.last().unwrap().end, stored);
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(ranges.iter().all(|range| range.end - range.start <= PART));
        }
    }

    #[test]
    fn an_etag_tells_its_parts() {
        assert_eq!(parts_in("d41d8cd98f00b204e9800998ecf8427e-12"), Some(12));
        assert_eq!(parts_in("d41d8cd98f00b204e9800998ecf8427e"), None);
        assert_eq!(parts_in("x-0"), None);
    }
}
