//! Whether a body keeps what its request promised, checked while it streams by. It must not keep
//! bytes.

use md5::Md5;
use sha2::{Digest, Sha256};

use super::algorithm::Algorithm;
use super::declared::{ContentMd5, Declared};
use super::error::ChecksumError;
use super::value::{Checksum, Value};

/// Takes the bytes of a body, after any chunked framing is off, and says at the end whether every
/// promise was kept.
#[derive(Debug)]
pub struct Verifier {
    declared: Declared,
    content_md5: Option<ContentMd5>,
    content_sha256: Option<[u8; 32]>,
    checksum: Option<Checksum>,
    md5: Option<Md5>,
    sha256: Option<Sha256>,
}

/// What is known of a body that kept its promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The checksum the client chose, now known to be right, or the one calculated on demand.
    pub checksum: Option<Value>,
    /// The MD5, when the client sent it.
    pub md5: Option<[u8; 16]>,
}

impl Verifier {
    /// Checks what is given: the checksum of the headers or the trailer, `Content-MD5`, and the
    /// SHA-256 the request's signature covers.
    pub fn new(
        declared: Declared,
        content_md5: Option<ContentMd5>,
        content_sha256: Option<[u8; 32]>,
    ) -> Self {
        let algorithm = declared.algorithm();
        // One pass is enough for clients that send the SHA-256 both ways.
        let sha256 = content_sha256
            .filter(|_| algorithm != Some(Algorithm::Sha256))
            .map(|_| Sha256::new());
        Self {
            declared,
            content_md5,
            content_sha256,
            checksum: algorithm.map(Checksum::new),
            md5: content_md5.map(|_| Md5::new()),
            sha256,
        }
    }

    /// The algorithm of the checksum that the client promises.
    pub fn promised(&self) -> Option<Algorithm> {
        self.declared.algorithm()
    }

    /// Calculates this checksum where the client promised none.
    #[must_use]
    pub fn calculating(mut self, algorithm: Algorithm) -> Self {
        self.checksum
            .get_or_insert_with(|| Checksum::new(algorithm));
        self
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(bytes);
        }
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
    }

    /// Compares, after the last byte. `trailer` is the name and value of the header after the body,
    /// if one came.
    ///
    /// Fails with `XAmzContentSHA256Mismatch`, `BadDigest` or `BadContentMd5` for a promise that
    /// was not kept, `MalformedTrailer` for a trailer that is missing or not the one promised,
    /// `InvalidRequest` for one whose value is malformed.
    pub fn finish(self, trailer: Option<(&str, &str)>) -> Result<Proven, ChecksumError> {
        let checksum = self.checksum.map(Checksum::finish);
        if let Some(expected) = self.content_sha256 {
            let separate = self.sha256.map(|sha256| sha256.finalize().to_vec());
            let actual = separate
                .as_deref()
                .or(checksum.as_ref().map(Value::as_bytes));
            if actual != Some(&expected) {
                return Err(ChecksumError::XAmzContentSHA256Mismatch);
            }
        }
        let expected = expected_value(self.declared, trailer)?;
        if let (Some(expected), Some(actual)) = (&expected, &checksum)
            && expected != actual
        {
            return Err(ChecksumError::BadDigest {
                algorithm: expected.algorithm(),
            });
        }
        let md5: Option<[u8; 16]> = self.md5.map(|md5| md5.finalize().into());
        if md5 != self.content_md5.map(|expected| expected.0) {
            return Err(ChecksumError::BadContentMd5);
        }
        Ok(Proven { checksum, md5 })
    }
}

/// The value to compare with, now that the trailer is here.
fn expected_value(
    declared: Declared,
    trailer: Option<(&str, &str)>,
) -> Result<Option<Value>, ChecksumError> {
    match (declared, trailer) {
        (Declared::Trailer(algorithm), Some((name, text)))
            if name.eq_ignore_ascii_case(algorithm.header_name()) =>
        {
            Value::parse(algorithm, text, "trailing header").map(Some)
        }
        (Declared::Trailer(algorithm), _) => Err(ChecksumError::MalformedTrailer {
            problem: format!(
                "The trailer {} that x-amz-trailer announces did not come",
                algorithm.header_name()
            ),
        }),
        (_, Some((name, _))) => Err(ChecksumError::MalformedTrailer {
            problem: format!("The trailer {name} came and was not announced"),
        }),
        (Declared::Value(value), None) => Ok(Some(value)),
        (Declared::Nothing, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Calculated by Python's zlib and hashlib over b"hello world".
    const CRC32: &str = "DUoRhQ==";
    const SHA256: &str = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
    const MD5: &str = "5eb63bbbe01eeed093cb22bb8f5acdc3";

    fn finish(
        mut verifier: Verifier,
        data: &[u8],
        trailer: Option<(&str, &str)>,
    ) -> Result<Proven, ChecksumError> {
        data.chunks(4).for_each(|piece| verifier.update(piece));
        verifier.finish(trailer)
    }

    fn crc32() -> Declared {
        Declared::Value(Value::parse(Algorithm::Crc32, CRC32, "header").unwrap())
    }

    fn sha256() -> [u8; 32] {
        hex::decode(SHA256).unwrap().try_into().unwrap()
    }

    fn md5() -> ContentMd5 {
        ContentMd5(hex::decode(MD5).unwrap().try_into().unwrap())
    }

    #[test]
    fn kept_promises_are_proven() {
        let proven = finish(
            Verifier::new(crc32(), Some(md5()), Some(sha256())),
            b"hello world",
            None,
        )
        .unwrap();
        assert_eq!(proven.checksum.unwrap().to_string(), CRC32);
        assert_eq!(proven.md5, Some(md5().0));
        let trailer = Some(("X-Amz-Checksum-CRC32", CRC32));
        finish(
            Verifier::new(Declared::Trailer(Algorithm::Crc32), None, None),
            b"hello world",
            trailer,
        )
        .unwrap();
        let only = finish(
            Verifier::new(Declared::Nothing, None, None).calculating(Algorithm::Crc32),
            b"hello world",
            None,
        )
        .unwrap();
        assert_eq!(only.checksum.unwrap().to_string(), CRC32);
        let nothing = finish(
            Verifier::new(Declared::Nothing, None, None),
            b"hello world",
            None,
        )
        .unwrap();
        assert_eq!(
            nothing,
            Proven {
                checksum: None,
                md5: None
            }
        );
    }

    #[test]
    fn broken_promises_are_named() {
        let other = b"hello_world";
        let bad = finish(Verifier::new(crc32(), None, None), other, None);
        assert_eq!(
            bad,
            Err(ChecksumError::BadDigest {
                algorithm: Algorithm::Crc32
            })
        );
        let bad = finish(
            Verifier::new(Declared::Nothing, Some(md5()), None),
            other,
            None,
        );
        assert_eq!(bad, Err(ChecksumError::BadContentMd5));
        let bad = finish(
            Verifier::new(Declared::Nothing, None, Some(sha256())),
            other,
            None,
        );
        assert_eq!(bad, Err(ChecksumError::XAmzContentSHA256Mismatch));
        let trailer = Some(("x-amz-checksum-crc32", CRC32));
        let bad = finish(
            Verifier::new(Declared::Trailer(Algorithm::Crc32), None, None),
            other,
            trailer,
        );
        assert_eq!(
            bad,
            Err(ChecksumError::BadDigest {
                algorithm: Algorithm::Crc32
            })
        );
    }

    #[test]
    fn one_pass_serves_both_promises_of_sha256() {
        let declared =
            || Declared::Value(Value::new(Algorithm::Sha256, sha256().to_vec()).unwrap());
        finish(
            Verifier::new(declared(), None, Some(sha256())),
            b"hello world",
            None,
        )
        .unwrap();
        let bad = finish(
            Verifier::new(declared(), None, Some(sha256())),
            b"hello_world",
            None,
        );
        assert_eq!(bad, Err(ChecksumError::XAmzContentSHA256Mismatch));
        let bad = finish(
            Verifier::new(declared(), None, Some([0; 32])),
            b"hello world",
            None,
        );
        assert_eq!(bad, Err(ChecksumError::XAmzContentSHA256Mismatch));
    }

    #[test]
    fn trailers_must_come_as_announced() {
        let announced = || Verifier::new(Declared::Trailer(Algorithm::Crc32), None, None);
        for trailer in [None, Some(("x-amz-checksum-crc32c", CRC32))] {
            let outcome = finish(announced(), b"hello world", trailer);
            assert!(
                matches!(outcome, Err(ChecksumError::MalformedTrailer { .. })),
                "{outcome:?}"
            );
        }
        let trailer = Some(("x-amz-checksum-crc32", "AAAA"));
        let outcome = finish(announced(), b"hello world", trailer);
        assert!(matches!(outcome, Err(ChecksumError::InvalidRequest { .. })));
        let outcome = finish(
            Verifier::new(crc32(), None, None),
            b"hello world",
            Some(("x-amz-checksum-crc32", CRC32)),
        );
        assert!(matches!(
            outcome,
            Err(ChecksumError::MalformedTrailer { .. })
        ));
    }
}
