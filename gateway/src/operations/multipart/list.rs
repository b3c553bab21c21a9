//! `ListParts` and `ListMultipartUploads`: plaintext sizes, and ids and `ETags` that work when they are echoed.

use std::collections::{BTreeMap, HashMap};

use http::Method;
use sealed_object::{PartToken, UploadId};

use super::super::{Answered, Call, Operations, document};
use super::checksums::{Chosen, of_part};
use super::{Ongoing, records};
use crate::checksum::Value;
use crate::error::GatewayError;
use crate::s3::etag;
use crate::s3::xml::{Element, Writer};
use crate::upstream::StoreRequest;

/// A part as the store lists it.
#[derive(Debug)]
pub(super) struct StoredPart {
    pub(super) number: u16,
    pub(super) etag: String,
    pub(super) last_modified: String,
}

/// A part as the client sees it.
pub(super) struct ListedPart {
    pub(super) token: String,
    size: u64,
    checksum: Value,
    last_modified: String,
}

impl Operations {
    pub(crate) async fn list_parts(&self, call: &Call) -> Answered {
        let ongoing = self.ongoing(call).await?;
        let after = call
            .request
            .query
            .number("part-number-marker")?
            .unwrap_or(0);
        let most = call
            .request
            .query
            .number("max-parts")?
            .unwrap_or(LARGEST_PAGE)
            .min(LARGEST_PAGE);
        let parts = self.parts_listed(&ongoing).await?;
        let mut page: Vec<_> = parts
            .into_iter()
            .filter(|(number, _)| u32::from(*number) > after)
            .collect();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let truncated = page.len() > most;
        page.truncate(most);

        let mut writer = Writer::new("ListPartsResult");
        writer
            .text("Bucket", &ongoing.place.bucket.name)
            .text("Key", &ongoing.place.key)
            .text("UploadId", &ongoing.id);
        writer.text("PartNumberMarker", after.to_string());
        writer.maybe(
            "NextPartNumberMarker",
            page.last().map(|(number, _)| number.to_string()),
        );
        writer
            .text("MaxParts", most.to_string())
            .text("IsTruncated", truncated.to_string())
            .text("StorageClass", "STANDARD");
        write_chosen(ongoing.chosen(), &mut writer);
        for role in ["Initiator", "Owner"] {
            writer.within(role, |who| {
                who.text("ID", call.leave.tenant())
                    .text("DisplayName", call.leave.tenant());
            });
        }
        for (number, part) in page {
            writer.within("Part", |element| {
                element
                    .text("PartNumber", number.to_string())
                    .text("LastModified", &part.last_modified);
                element
                    .text("ETag", format!("\"{}\"", part.token))
                    .text("Size", part.size.to_string())
                    .text(
                        part.checksum.algorithm().element_name(),
                        part.checksum.to_string(),
                    );
            });
        }
        Ok(document(writer.finish()))
    }

    /// The newest instance of each part: by its receipts, and, where it lies in the store, the one that the
    /// store has now.
    pub(super) async fn parts_listed(
        &self,
        ongoing: &Ongoing,
    ) -> Result<BTreeMap<u16, ListedPart>, GatewayError> {
        let stored = self.parts_in_store(ongoing).await?;
        let mut receipts = self
            .names_below(&records::receipts(&ongoing.upload))
            .await?;
        // The time comes first behind the part number, so the newest of a part is the last.
        receipts.sort_unstable();
        let mut parts = BTreeMap::new();
        for receipt in receipts {
            let Some((millis, text)) = records::told_by(&receipt) else {
                continue;
            };
            let Ok(token) = PartToken::parse(&text, &ongoing.upload) else {
                continue;
            };
            let in_store = stored
                .iter()
                .find(|part| part.number == token.part_no() && part.etag == token.upstream_etag());
            let counts = token.is_staged() || in_store.is_some();
            if counts {
                let last_modified =
                    in_store.map_or_else(|| time_of(millis), |part| part.last_modified.clone());
                parts.insert(
                    token.part_no(),
                    ListedPart {
                        token: text,
                        size: token.plain().0,
                        checksum: of_part(&token),
                        last_modified,
                    },
                );
            }
        }
        Ok(parts)
    }

    /// The parts that lie in the store, all pages.
    pub(super) async fn parts_in_store(
        &self,
        ongoing: &Ongoing,
    ) -> Result<Vec<StoredPart>, GatewayError> {
        let mut parts: Vec<StoredPart> = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let request = StoreRequest::object(
                Method::GET,
                &ongoing.place.bucket.upstream,
                &ongoing.place.key,
            )
            .with_query("uploadId", ongoing.upload.upstream_id())
            .with_query_if("part-number-marker", marker.as_deref());
            let (_, page) = self.upstream.document(request, LONGEST_PAGE).await?;
            parts.extend(page.all("Part").filter_map(stored_part));
            marker = page
                .child_text("NextPartNumberMarker")
                .filter(|text| !text.is_empty())
                .map(str::to_owned);
            if page.child_text("IsTruncated") != Some("true") || marker.is_none() {
                return Ok(parts);
            }
        }
    }

    /// Whether the store still knows the upload; its `NoSuchUpload` if not.
    pub(super) async fn check_exists(&self, ongoing: &Ongoing) -> Result<(), GatewayError> {
        let request = StoreRequest::object(
            Method::GET,
            &ongoing.place.bucket.upstream,
            &ongoing.place.key,
        )
        .with_query("uploadId", ongoing.upload.upstream_id())
        .with_query("max-parts", "1");
        self.upstream.document(request, LONGEST_PAGE).await?;
        Ok(())
    }

    pub(crate) async fn list_uploads(&self, call: &Call) -> Answered {
        let bucket = self.bucket(call).await?;
        call.request.query.check_listing()?;
        let mut request =
            StoreRequest::bucket(Method::GET, &bucket.upstream).with_query("uploads", "");
        for (name, value) in call
            .request
            .query
            .pairs()
            .filter(|(name, _)| UPLOAD_PARAMETERS.contains(name))
        {
            request = request.with_query(name, upstream_marker(name, value));
        }
        let (_, page) = self.upstream.document(request, LONGEST_PAGE).await?;
        let receipts = self.names_below(&records::uploads_of(&bucket)).await?;
        let ids: HashMap<&str, &str> = receipts
            .iter()
            .filter_map(|name| name.split_once('/'))
            .collect();
        let ours = |upstream_id: &str| ids.get(records::hash_of(upstream_id).as_str()).copied();

        let mut writer = Writer::new("ListMultipartUploadsResult");
        writer.text("Bucket", &bucket.name);
        for name in [
            "KeyMarker",
            "Prefix",
            "Delimiter",
            "EncodingType",
            "NextKeyMarker",
            "MaxUploads",
            "IsTruncated",
        ] {
            writer.maybe(name, page.child_text(name));
        }
        writer.maybe(
            "UploadIdMarker",
            page.child_text("UploadIdMarker")
                .map(|id| ours(id).unwrap_or_default()),
        );
        writer.maybe(
            "NextUploadIdMarker",
            page.child_text("NextUploadIdMarker")
                .map(|id| ours(id).unwrap_or_default()),
        );
        for upload in page.all("Upload") {
            let Some(id) = upload.child_text("UploadId").and_then(ours) else {
                continue;
            };
            writer.within("Upload", |element| {
                element
                    .maybe("Key", upload.child_text("Key"))
                    .text("UploadId", id);
                for role in ["Initiator", "Owner"] {
                    element.within(role, |who| {
                        who.text("ID", call.leave.tenant())
                            .text("DisplayName", call.leave.tenant());
                    });
                }
                element
                    .text("StorageClass", "STANDARD")
                    .maybe("Initiated", upload.child_text("Initiated"));
                let parsed = UploadId::parse(id).ok();
                let choice = parsed.and_then(|id| id.checksum());
                write_chosen(choice.and_then(Chosen::of), element);
            });
        }
        for prefix in page.all("CommonPrefixes") {
            writer.within("CommonPrefixes", |element| {
                element.maybe("Prefix", prefix.child_text("Prefix"));
            });
        }
        Ok(document(writer.finish()))
    }
}

fn write_chosen(chosen: Option<Chosen>, element: &mut Writer) {
    if let Some(Chosen { algorithm, kind }) = chosen {
        element
            .text("ChecksumAlgorithm", algorithm.name())
            .text("ChecksumType", kind.name());
    }
}

fn stored_part(part: &Element) -> Option<StoredPart> {
    Some(StoredPart {
        number: part.child_text("PartNumber")?.trim().parse().ok()?,
        etag: etag::unquoted(part.child_text("ETag")?).to_owned(),
        last_modified: part
            .child_text("LastModified")
            .unwrap_or_default()
            .to_owned(),
    })
}

fn time_of(millis: &str) -> String {
    let since = std::time::Duration::from_millis(millis.parse().unwrap_or_default());
    records::iso_time(std::time::UNIX_EPOCH + since)
}

/// A marker that names an upload is ours and must become the store's.
fn upstream_marker(name: &str, value: &str) -> String {
    let id = (name == "upload-id-marker")
        .then(|| UploadId::parse(value).ok())
        .flatten();
    id.map_or_else(|| value.to_owned(), |id| id.upstream_id().to_owned())
}

const UPLOAD_PARAMETERS: &[&str] = &[
    "delimiter",
    "encoding-type",
    "key-marker",
    "max-uploads",
    "prefix",
    "upload-id-marker",
];
const LARGEST_PAGE: u32 = 1000;
const LONGEST_PAGE: usize = 8 * 1024 * 1024;
