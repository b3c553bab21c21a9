//! What is done for the sake of one client's peculiarity, each with the reason. Nothing here weakens a check.

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderValue, USER_AGENT};
use md5::{Digest as _, Md5};

/// The accommodations that can be switched off.
#[derive(Debug, Clone, Copy)]
pub struct Accommodations {
    /// rclone is shown the `ETag` of an object in parts that it expects.
    pub rclone_etags: bool,
}

impl Accommodations {
    /// Whether to show an object in parts with the MD5 of its parts' MD5s as its `ETag`.
    ///
    /// rclone (seen: 1.75, with the providers AWS, Minio, Ceph and others, not with Other) asks for it after an
    /// upload in parts and calls the upload corrupted when it is not that. It sends `Content-MD5` with every
    /// part, so the value is true, verified and sealed. In listings it does not look at such `ETag`s, and in
    /// conditions it names none, so nobody else need see it.
    pub fn shows_md5_of_parts(self, request: &HeaderMap) -> bool {
        let agent = request.get(USER_AGENT).map(HeaderValue::as_bytes);
        self.rclone_etags && agent.is_some_and(|agent| agent.starts_with(b"rclone/"))
    }
}

/// The `ETag` that Amazon S3 gives an object in parts. Of several parts `md5` is of their MD5s joined, of a
/// single one it is the part's own.
pub fn etag_of_parts(md5: [u8; 16], parts: usize) -> String {
    let joined = match parts {
        1 => Md5::digest(md5).into(),
        _ => md5,
    };
    format!("{}-{parts}", hex::encode(joined))
}

/// Whether the connection must end with this answer.
///
/// botocore (seen: 1.43) reuses a connection wrongly when a request with `Expect: 100-continue` was answered
/// without `100 Continue`: it takes the next answer on it for headers of this one. An upload of no bytes is
/// such a request, because there is nothing to read and so nothing to continue with.
pub fn must_close(request: &HeaderMap) -> bool {
    request.contains_key(EXPECT)
        && request
            .get(CONTENT_LENGTH)
            .is_none_or(|length| length == "0")
}

/// Says so in the answer.
pub fn close(response: &mut HeaderMap) {
    response.insert(CONNECTION, HeaderValue::from_static("close"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rclone_alone_sees_the_md5_of_parts() {
        let agent = |name: &'static str| {
            HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(name))])
        };
        let all = Accommodations { rclone_etags: true };
        assert!(all.shows_md5_of_parts(&agent("rclone/v1.75.2")));
        assert!(!all.shows_md5_of_parts(&agent("Boto3/1.44 rclone/1")));
        assert!(!all.shows_md5_of_parts(&HeaderMap::new()));
        let none = Accommodations {
            rclone_etags: false,
        };
        assert!(!none.shows_md5_of_parts(&agent("rclone/v1.75.2")));
        // MD5 of the 16 bytes of the MD5 of nothing, by coreutils.
        let of_nothing: [u8; 16] = Md5::digest(b"").into();
        assert_eq!(
            etag_of_parts(of_nothing, 1),
            "59adb24ef3cdbe0297f05b395827453f-1"
        );
        assert_eq!(
            etag_of_parts(of_nothing, 2),
            "d41d8cd98f00b204e9800998ecf8427e-2"
        );
    }

    #[test]
    fn only_an_expectation_of_nothing_ends_the_connection() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs
                .iter()
                .map(|(name, value)| {
                    (
                        http::HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect::<HeaderMap>()
        };
        assert!(must_close(&headers(&[
            ("expect", "100-continue"),
            ("content-length", "0")
        ])));
        assert!(!must_close(&headers(&[
            ("expect", "100-continue"),
            ("content-length", "5")
        ])));
        assert!(!must_close(&headers(&[("content-length", "0")])));
    }
}
