//! What the headers of a request promise about the checksum of its body. It must not see the body.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue};

use super::algorithm::{Algorithm, HEADER_PREFIX};
use super::error::ChecksumError;
use super::value::Value;

/// The one checksum a client promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declared {
    /// None.
    Nothing,
    /// This value, from an `x-amz-checksum-*` header.
    Value(Value),
    /// A value that comes in the trailer of the body, as `x-amz-trailer` says.
    Trailer(Algorithm),
}

impl Declared {
    /// Reads `x-amz-checksum-*`, `x-amz-trailer` and `x-amz-sdk-checksum-algorithm`, which may name
    /// one algorithm between them.
    ///
    /// Fails with `InvalidRequest` when they name two, when the last stands alone, or when a value is
    /// malformed; with `BadDigest` as [`Value::parse`].
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, ChecksumError> {
        let mut declared = match one_value(headers)? {
            Some((algorithm, value)) => Self::Value(Value::parse(algorithm, value, "header")?),
            None => Self::Nothing,
        };
        for value in headers.get_all("x-amz-trailer") {
            let announced = Algorithm::from_header_name(text(value)?.trim()).ok_or_else(|| {
                invalid("The value specified in the x-amz-trailer header is not supported")
            })?;
            if declared != Self::Nothing {
                return Err(two_values());
            }
            declared = Self::Trailer(announced);
        }
        for value in headers.get_all("x-amz-sdk-checksum-algorithm") {
            let named = Algorithm::from_name(text(value)?)?;
            match declared.algorithm() {
                Some(algorithm) if algorithm == named => {}
                Some(_) => {
                    return Err(invalid(
                        "Value for x-amz-sdk-checksum-algorithm header is invalid",
                    ));
                }
                None => {
                    return Err(invalid(
                        "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* \
                         or x-amz-trailer headers were found",
                    ));
                }
            }
        }
        Ok(declared)
    }

    /// The algorithm promised, if any.
    pub fn algorithm(&self) -> Option<Algorithm> {
        match self {
            Self::Nothing => None,
            Self::Value(value) => Some(value.algorithm()),
            Self::Trailer(algorithm) => Some(*algorithm),
        }
    }
}

/// What the headers of `CompleteMultipartUpload` state about the object: a value as text, because a
/// composite one ends in its number of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredOfObject {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The text of the value.
    pub value: String,
}

impl DeclaredOfObject {
    /// Reads the one `x-amz-checksum-*` header with a value; `InvalidRequest` if there are two.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, ChecksumError> {
        let stated = one_value(headers)?;
        Ok(stated.map(|(algorithm, value)| Self {
            algorithm,
            value: value.to_owned(),
        }))
    }
}

/// The one header that carries a value.
fn one_value(headers: &HeaderMap) -> Result<Option<(Algorithm, &str)>, ChecksumError> {
    let mut found = None;
    for (name, value) in headers {
        let about = name.as_str().strip_prefix(HEADER_PREFIX);
        if about.is_none_or(|about| ABOUT_CHECKSUMS.contains(&about)) {
            continue;
        }
        let algorithm = Algorithm::from_header_name(name.as_str()).ok_or_else(|| {
            invalid("The algorithm type you specified in x-amz-checksum- header is invalid")
        })?;
        if found.replace((algorithm, text(value)?.trim())).is_some() {
            return Err(two_values());
        }
    }
    Ok(found)
}

fn two_values() -> ChecksumError {
    invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed")
}

/// The value of a `Content-MD5` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentMd5(pub [u8; 16]);

impl ContentMd5 {
    /// Reads the header, if it is there; fails with `InvalidDigest` unless it is the base64 text of
    /// 16 bytes.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, ChecksumError> {
        let mut values = headers.get_all("content-md5").iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let bytes = BASE64_STANDARD
            .decode(value.as_bytes())
            .ok()
            .filter(|_| values.next().is_none());
        let md5 = bytes
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(ChecksumError::InvalidDigest)?;
        Ok(Some(Self(md5)))
    }
}

fn text(value: &HeaderValue) -> Result<&str, ChecksumError> {
    value
        .to_str()
        .map_err(|_| invalid("A checksum header is not plain ASCII"))
}

fn invalid(problem: &str) -> ChecksumError {
    ChecksumError::InvalidRequest {
        problem: problem.to_owned(),
    }
}

/// Headers with the same prefix that carry no value.
const ABOUT_CHECKSUMS: [&str; 3] = ["algorithm", "mode", "type"];

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn declared(pairs: &[(&'static str, &'static str)]) -> Result<Declared, ChecksumError> {
        Declared::from_headers(&headers(pairs))
    }

    #[test]
    fn each_way_to_promise_is_understood() {
        let value = Value::new(Algorithm::Crc32, vec![0; 4]).unwrap();
        let cases: [(&[_], _); 5] = [
            (
                &[
                    ("x-amz-checksum-mode", "ENABLED"),
                    ("x-amz-checksum-type", "FULL_OBJECT"),
                ],
                Declared::Nothing,
            ),
            (&[("x-amz-checksum-algorithm", "CRC32")], Declared::Nothing),
            (
                &[("x-amz-checksum-crc32", "AAAAAA==")],
                Declared::Value(value.clone()),
            ),
            (
                &[
                    ("x-amz-checksum-crc32", "AAAAAA=="),
                    ("x-amz-sdk-checksum-algorithm", "crc32"),
                ],
                Declared::Value(value),
            ),
            (
                &[
                    ("x-amz-trailer", "x-amz-checksum-sha1"),
                    ("x-amz-sdk-checksum-algorithm", "SHA1"),
                ],
                Declared::Trailer(Algorithm::Sha1),
            ),
        ];
        for (pairs, expected) in cases {
            assert_eq!(declared(pairs), Ok(expected), "{pairs:?}");
        }
    }

    #[test]
    fn two_promises_and_malformed_ones_are_refused() {
        let cases: [&[_]; 10] = [
            &[
                ("x-amz-checksum-crc32", "AAAAAA=="),
                ("x-amz-checksum-crc32c", "AAAAAA=="),
            ],
            &[
                ("x-amz-checksum-crc32", "AAAAAA=="),
                ("x-amz-checksum-crc32", "AAAAAA=="),
            ],
            &[
                ("x-amz-checksum-crc32", "AAAAAA=="),
                ("x-amz-trailer", "x-amz-checksum-crc32"),
            ],
            &[
                ("x-amz-checksum-crc32", "AAAAAA=="),
                ("x-amz-sdk-checksum-algorithm", "CRC32C"),
            ],
            &[("x-amz-checksum-crc32", "AAAA")],
            &[("x-amz-trailer", "x-amz-meta-a")],
            &[("x-amz-trailer", "x-amz-checksum-crc32,x-amz-checksum-sha1")],
            &[("x-amz-sdk-checksum-algorithm", "CRC31")],
            &[("x-amz-sdk-checksum-algorithm", "CRC32")],
            &[("x-amz-checksum-crc33", "AAAAAA==")],
        ];
        for pairs in cases {
            let outcome = declared(pairs);
            let refused = matches!(outcome, Err(ChecksumError::InvalidRequest { .. }));
            assert!(refused, "{pairs:?} {outcome:?}");
        }
    }

    #[test]
    fn of_an_object_the_text_is_kept() {
        let pairs = [
            ("x-amz-checksum-type", "COMPOSITE"),
            ("x-amz-checksum-sha256", "AAAA-3"),
        ];
        let stated = DeclaredOfObject::from_headers(&headers(&pairs)).unwrap();
        let expected = DeclaredOfObject {
            algorithm: Algorithm::Sha256,
            value: "AAAA-3".to_owned(),
        };
        assert_eq!(stated, Some(expected));
    }

    #[test]
    fn content_md5_is_sixteen_bytes_or_invalid() {
        // RFC 1864's own example.
        let md5 =
            ContentMd5::from_headers(&headers(&[("content-md5", "Q2hlY2sgSW50ZWdyaXR5IQ==")]));
        assert_eq!(md5, Ok(Some(ContentMd5(*b"Check Integrity!"))));
        assert_eq!(ContentMd5::from_headers(&HeaderMap::new()), Ok(None));
        for text in [
            "",
            "Q2hlY2sgSW50ZWdyaXR5",
            "not base64",
            "Q2hlY2sgSW50ZWdyaXR5IQ",
        ] {
            let md5 = ContentMd5::from_headers(&headers(&[("content-md5", text)]));
            assert_eq!(md5, Err(ChecksumError::InvalidDigest), "{text}");
        }
    }
}
