//! `CopyObject` inside a tenant: the store copies the sealed body, and the header is bound anew to the
//! destination. No object byte passes through the gateway.

use http::{HeaderMap, Method};
use policies::Action;
use sealed_object::{Metadata, Opened, Plain};

use super::folders::is_folder;
use super::read::Source;
use super::store_headers::{is_unversioned, mark_sealed, number, set, shown_etag, store_etag};
use super::{Answered, Call, Operations, Place, document};
use crate::envelope;
use crate::error::GatewayError;
use crate::s3::headers::CopySource;
use crate::s3::xml::{Element, etag_result};
use crate::s3::{Code, etag};
use crate::sigv4::{encode_path, encode_query};
use crate::trail::Facts;
use crate::upstream::StoreRequest;

impl Operations {
    pub(super) async fn copy_object(&self, call: &Call) -> Answered {
        let place = self.place(call).await?;
        let (source, named) = self.copy_source(call).await?;
        let replaces = call.request.replaces_metadata()?;
        let onto_itself = source.bucket.id == place.bucket.id
            && source.key == place.key
            && named.version.is_none();
        if onto_itself && !replaces && call.request.header("x-amz-storage-class").is_none() {
            return Err(Code::InvalidRequest.because("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class or encryption.").into());
        }
        let (store, opened, size) = self
            .copied_head(call, &source, named.version.as_deref())
            .await?;
        self.limits.fits(&place.bucket.tenant, size)?;
        call.leave
            .again(|context| context.size = Some(size))
            .await?;
        let metadata = if replaces {
            Some(envelope::metadata_of(call.request.object_headers()?))
        } else {
            None
        };
        if number(&store, "content-length").is_some_and(|stored| stored > LARGEST_COPY) {
            let copied = Copied {
                source: &source,
                version: named.version.as_deref(),
                etag: store_etag(&store).unwrap_or_default(),
            };
            let metadata = metadata.unwrap_or_else(|| opened.metadata().clone());
            return self.copy_in_parts(call, &place, &copied, &metadata).await;
        }
        let id = opened.header().object_id();
        let keys = self.keys.sealing_as(&place.bucket, &place.key, id);
        let keys = keys.await?;
        let rebound = opened.rebind(
            &keys.kek,
            &self.keys.context(&place.bucket, &place.key),
            metadata.as_ref(),
            self.random.as_ref(),
        )?;

        let from = format!(
            "/{}/{}{}",
            source.bucket.upstream,
            encode_path(source.key.as_bytes()),
            version_query(named.version.as_deref())
        );
        let request = StoreRequest::object(Method::PUT, &place.bucket.upstream, &place.key)
            .with_headers(call.request.storage_headers())
            .with_headers(call.request.write_conditions_for_store())
            .with_header("x-amz-copy-source", &from)
            .with_header(
                "x-amz-copy-source-if-match",
                &format!("\"{}\"", store_etag(&store).unwrap_or_default()),
            )
            .with_header("x-amz-metadata-directive", "REPLACE");
        let request = envelope::write(request, &rebound)?;
        let conditional = !call.request.write_conditions_for_store().is_empty();
        let copied = self.upstream.document(request, LONGEST_RESULT).await;
        let (headers, result) = copied.map_err(|error| match error.code() {
            // The client set no condition; the one that failed is ours, on the source.
            Some(Code::PreconditionFailed) if !conditional => Code::OperationAborted
                .because("The source was replaced while it was copied; please try again.")
                .into(),
            _ => GatewayError::from(error),
        })?;

        if is_folder(&place.key) {
            let etag = result.child_text("ETag").unwrap_or_default();
            let mut put = HeaderMap::new();
            set(&mut put, "etag", etag);
            self.check_kept(&place, &put, Plain(size), &rebound).await?;
        }
        let tag = result
            .child_text("ETag")
            .map(etag::unquoted)
            .map(etag::shown)
            .unwrap_or_default();
        let mut response = document(etag_result(
            "CopyObjectResult",
            result.child_text("LastModified").unwrap_or_default(),
            &tag,
        ));
        mark_sealed(&place, rebound.header().kek_id(), response.headers_mut());
        say_versions(&headers, &store, response.headers_mut());
        let header = rebound.header();
        let facts = Facts::copied(opened.header().object_id(), &headers, Plain(size));
        let facts = facts.under(header.kek_id(), header.suite());
        response.extensions_mut().insert(facts);
        Ok(response)
    }

    /// Copies a source that the store does not copy in one request: opened and sealed again on its way.
    async fn copy_in_parts(
        &self,
        call: &Call,
        place: &Place,
        copied: &Copied<'_>,
        metadata: &Metadata,
    ) -> Answered {
        let mut same = HeaderMap::new();
        set(&mut same, "if-match", &format!("\"{}\"", copied.etag));
        let source = Source {
            place: copied.source,
            version: copied.version,
            conditions: same,
        };
        let storage = self.copied_storage(call, copied).await?;
        let reading = self.read(&source, None).await?;
        let length = Plain(reading.size);
        let written = self
            .write_in_parts(call, place, metadata, storage, length, reading.body)
            .await?;
        let mut response = document(etag_result(
            "CopyObjectResult",
            &written.last_modified,
            &written.etag,
        ));
        let headers = response.headers_mut();
        mark_sealed(place, written.kek_id, headers);
        say_versions(&written.headers, &reading.store, headers);
        let summary = &written.summary;
        let facts = Facts::copied(summary.object_id, &written.headers, summary.plain);
        let facts = facts.under(written.kek_id, written.suite);
        response.extensions_mut().insert(facts);
        Ok(response)
    }

    /// The headers for the store that a copy has: those of the request, and the source's tags unless the
    /// request replaces them.
    async fn copied_storage(
        &self,
        call: &Call,
        copied: &Copied<'_>,
    ) -> Result<HeaderMap, GatewayError> {
        let mut storage = call.request.storage_headers();
        storage.remove("x-amz-tagging-directive");
        if call.request.replaces_tags()? {
            return Ok(storage);
        }
        let tags = self.tags_of(copied.source, copied.version).await?;
        storage.remove("x-amz-tagging");
        if !tags.is_empty() {
            set(&mut storage, "x-amz-tagging", &tags);
        }
        Ok(storage)
    }

    /// The place a copy reads from, in the same tenant, once reading it is permitted too.
    pub(super) async fn copy_source(
        &self,
        call: &Call,
    ) -> Result<(Place, CopySource), GatewayError> {
        let named = call.request.copy_source()?;
        let action = match named.version {
            Some(_) => Action::GetObjectVersion,
            None => Action::GetObject,
        };
        let (from, version) = (named.bucket.as_str(), named.version.as_deref());
        call.leave
            .need(action, from, named.key.as_str(), version)
            .await?;
        let bucket = self.bucket_named(call, &named.bucket).await?;
        Ok((
            Place {
                bucket,
                key: named.key.as_str().to_owned(),
            },
            named,
        ))
    }

    /// HEAD of the source under the client's copy conditions; a condition that fails is 412 for a copy.
    async fn copied_head(
        &self,
        call: &Call,
        place: &Place,
        version: Option<&str>,
    ) -> Result<(HeaderMap, Opened, u64), GatewayError> {
        let conditions = call.request.source_conditions_for_store();
        let source = Source {
            place,
            version,
            conditions,
        };
        let found = self.head(&source).await.map_err(|error| match error {
            GatewayError::Upstream(error) if error.code() == Some(Code::NotModified) => {
                Code::PreconditionFailed
                    .because("At least one of the preconditions on the copy source did not hold.")
                    .into()
            }
            GatewayError::Upstream(error) if error.code() == Some(Code::MethodNotAllowed) => {
                Code::InvalidRequest
                    .because("The source of a copy request may not specifically refer to a delete marker by version id.")
                    .into()
            }
            other => other,
        })?;
        let (store, ..) = &found;
        if shown_etag(store).is_none() {
            return Err(GatewayError::Unexpected("the store gave no ETag"));
        }
        Ok(found)
    }
}

/// The version that was written and the one it was copied from. Not every store (`SeaweedFS`) names the second
/// in its answer, so it is taken from the source itself.
fn say_versions(written: &HeaderMap, source: &HeaderMap, headers: &mut HeaderMap) {
    let written = Some(written).filter(|written| !is_unversioned(written));
    for (from, name) in [
        (written, "x-amz-version-id"),
        (Some(source), "x-amz-copy-source-version-id"),
    ] {
        let version = from.and_then(|from| from.get("x-amz-version-id"));
        if let Some(version) = version.and_then(|version| version.to_str().ok()) {
            set(headers, name, version);
        }
    }
}

/// What is copied, as it was found.
struct Copied<'a> {
    source: &'a Place,
    version: Option<&'a str>,
    /// The store's.
    etag: String,
}

/// A `Tagging` document as the header `x-amz-tagging` has it.
pub(super) fn tags_as_query(tagging: &Element) -> String {
    let tags = tagging.child("TagSet");
    let encode =
        |tag: &Element, name| encode_query(tag.child_text(name).unwrap_or_default().as_bytes());
    let pairs: Vec<String> = tags
        .iter()
        .flat_map(|set| set.all("Tag"))
        .map(|tag| format!("{}={}", encode(tag, "Key"), encode(tag, "Value")))
        .collect();
    pairs.join("&")
}

fn version_query(version: Option<&str>) -> String {
    version
        .map(|version| format!("?versionId={}", encode_query(version.as_bytes())))
        .unwrap_or_default()
}

/// Stores copy no more than this in one request.
const LARGEST_COPY: u64 = 5 * 1024 * 1024 * 1024;
const LONGEST_RESULT: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_a_header() {
        let tagging = b"<Tagging><TagSet><Tag><Key>a b</Key><Value>1&amp;2</Value></Tag><Tag><Key>c</Key><Value/></Tag></TagSet></Tagging>";
        let tagging = Element::parse(tagging).unwrap();
        assert_eq!(tags_as_query(&tagging), "a%20b=1%262&c=");
        assert_eq!(tags_as_query(&Element::default()), "");
    }
}
