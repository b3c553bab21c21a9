//! `CompleteMultipartUpload`: the parts the client's tokens name, a footer behind the last, one commit.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, Method};
use http_body::Body as _;
use md5::Digest as _;
use sealed_object::{Facts, Footer, PartToken, SealedBytes, StagedRelay};

use super::super::checksums::{self, of_object};
use super::super::read::{Source, Wanted};
use super::super::store_headers::{mark_sealed, pass_written_facts, shown_etag, store_etag};
use super::super::{Answered, Call, Operations, Place, document, location};
use super::checksums::{Told, tell};
use super::{Ongoing, no_upload, records};
use crate::body::Upload;
use crate::checksum::ObjectChecksum;
use crate::error::GatewayError;
use crate::s3::xml::{CompletedPart, Element, Writer, parse_complete};
use crate::s3::{Code, etag};
use crate::trail;
use crate::upstream::{BoxError, SealedBody, StoreBody, StoreRequest, UpstreamError};

impl Operations {
    pub(crate) async fn complete_upload(&self, call: &Call, incoming: Upload) -> Answered {
        let ongoing = self.ongoing(call).await?;
        let listed = parse_complete(
            &call
                .document_about_object(incoming, LONGEST_COMPLETE)
                .await?,
        )?;
        let tokens = tokens_of(&listed, &ongoing)?;
        let size = tokens.iter().map(|token| token.plain().0).sum();
        check_announced_size(call, size)?;
        call.leave
            .again(|context| {
                context.size = Some(size);
                context.part_number = listed.first().map(|part| part.number.into());
            })
            .await?;
        let told = tell(ongoing.chosen(), &tokens, &listed, &call.request)?;
        match self.complete(call, &ongoing, &tokens, &told).await {
            // The client asked for an object to be replaced that is not there.
            Err(GatewayError::Upstream(error))
                if error.code() == Some(Code::NoSuchKey)
                    && call.request.header("if-match").is_some() =>
            {
                Err(error.into())
            }
            // The store knows the upload no more, perhaps because a first attempt of the client succeeded.
            Err(GatewayError::Upstream(error)) if error.is_missing() => {
                self.completed_before(call, &ongoing).await
            }
            Err(error) => Err(self.refused_write(call, &ongoing.place, error).await),
            done => done,
        }
    }

    async fn complete(
        &self,
        call: &Call,
        ongoing: &Ongoing,
        tokens: &[PartToken],
        told: &Told,
    ) -> Answered {
        let committed = self.commit(call, ongoing, tokens, told).await?;
        let mut response = completed(call, ongoing, &committed.etag, Some(&told.object))?;
        pass_written_facts(&committed.store, response.headers_mut());
        response.headers_mut().remove(http::header::ETAG);
        response.extensions_mut().insert(committed.facts);
        Ok(response)
    }

    /// Makes an object of these parts, or none.
    pub(super) async fn commit(
        &self,
        call: &Call,
        ongoing: &Ongoing,
        tokens: &[PartToken],
        told: &Told,
    ) -> Result<Committed, GatewayError> {
        let plain = tokens.iter().map(|token| token.plain().0).sum();
        self.limits.fits(&ongoing.place.bucket.tenant, plain)?;
        let tokens = &*self.in_store(ongoing, tokens).await?;
        let Place { bucket, key } = &ongoing.place;
        let keys = self.keys.sealing(bucket, key).await?;
        let facts = told.kept_in(Facts {
            completed_ms: self.clock.millis(),
            md5: md5_of(tokens),
            ..Facts::default()
        });
        let footer = ongoing
            .upload
            .footer(&keys.aux, tokens, &facts, self.random.as_ref())?;
        let summary = footer.summary.clone();
        let last = self.send_last(ongoing, tokens, footer).await?;
        let parts = parts_sent(tokens, last);

        let (headers, result) = self.complete_in_store(call, ongoing, &parts).await?;
        let tag = etag::unquoted(result.child_text("ETag").unwrap_or_default());
        self.forget_upload(ongoing).await;
        Ok(Committed {
            etag: etag::shown(tag),
            facts: {
                let parts: Vec<u64> = tokens.iter().map(|token| token.plain().0).collect();
                let uploaded = trail::Uploaded::of(ongoing.upload.suite(), &summary, &parts);
                trail::Facts::uploaded(&summary, &headers, uploaded)
                    .under(ongoing.kek_id, ongoing.upload.suite())
            },
            store: headers,
        })
    }

    /// Each part that lies in the store must be the very instance its token names. Not every store checks
    /// `ETag`s at Complete (`SeaweedFS` 4.48 takes stale ones), so they are compared here. That store also lists
    /// every instance of a part that was sent twice; then the receipts tell which is the newest.
    ///
    /// A part that was sent twice with the same bytes has one `ETag` in S3, and clients list the first. So a
    /// newer instance stands in for an older one where their plaintexts are the same.
    async fn in_store(
        &self,
        ongoing: &Ongoing,
        tokens: &[PartToken],
    ) -> Result<Vec<PartToken>, GatewayError> {
        let stored = self.parts_in_store(ongoing).await?;
        let mut newest = None;
        let mut current = Vec::with_capacity(tokens.len());
        for token in tokens {
            let number = token.part_no();
            let mut instances = stored.iter().filter(|part| part.number == number);
            let is_only = instances
                .next()
                .is_some_and(|part| part.etag == token.upstream_etag())
                && instances.next().is_none();
            if token.is_staged() || is_only {
                current.push(token.clone());
                continue;
            }
            if newest.is_none() {
                newest = Some(self.parts_listed(ongoing).await?);
            }
            let listed = newest.as_ref().and_then(|parts| parts.get(&number));
            let same = listed
                .and_then(|part| PartToken::parse(&part.token, &ongoing.upload).ok())
                .filter(|newer| newer.pt_digest() == token.pt_digest());
            current.push(same.ok_or_else(|| {
                Code::InvalidPart
                    .because(format!("Part {number} was sent again since, or is gone; list the ETag of its last upload."))
                    .with("PartNumber", number.to_string())
            })?);
        }
        Ok(current)
    }

    /// Has the store put these parts together, under the request's write conditions.
    pub(super) async fn complete_in_store(
        &self,
        call: &Call,
        ongoing: &Ongoing,
        parts: &[(u16, String)],
    ) -> Result<(HeaderMap, Element), GatewayError> {
        let (bucket, key) = (&ongoing.place.bucket.upstream, &ongoing.place.key);
        let request = StoreRequest::object(Method::POST, bucket, key)
            .with_query("uploadId", ongoing.upload.upstream_id())
            .with_headers(call.request.write_conditions_for_store())
            .with_document(complete_document(parts));
        let (headers, result) = self.upstream.document(request, LONGEST_RESULT).await?;
        let tag = etag::unquoted(result.child_text("ETag").unwrap_or_default());
        self.check_committed(parts, tag)?;
        Ok((headers, result))
    }

    /// Where the store's ETags are MD5s, that of the whole proves that it put together the parts it was told
    /// to, and not another instance that arrived meanwhile.
    pub(super) fn check_committed(
        &self,
        parts: &[(u16, String)],
        tag: &str,
    ) -> Result<(), GatewayError> {
        let digests: Option<Vec<Vec<u8>>> = parts
            .iter()
            .map(|(_, etag)| hex::decode(etag).ok().filter(|md5| md5.len() == 16))
            .collect();
        let (true, Some(digests)) = (self.store.etags_are_md5, digests) else {
            return Ok(());
        };
        let expected = format!(
            "{}-{}",
            hex::encode(md5::Md5::digest(digests.concat())),
            digests.len()
        );
        if tag == expected {
            Ok(())
        } else {
            Err(GatewayError::Unexpected(
                "the store completed an upload with other parts than it was told to; send the object again",
            ))
        }
    }

    /// Sends the footer, as a part of its own or behind a staged last part. Gives its part number and `ETag`.
    async fn send_last(
        &self,
        ongoing: &Ongoing,
        tokens: &[PartToken],
        footer: Footer,
    ) -> Result<(u16, String), GatewayError> {
        let last = tokens.last().ok_or(sealed_object::Error::NoParts)?;
        let (number, body) = if last.is_staged() {
            let name = records::staged(&ongoing.upload, last.part_no(), &last.salt());
            let staged = self
                .upstream
                .send(StoreRequest::object(
                    Method::GET,
                    &self.system_bucket,
                    &name,
                ))
                .await?;
            let length = last
                .stored()
                .0
                .saturating_add(u64::try_from(footer.bytes.len()).unwrap_or(u64::MAX));
            let relay = Relay {
                staged: staged.body,
                check: Some(StagedRelay::new(last, &ongoing.upload)),
                footer: Some(footer.bytes),
            };
            (last.part_no(), SealedBody::stream(length, Box::pin(relay)))
        } else {
            (
                last.part_no().saturating_add(1),
                SealedBody::ready(footer.bytes),
            )
        };
        let request = StoreRequest::object(
            Method::PUT,
            &ongoing.place.bucket.upstream,
            &ongoing.place.key,
        )
        .with_query("partNumber", number.to_string())
        .with_query("uploadId", ongoing.upload.upstream_id())
        .with_sealed(body);
        let stored = self.upstream.send(request).await.map_err(cause_of)?;
        let etag = store_etag(&stored.headers)
            .ok_or_else(|| UpstreamError::Unexpected("it gave no ETag for a part".to_owned()))?;
        Ok((number, etag))
    }

    /// The store knows the upload no more. If the object now at the key is this upload's, an earlier
    /// Complete succeeded and its answer was lost: the retry is told so.
    async fn completed_before(&self, call: &Call, ongoing: &Ongoing) -> Answered {
        let source = Source {
            place: &ongoing.place,
            version: None,
            conditions: HeaderMap::new(),
        };
        match self.head(&source).await {
            Ok((store, opened, _)) if opened.header().object_id() == ongoing.upload.object_id() => {
                tracing::debug!(request = %call.request.id, "a repeated CompleteMultipartUpload was answered from the object");
                let known = self.known(&source, &opened, &store, Wanted::Ending).await?;
                let ending = known.as_ref().and_then(|known| known.ending.as_ref());
                let checksum = ending.and_then(|ending| of_object(&ending.facts));
                let etag = shown_etag(&store).unwrap_or_default();
                completed(call, ongoing, &etag, checksum.as_ref())
            }
            Ok(_) => Err(no_upload().into()),
            Err(GatewayError::Upstream(error)) if error.is_missing() => Err(no_upload().into()),
            // Whether it was completed cannot be told now, and a client that heard NoSuchUpload would not ask again.
            Err(error) => Err(error),
        }
    }
}

/// An object made of parts.
pub(super) struct Committed {
    /// As clients see it, unquoted.
    pub(super) etag: String,
    /// The headers of the store's answer.
    pub(super) store: HeaderMap,
    /// For the record.
    pub(super) facts: trail::Facts,
}

fn tokens_of(listed: &[CompletedPart], ongoing: &Ongoing) -> Result<Vec<PartToken>, GatewayError> {
    let token = |part: &CompletedPart| {
        let refused = || {
            Code::InvalidPart.because(format!("The ETag listed for part {} is not one that UploadPart returned for this upload.", part.number)).with("PartNumber", part.number.to_string())
        };
        let token = PartToken::parse(&part.etag, &ongoing.upload).map_err(|_| refused())?;
        if token.part_no() == part.number {
            Ok(token)
        } else {
            Err(GatewayError::from(refused()))
        }
    };
    listed.iter().map(token).collect()
}

fn check_announced_size(call: &Call, size: u64) -> Result<(), GatewayError> {
    let Some(announced) = call.request.text("x-amz-mp-object-size")? else {
        return Ok(());
    };
    if announced.parse() == Ok(size) {
        return Ok(());
    }
    Err(Code::InvalidRequest
        .because(format!(
            "x-amz-mp-object-size says {announced}, the listed parts have {size} bytes together."
        ))
        .into())
}

/// The MD5 of the parts' MD5s, where the client sent one with every part.
fn md5_of(tokens: &[PartToken]) -> Option<[u8; 16]> {
    let digests: Option<Vec<[u8; 16]>> = tokens.iter().map(PartToken::md5).collect();
    Some(match digests?.as_slice() {
        [one] => *one,
        many => md5::Md5::digest(many.concat()).into(),
    })
}

/// All parts of the upload in the store: those the client listed, the staged one in its final form, and the
/// footer.
fn parts_sent(tokens: &[PartToken], last: (u16, String)) -> Vec<(u16, String)> {
    let before = tokens.iter().filter(|token| token.part_no() != last.0);
    before
        .map(|token| (token.part_no(), token.upstream_etag().to_owned()))
        .chain([last.clone()])
        .collect()
}

pub(super) fn complete_document(parts: &[(u16, String)]) -> String {
    let mut writer = Writer::new("CompleteMultipartUpload");
    for (number, etag) in parts {
        writer.within("Part", |part| {
            part.text("PartNumber", number.to_string())
                .text("ETag", format!("\"{etag}\""));
        });
    }
    writer.finish()
}

fn completed(
    call: &Call,
    ongoing: &Ongoing,
    etag: &str,
    checksum: Option<&ObjectChecksum>,
) -> Answered {
    let (bucket, key) = (&ongoing.place.bucket.name, &ongoing.place.key);
    let mut writer = Writer::new("CompleteMultipartUploadResult");
    writer
        .text("Location", location(&call.request)?)
        .text("Bucket", bucket)
        .text("Key", key)
        .text("ETag", format!("\"{etag}\""));
    if let Some(checksum) = checksum {
        checksums::write(checksum, &mut writer);
    }
    let mut response = document(writer.finish());
    mark_sealed(&ongoing.place, ongoing.kek_id, response.headers_mut());
    Ok(response)
}

/// A request that broke off because the staged part in it is not the one that was stored failed for that, and
/// trying again does not help.
fn cause_of(error: UpstreamError) -> GatewayError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(found) = cause {
        if let Some(refused) = found.downcast_ref::<sealed_object::Error>() {
            return (*refused).into();
        }
        cause = found.source();
    }
    error.into()
}

/// A staged part on its way behind the others, then the footer, which leaves only if the part was whole.
struct Relay {
    staged: StoreBody,
    check: Option<StagedRelay>,
    footer: Option<SealedBytes>,
}

impl Stream for Relay {
    type Item = Result<SealedBytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while self.check.is_some() {
            let piece: Option<Bytes> = match ready!(Pin::new(&mut self.staged).poll_frame(context))
            {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => Some(bytes),
                    Err(_) => continue,
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => None,
            };
            match (piece, self.check.take()) {
                (Some(bytes), Some(mut check)) => {
                    let sealed = check.push(bytes).inspect_err(|_| self.footer = None)?;
                    self.check = Some(check);
                    return Poll::Ready(Some(Ok(sealed)));
                }
                (None, Some(check)) => check.finish().inspect_err(|_| self.footer = None)?,
                (_, None) => {}
            }
        }
        Poll::Ready(self.footer.take().map(Ok))
    }
}

/// 10 000 parts with tokens and checksums.
const LONGEST_COMPLETE: usize = 8 * 1024 * 1024;
const LONGEST_RESULT: usize = 64 * 1024;
