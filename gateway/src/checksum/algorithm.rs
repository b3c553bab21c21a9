//! The checksum algorithms of S3: names, sizes, and what S3 lets each be used for. It must not know requests.

use super::error::ChecksumError;

/// An algorithm a client may choose (`ChecksumAlgorithm` of the service model).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// CRC-32 as in ISO HDLC, Ethernet and zip.
    Crc32,
    /// CRC-32C (Castagnoli), as in iSCSI.
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// MD5, as a checksum of its own beside `Content-MD5`.
    Md5,
    /// XXH64 with seed 0.
    XxHash64,
    /// XXH3 of 64 bits with seed 0.
    XxHash3,
    /// XXH3 of 128 bits with seed 0.
    XxHash128,
}

/// What the checksum of an object uploaded in parts is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChecksumType {
    /// Of the object's bytes.
    FullObject,
    /// Of the parts' checksums.
    Composite,
}

/// One line of the table of algorithms.
struct Traits {
    name: &'static str,
    header: &'static str,
    element: &'static str,
    id: u8,
    length: usize,
}

impl Algorithm {
    /// All of them, by id.
    pub const ALL: [Self; 10] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Md5,
        Self::XxHash64,
        Self::XxHash3,
        Self::XxHash128,
    ];

    fn traits(self) -> Traits {
        let traits = |name, header, element, id, length| Traits {
            name,
            header,
            element,
            id,
            length,
        };
        match self {
            Self::Crc32 => traits("CRC32", "x-amz-checksum-crc32", "ChecksumCRC32", 1, 4),
            Self::Crc32c => traits("CRC32C", "x-amz-checksum-crc32c", "ChecksumCRC32C", 2, 4),
            Self::Crc64Nvme => traits(
                "CRC64NVME",
                "x-amz-checksum-crc64nvme",
                "ChecksumCRC64NVME",
                3,
                8,
            ),
            Self::Sha1 => traits("SHA1", "x-amz-checksum-sha1", "ChecksumSHA1", 4, 20),
            Self::Sha256 => traits("SHA256", "x-amz-checksum-sha256", "ChecksumSHA256", 5, 32),
            Self::Sha512 => traits("SHA512", "x-amz-checksum-sha512", "ChecksumSHA512", 6, 64),
            Self::Md5 => traits("MD5", "x-amz-checksum-md5", "ChecksumMD5", 7, 16),
            Self::XxHash64 => traits(
                "XXHASH64",
                "x-amz-checksum-xxhash64",
                "ChecksumXXHASH64",
                8,
                8,
            ),
            Self::XxHash3 => traits("XXHASH3", "x-amz-checksum-xxhash3", "ChecksumXXHASH3", 9, 8),
            Self::XxHash128 => traits(
                "XXHASH128",
                "x-amz-checksum-xxhash128",
                "ChecksumXXHASH128",
                10,
                16,
            ),
        }
    }

    /// S3's name, as in `x-amz-sdk-checksum-algorithm`.
    pub fn name(self) -> &'static str {
        self.traits().name
    }

    /// The header that carries the value, in lower case.
    pub fn header_name(self) -> &'static str {
        self.traits().header
    }

    /// The XML element that carries the value.
    pub fn element_name(self) -> &'static str {
        self.traits().element
    }

    /// The byte that stands for the algorithm in stored objects: it never changes meaning. Zero means none.
    pub fn id(self) -> u8 {
        self.traits().id
    }

    /// Bytes of a value.
    pub fn length(self) -> usize {
        self.traits().length
    }

    /// The algorithm a stored byte stands for.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.id() == id)
    }

    /// The algorithm whose value an XML element carries.
    pub fn from_element_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.element_name() == name)
    }

    /// Reads S3's name in any case. Fails with `InvalidRequest`.
    pub fn from_name(name: &str) -> Result<Self, ChecksumError> {
        let known = Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name));
        known.ok_or_else(|| ChecksumError::InvalidRequest {
            problem: format!(
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [{}]",
                Self::ALL.map(Self::name).join(", ")
            ),
        })
    }

    /// The algorithm whose value a header carries, its name in any case.
    pub fn from_header_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.header_name().eq_ignore_ascii_case(name))
    }

    /// Whether an object uploaded in parts may have a checksum of this type. S3's rule: of the whole object
    /// only what can be put together from the parts' values, and CRC64NVME never otherwise.
    pub fn allows(self, kind: ChecksumType) -> bool {
        match (self, kind) {
            (Self::Crc32 | Self::Crc32c, _) | (Self::Crc64Nvme, ChecksumType::FullObject) => true,
            (Self::Crc64Nvme, ChecksumType::Composite) => false,
            (_, kind) => kind == ChecksumType::Composite,
        }
    }

    /// The type S3 gives an upload in parts that names none.
    pub fn default_type(self) -> ChecksumType {
        match self {
            Self::Crc64Nvme => ChecksumType::FullObject,
            _ => ChecksumType::Composite,
        }
    }
}

impl ChecksumType {
    /// S3's name, as in `x-amz-checksum-type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }

    /// Reads S3's name. Fails with `InvalidRequest`.
    pub fn from_name(name: &str) -> Result<Self, ChecksumError> {
        [Self::FullObject, Self::Composite]
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| ChecksumError::InvalidRequest {
                problem: "Value for x-amz-checksum-type header is invalid".to_owned(),
            })
    }
}

/// Every header that carries a checksum's value begins so.
pub(super) const HEADER_PREFIX: &str = "x-amz-checksum-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_headers_elements_and_ids_go_both_ways() {
        for (index, algorithm) in Algorithm::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(algorithm.id()), index + 1);
            assert_eq!(Algorithm::from_id(algorithm.id()), Some(algorithm));
            assert_eq!(
                Algorithm::from_name(&algorithm.name().to_lowercase()),
                Ok(algorithm)
            );
            assert_eq!(
                Algorithm::from_header_name(&algorithm.header_name().to_uppercase()),
                Some(algorithm)
            );
            assert_eq!(
                Algorithm::from_element_name(algorithm.element_name()),
                Some(algorithm)
            );
            let expected = format!("{HEADER_PREFIX}{}", algorithm.name().to_lowercase());
            assert_eq!(algorithm.header_name(), expected);
            let expected = format!("Checksum{}", algorithm.name());
            assert_eq!(algorithm.element_name(), expected);
            assert!(algorithm.allows(algorithm.default_type()));
        }
        assert_eq!(Algorithm::from_id(0), None);
        assert_eq!(Algorithm::from_id(11), None);
    }

    #[test]
    fn unknown_names_are_refused() {
        assert!(matches!(
            Algorithm::from_name("CRC33"),
            Err(ChecksumError::InvalidRequest { .. })
        ));
        assert_eq!(Algorithm::from_header_name("x-amz-acl"), None);
        assert!(ChecksumType::from_name("PARTIAL").is_err());
    }
}
