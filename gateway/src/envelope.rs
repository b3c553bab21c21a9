//! Where a sealed object's header and sealed metadata lie in the store's headers, and how a client's
//! object headers become sealed metadata and back.
//!
//! `sof-h`, `sof-k` where the object has a key of its own, and the beginning of `sof-m` are user metadata; what of
//! `sof-m` does not fit into its 2 KB continues in `Cache-Control`, which S3 counts apart. So clients keep their own
//! full 2 KB, less what `sof-k` has beyond 1 KB.

use http::HeaderMap;
use sealed_object::{Envelope, Error, Metadata};

use crate::s3::headers::ObjectHeaders;
use crate::upstream::StoreRequest;

/// Reads the envelope from a store's answer.
pub fn read(headers: &HeaderMap) -> Result<Envelope, Error> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let sof_h = text(SOF_H).ok_or(Error::NotSealed)?;
    let sof_k = text(SOF_K);
    let Some(first) = text(SOF_M) else {
        return Envelope::parse(sof_h, None, sof_k);
    };
    let rest = if first.len() == first_of_sof_m(sof_k) {
        text("cache-control").unwrap_or_default()
    } else {
        ""
    };
    Envelope::parse(sof_h, Some(&format!("{first}{rest}")), sof_k)
}

/// Writes an envelope into a request to the store.
pub fn write(request: StoreRequest, envelope: &Envelope) -> Result<StoreRequest, Error> {
    let request = request
        .with_header("content-type", "application/octet-stream")
        .with_header(SOF_H, &envelope.sof_h());
    let sof_k = envelope.sof_k();
    let request = match &sof_k {
        Some(sof_k) => request.with_header(SOF_K, sof_k),
        None => request,
    };
    let Some(sof_m) = envelope.sof_m() else {
        return Ok(request);
    };
    let (first, rest) = sof_m
        .split_at_checked(first_of_sof_m(sof_k.as_deref()))
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

/// How many characters of `sof-m` user metadata has room for: 2 048 bytes less what stands beside it, counted with the
/// prefix of each name, as the strictest stores do.
fn first_of_sof_m(sof_k: Option<&str>) -> usize {
    let sof_k = sof_k.map_or(0, |sof_k| SOF_K.len().saturating_add(sof_k.len()));
    FIRST_OF_SOF_M.saturating_sub(sof_k)
}

const SOF_H: &str = "x-amz-meta-sof-h";
const SOF_M: &str = "x-amz-meta-sof-m";
const SOF_K: &str = "x-amz-meta-sof-k";

/// 2 048 bytes of user metadata less `x-amz-meta-sof-h` with its 256 characters and `x-amz-meta-sof-m`.
const FIRST_OF_SOF_M: usize = 2048 - (16 + 256) - 16;

/// What was seen to fit into `Cache-Control` beside full user metadata.
const REST_OF_SOF_M: usize = 1900;

#[cfg(test)]
mod tests {
    use http::{HeaderName, Method};
    use sealed_object::{
        Aux, Context, Kek, KeyId, OsRandom, OwnKey, Plain, Random, Suite, seal_single,
    };

    use super::*;

    fn sealed(wrapped: usize, user: usize) -> Envelope {
        let kek = Kek::new(KeyId([1; 8]), [2; 32]).with_own(OwnKey::new([3; 32], vec![4; wrapped]));
        let aux = Aux::new(KeyId([5; 8]), [6; 32]);
        let context = Context::new("tenant", &[7; 16], b"key");
        let metadata = Metadata {
            user: vec![("n".to_owned(), vec![b'x'; user])],
            ..Metadata::default()
        };
        let random: std::sync::Arc<dyn Random> = std::sync::Arc::new(OsRandom);
        let suite = Suite::GcmSivBlake3;
        let sealed = seal_single(suite, &kek, &aux, &context, Plain(1), &metadata, 8, &random);
        sealed.unwrap().0
    }

    fn written(envelope: &Envelope) -> Result<HeaderMap, Error> {
        let request = write(StoreRequest::object(Method::PUT, "bucket", "key"), envelope)?;
        Ok(request.headers)
    }

    /// S3 counts names without their prefix; the strictest stores count it.
    #[test]
    fn an_objects_own_key_takes_its_room_from_user_metadata_and_all_is_read_again() {
        for (wrapped, user) in [(150, 10), (150, 2048), (400, 2000), (700, 1800)] {
            let envelope = sealed(wrapped, user);
            let headers = written(&envelope).unwrap();
            assert_eq!(read(&headers).unwrap(), envelope, "{wrapped} {user}");
            let is_user = |name: &HeaderName| name.as_str().starts_with("x-amz-meta-");
            let user = headers.iter().filter(|(name, _)| is_user(name));
            let length: usize = user
                .map(|(name, value)| name.as_str().len() + value.len())
                .sum();
            assert!(length <= 2048, "{length}");
        }
        assert_eq!(
            written(&sealed(1400, 2000)).err(),
            Some(Error::MetadataTooLarge)
        );
    }
}
