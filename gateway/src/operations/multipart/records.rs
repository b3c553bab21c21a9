//! What of an upload lies in the system bucket: staged parts, and receipts from which any replica can list
//! the upload's parts and a bucket's uploads. A receipt is an object of no bytes whose name says it all.
//!
//! ```text
//! uploads/<object id>/stage/<part number>-<salt>                  sealed bytes of a staged part
//! uploads/<object id>/receipt/<part number>/<ms>-<part token>     one for each time a part was sent; a long token
//!                                                                 goes on behind a slash
//! buckets/<bucket uuid>/<hash of the store's upload id>/<upload id>
//! ```

use std::time::SystemTime;

use http::Method;
use sealed_object::Upload;
use sha2::Digest as _;
use time::OffsetDateTime;

use super::super::Operations;
use super::Ongoing;
use crate::buckets::Bucket;
use crate::error::{GatewayError, report};
use crate::s3::xml::Writer;
use crate::upstream::StoreRequest;

impl Operations {
    pub(super) async fn record_upload(
        &self,
        bucket: &Bucket,
        upstream_id: &str,
        id: &str,
    ) -> Result<(), GatewayError> {
        self.leave(&format!("{}{id}", upload_prefix(bucket, upstream_id)))
            .await
    }

    pub(super) async fn record_part(
        &self,
        upload: &Upload,
        number: u16,
        token: &str,
    ) -> Result<(), GatewayError> {
        let (start, rest) = token.split_at_checked(LONGEST_NAME).unwrap_or((token, ""));
        let slash = if rest.is_empty() { "" } else { "/" };
        self.leave(&format!(
            "{}{number}/{:013}-{start}{slash}{rest}",
            receipts(upload),
            self.clock.millis()
        ))
        .await
    }

    async fn leave(&self, name: &str) -> Result<(), GatewayError> {
        self.upstream
            .send(StoreRequest::object(Method::PUT, &self.system_bucket, name))
            .await?;
        Ok(())
    }

    /// Names below a prefix of the system bucket, the prefix taken off.
    pub(super) async fn names_below(&self, prefix: &str) -> Result<Vec<String>, GatewayError> {
        let mut names = Vec::new();
        let mut continuation: Option<String> = None;
        loop {
            let request = StoreRequest::bucket(Method::GET, &self.system_bucket)
                .with_query("list-type", "2")
                .with_query("prefix", prefix)
                .with_query_if("continuation-token", continuation.as_deref());
            let (_, page) = self.upstream.document(request, LONGEST_PAGE).await?;
            names.extend(page.all("Contents").filter_map(|entry| {
                Some(entry.child_text("Key")?.strip_prefix(prefix)?.to_owned())
            }));
            continuation = page
                .child_text("NextContinuationToken")
                .filter(|token| !token.is_empty())
                .map(str::to_owned);
            if page.child_text("IsTruncated") != Some("true") || continuation.is_none() {
                return Ok(names);
            }
        }
    }

    /// Removes everything of an upload that has ended. The upload is over whether this works or not, and
    /// what stays behind is swept by the bucket's lifecycle rule, so a failure is only logged.
    pub(super) async fn forget_upload(&self, ongoing: &Ongoing) {
        if let Err(error) = self.try_forget(ongoing).await {
            tracing::warn!(
                error = report(&error),
                "records of an ended upload stay behind"
            );
        }
    }

    async fn try_forget(&self, ongoing: &Ongoing) -> Result<(), GatewayError> {
        let prefix = format!("uploads/{}/", hex::encode(ongoing.upload.object_id().0));
        let mut names: Vec<String> = self
            .names_below(&prefix)
            .await?
            .into_iter()
            .map(|name| format!("{prefix}{name}"))
            .collect();
        names.push(format!(
            "{}{}",
            upload_prefix(&ongoing.place.bucket, ongoing.upload.upstream_id()),
            ongoing.id
        ));
        for page in names.chunks(DELETED_AT_ONCE) {
            let mut writer = Writer::new("Delete");
            writer.text("Quiet", "true");
            for name in page {
                writer.within("Object", |object| {
                    object.text("Key", name);
                });
            }
            let request =
                StoreRequest::bucket(Method::POST, &self.system_bucket).with_query("delete", "");
            self.upstream
                .document(
                    super::super::delete::with_document_md5(request, writer.finish()),
                    LONGEST_PAGE,
                )
                .await?;
        }
        Ok(())
    }
}

/// Where a staged part lies.
pub(super) fn staged(upload: &Upload, number: u16, salt: &[u8; 16]) -> String {
    format!(
        "uploads/{}/stage/{number}-{}",
        hex::encode(upload.object_id().0),
        hex::encode(salt)
    )
}

/// Where the receipts of an upload's parts lie.
pub(super) fn receipts(upload: &Upload) -> String {
    format!("uploads/{}/receipt/", hex::encode(upload.object_id().0))
}

/// When a part was sent, in ms, and its token, by the name of the receipt below [`receipts`].
pub(super) fn told_by(receipt: &str) -> Option<(&str, String)> {
    let (_number, name) = receipt.split_once('/')?;
    let (millis, token) = name.split_once('-')?;
    Some((millis, token.replace('/', "")))
}

/// Where the receipts of a bucket's uploads lie.
pub(super) fn uploads_of(bucket: &Bucket) -> String {
    format!("buckets/{}/", bucket.id)
}

/// A short name for an upload id of the store, which may hold anything.
pub(super) fn hash_of(upstream_id: &str) -> String {
    let digest = sha2::Sha256::digest(upstream_id.as_bytes());
    hex::encode(digest).chars().take(32).collect()
}

fn upload_prefix(bucket: &Bucket, upstream_id: &str) -> String {
    format!("{}{}/", uploads_of(bucket), hash_of(upstream_id))
}

/// S3's form of a time in documents.
pub(super) fn iso_time(time: SystemTime) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    OffsetDateTime::from(time)
        .format(&format)
        .unwrap_or_default()
}

/// What `DeleteObjects` takes.
const DELETED_AT_ONCE: usize = 1000;
const LONGEST_PAGE: usize = 8 * 1024 * 1024;

/// Stores that keep names as files' take 255 bytes between two slashes; a time and a hyphen come first.
const LONGEST_NAME: usize = 240;
