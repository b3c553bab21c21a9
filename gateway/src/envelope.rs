//! Where a sealed object's header and sealed metadata lie in the store's headers, and how a client's
//! object headers become sealed metadata and back.
//!
//! `sof-h` and the beginning of `sof-m` are user metadata; what of `sof-m` does not fit into its 2 KB
//! continues in `Cache-Control`, which S3 counts apart. So clients keep their own full 2 KB.

use http::HeaderMap;
use sealed_object::{Envelope, Error, Metadata};

use crate::s3::headers::ObjectHeaders;
use crate::upstream::StoreRequest;

/// Reads the envelope from a store's answer.
pub fn read(headers: &HeaderMap) -> Result<Envelope, Error> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let sof_h = text(SOF_H).ok_or(Error::NotSealed)?;
    let Some(first) = text(SOF_M) else {
        return Envelope::parse(sof_h, None);
    };
    let rest = if first.len() == FIRST_OF_SOF_M {
        text("cache-control").unwrap_or_default()
    } else {
        ""
    };
    Envelope::parse(sof_h, Some(&format!("{first}{rest}")))
}

/// Writes an envelope into a request to the store.
pub fn write(request: StoreRequest, envelope: &Envelope) -> Result<StoreRequest, Error> {
    let request = request
        .with_header("content-type", "application/octet-stream")
        .with_header(SOF_H, &envelope.sof_h());
    let Some(sof_m) = envelope.sof_m() else {
        return Ok(request);
    };
    let (first, rest) = sof_m
        .split_at_checked(FIRST_OF_SOF_M)
        .unwrap_or((&sof_m, ""));
    if rest.len() > REST_OF_SOF_M {
        return Err(Error::MetadataTooLarge);
    }
    let request = request.with_header(SOF_M, first);
    Ok(if rest.is_empty() {
        request
    } else {
        request.with_header("cache-control", rest)
    })
}

/// A client's object headers as sealed metadata.
pub fn metadata_of(headers: ObjectHeaders) -> Metadata {
    Metadata {
        user: headers.user,
        content_type: headers.content_type,
        content_encoding: headers.content_encoding,
        content_disposition: headers.content_disposition,
        content_language: headers.content_language,
        cache_control: headers.cache_control,
        expires: headers.expires,
        extra: Vec::new(),
    }
}

/// And back.
pub fn headers_of(metadata: &Metadata) -> ObjectHeaders {
    let metadata = metadata.clone();
    ObjectHeaders {
        user: metadata.user,
        content_type: metadata.content_type,
        content_encoding: metadata.content_encoding,
        content_disposition: metadata.content_disposition,
        content_language: metadata.content_language,
        cache_control: metadata.cache_control,
        expires: metadata.expires,
    }
}

const SOF_H: &str = "x-amz-meta-sof-h";
const SOF_M: &str = "x-amz-meta-sof-m";

/// 2 048 bytes of user metadata less `x-amz-meta-sof-h` with its 256 characters and `x-amz-meta-sof-m`,
/// counted with the prefix, as the strictest stores do.
const FIRST_OF_SOF_M: usize = 2048 - (16 + 256) - 16;

/// What was seen to fit into `Cache-Control` beside full user metadata.
const REST_OF_SOF_M: usize = 1900;
