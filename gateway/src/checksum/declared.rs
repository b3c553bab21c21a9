//! What the headers of a request promise about the checksum of its body. It must not see the body.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue};

use super::algorithm::{Algorithm, HEADER_PREFIX, Value};
use super::error::ChecksumError;

/// The one checksum a client promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declared {
    /// None.
    Nothing,
    /// This value, from an `x-amz-checksum-*` header.
    Value(Value),
    /// A value that comes in the trailer of the body, as `x-amz-trailer` says.
    Trailer(Algorithm),
    /// No value: only `x-amz-sdk-checksum-algorithm` names what the client would like. S3 refuses
    /// this for uploads; here it is calculated and not compared.
    AlgorithmOnly(Algorithm),
}

impl Declared {
    /// Reads `x-amz-checksum-*`, `x-amz-trailer` and `x-amz-sdk-checksum-algorithm`, which may name
    /// one algorithm between them. Checksums in the query of a presigned URL are not read: some
    /// SDKs bake the checksum of an empty body into it.
    ///
    /// Fails with `InvalidRequest` when they name two or a value is malformed, `NotSupportedYet`
    /// for an algorithm we do not have.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, ChecksumError> {
        let mut declared = Self::Nothing;
        for (name, value) in headers {
            if let Some(header) = name.as_str().strip_prefix(HEADER_PREFIX)
                && !ABOUT_CHECKSUMS.contains(&header)
            {
                let algorithm = Algorithm::from_header_name(name.as_str())?;
                declared =
                    declared.or_one_more(Self::Value(Value::parse(algorithm, text(value)?)?))?;
            }
        }
        for value in headers.get_all("x-amz-trailer") {
            declared = declared.or_one_more(Self::Trailer(Algorithm::from_header_name(
                text(value)?.trim(),
            )?))?;
        }
        for value in headers.get_all("x-amz-sdk-checksum-algorithm") {
            let named = Algorithm::from_name(text(value)?)?;
            declared = match declared.algorithm() {
                None => Self::AlgorithmOnly(named),
                Some(algorithm) if algorithm == named => declared,
                Some(_) => {
                    return Err(invalid(
                        "Value for x-amz-sdk-checksum-algorithm header is invalid: the checksum \
                            is of another algorithm",
                    ));
                }
            };
        }
        Ok(declared)
    }

    /// The algorithm promised, if any.
    pub fn algorithm(&self) -> Option<Algorithm> {
        match self {
            Self::Nothing => None,
            Self::Value(value) => Some(value.algorithm()),
            Self::Trailer(algorithm) | Self::AlgorithmOnly(algorithm) => Some(*algorithm),
        }
    }

    fn or_one_more(self, other: Self) -> Result<Self, ChecksumError> {
        match self {
            Self::Nothing => Ok(other),
            _ => Err(invalid(
                "Expecting a single x-amz-checksum- header. Multiple checksum types are not allowed",
            )),
        }
    }
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
        let cases: [(&[_], _); 6] = [
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
            (
                &[("x-amz-sdk-checksum-algorithm", "CRC64NVME")],
                Declared::AlgorithmOnly(Algorithm::Crc64Nvme),
            ),
        ];
        for (pairs, expected) in cases {
            assert_eq!(declared(pairs), Ok(expected), "{pairs:?}");
        }
    }

    #[test]
    fn two_promises_and_malformed_ones_are_refused() {
        let cases: [&[_]; 8] = [
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
        ];
        for pairs in cases {
            let outcome = declared(pairs);
            let refused = matches!(
                outcome,
                Err(ChecksumError::InvalidRequest { .. } | ChecksumError::NotSupportedYet { .. })
            );
            assert!(refused, "{pairs:?} {outcome:?}");
        }
        let later = declared(&[("x-amz-checksum-xxhash3", "AAAAAAAAAAA=")]);
        assert_eq!(
            later,
            Err(ChecksumError::NotSupportedYet {
                name: "x-amz-checksum-xxhash3".to_owned()
            })
        );
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
