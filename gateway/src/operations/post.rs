//! `POST Object`: the file of a form, sealed as it arrives, and committed by the store only after the last check.
//!
//! Only its boundary shows where the file ends, and the store must be told its length first. What can follow the
//! file is limited, so the request's length tells the file's within 64 KiB. A small file is read first, within a
//! memory that all forms share; of a large one that much is certain, it is sealed as it streams by, and what is
//! left becomes a second part.

use http::{HeaderName, Response, StatusCode};
use sealed_object::Plain;
use tokio::sync::Semaphore;

use super::store_headers::set;
use super::{Answered, Call, Operations, location};
use crate::body::{Answer, FormFile, Upload, possible_lengths};
use crate::error::GatewayError;
use crate::s3::form::Success;
use crate::s3::xml::Writer;
use crate::sigv4::encode_query;

impl Operations {
    pub(super) async fn post_object(&self, mut call: Call, incoming: Upload) -> Answered {
        let form = call.request.form.as_deref();
        let form = form.ok_or(GatewayError::Unexpected("a form upload without its form"))?;
        let success = form.success();
        let possible = possible_lengths(&call.request, form.left)?;
        form.lengths.check(possible.least, possible.most)?;
        self.limits.fits(call.leave.tenant(), possible.least)?;
        let mut file = FormFile::new(incoming, &call.request, form.lengths, self.clock.clone())?;
        let stored = if possible.least < SMALLEST_PART {
            let place = self.place(&call).await?;
            let _memory = MEMORY.acquire_many(permits(possible.most)).await;
            let limit = usize::try_from(possible.most).unwrap_or(usize::MAX);
            let file = file.rest(limit).await?;
            let size = file.length();
            call.leave
                .again(|context| context.size = Some(size))
                .await?;
            self.put(&call, &place, Plain(file.length()), file).await?
        } else {
            forget_checksums(&mut call);
            self.put_in_two_parts(&call, file, possible.least, LONGEST_REST)
                .await?
        };
        answer(&call, stored, success)
    }
}

/// The checksums of the whole file were understood by its reader, which compares them.
fn forget_checksums(call: &mut Call) {
    let headers = &mut call.request.headers;
    let checksums: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-amz-checksum-") || *name == "content-md5")
        .cloned()
        .collect();
    for name in checksums {
        headers.remove(name);
    }
}

fn answer(call: &Call, mut stored: Response<Answer>, success: Success) -> Answered {
    let (bucket, key) = (
        call.request.bucket()?.as_str(),
        call.request.key()?.as_str(),
    );
    let location = location(&call.request)?;
    let etag = stored.headers().get(http::header::ETAG);
    let etag = etag
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (status, location, document) = match success {
        Success::Redirect(url) => {
            let url = redirected(&url, bucket, key, etag);
            (StatusCode::SEE_OTHER, url, None)
        }
        Success::Status(201) => {
            let mut writer = Writer::bare("PostResponse");
            writer
                .text("Location", &location)
                .text("Bucket", bucket)
                .text("Key", key)
                .text("ETag", etag);
            (StatusCode::CREATED, location, Some(writer.finish()))
        }
        Success::Status(200) => (StatusCode::OK, location, None),
        Success::Status(_) => (StatusCode::NO_CONTENT, location, None),
    };
    *stored.status_mut() = status;
    set(stored.headers_mut(), "location", &location);
    if let Some(document) = document {
        set(stored.headers_mut(), "content-type", "application/xml");
        *stored.body_mut() = Answer::Ready(document.into());
    }
    Ok(stored)
}

/// The URL with what was stored in its query.
fn redirected(url: &str, bucket: &str, key: &str, etag: &str) -> String {
    let (before, fragment) = url
        .split_once('#')
        .map_or((url, None), |(before, fragment)| (before, Some(fragment)));
    let separator = if before.contains('?') { '&' } else { '?' };
    let encode = |text: &str| encode_query(text.as_bytes());
    let mut url = format!(
        "{before}{separator}bucket={}&key={}&etag={}",
        encode(bucket),
        encode(key),
        encode(etag)
    );
    if let Some(fragment) = fragment {
        url.extend(["#", fragment]);
    }
    url
}

fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PERMIT))
        .unwrap_or(u32::MAX)
        .clamp(1, PERMITS)
}

/// What may follow the file, and the boundary that a form which is broken off lacks.
const LONGEST_REST: usize = (64 << 10) + 128;

/// The least that a part before the last may have.
const SMALLEST_PART: u64 = 5 << 20;

/// The memory that forms share: 64 MiB.
static MEMORY: Semaphore = Semaphore::const_new(1024);
const PERMITS: u32 = 1024;
const PERMIT: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_keeps_its_own_query_and_fragment() {
        for (url, expected) in [
            (
                "https://h/done",
                "https://h/done?bucket=b&key=a%20%2F%26&etag=%22e-1%22",
            ),
            (
                "https://h/?x=1#top",
                "https://h/?x=1&bucket=b&key=a%20%2F%26&etag=%22e-1%22#top",
            ),
        ] {
            assert_eq!(redirected(url, "b", "a /&", "\"e-1\""), expected);
        }
    }
}
