//! Everything that can go wrong with a sealed object, one variant per row of the failure table. Knows no HTTP status.

/// Why sealing or opening was refused. Says only this level; nothing here carries bytes of an object or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No header, a garbled one, or a stored size that no plaintext has.
    #[error("this is not a sealed object")]
    NotSealed,
    /// The suite id is unknown to this build, below the place's minimum, or differs between the pieces of one object.
    #[error("the object's cipher suite is not accepted")]
    Suite,
    /// The key that was given is not the one the object names.
    #[error("the object names another key")]
    KeyUnknown,
    /// The header or the sealed metadata does not authenticate under this key, tenant, bucket and object key.
    #[error("the object's header does not belong to this key and place")]
    Context,
    /// The data key is not the one the header or the trailer committed to.
    #[error("the data key is not the one committed to")]
    Commit,
    /// The stored length is not the length of this object.
    #[error("the stored length is not the sealed object's")]
    Size,
    /// A part header is malformed or belongs elsewhere.
    #[error("a part header does not belong here")]
    Part,
    /// A frame failed authentication.
    #[error("frame {index} of part {part_no} does not authenticate")]
    Frame {
        /// Number of the part, 1 to 10 000.
        part_no: u16,
        /// Index of the frame in its part, from 0.
        index: u32,
    },
    /// The trailer is malformed or does not authenticate.
    #[error("the trailer does not authenticate")]
    Trailer,
    /// The manifest contradicts the trailer or the parts that were read.
    #[error("the manifest does not describe the parts")]
    Manifest,
    /// The padding is not zero or not of the canonical length.
    #[error("the padding is not canonical")]
    Pad,
    /// An upload id or part token was not made by us for this upload.
    #[error("the upload id or part token is not ours")]
    Token,
    /// A part was named by something that pins no part instance, such as a bare upstream `ETag`.
    #[error("the part is not named by its token")]
    Unpinned,
    /// Parts are not listed in strictly ascending order.
    #[error("the parts are not in ascending order")]
    PartOrder,
    /// A part other than the last is below 5 MiB of plaintext.
    #[error("a part other than the last is too small")]
    PartTooSmall,
    /// An object or part is above the largest single upload.
    #[error("the object or part is too large")]
    TooLarge,
    /// A part number outside 1 to 10 000.
    #[error("the part number is out of range")]
    PartNumber,
    /// Complete without a single part.
    #[error("no parts were listed")]
    NoParts,
    /// The sealed metadata would be larger than this format allows.
    #[error("the metadata is too large")]
    MetadataTooLarge,
    /// A client checksum that is empty or longer than 64 bytes.
    #[error("the checksum has an impossible length")]
    Checksum,
    /// Fewer or more bytes arrived than were announced.
    #[error("the body is not as long as announced")]
    Length,
    /// A range that is empty or reaches past the end.
    #[error("the range is not within the object")]
    Range,
    /// The source of randomness failed.
    #[error("no randomness is available")]
    Random,
    /// The cryptographic module refused to work, as it does without memory or in its error state.
    #[error("the cryptographic module failed")]
    Module,
}

impl Error {
    /// The stable code of the failure table, or the S3 code where the failure is S3 semantics on plaintext sizes.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotSealed => "E_NOT_SEALED",
            Self::Suite => "E_SUITE",
            Self::KeyUnknown => "E_KEK_UNKNOWN",
            Self::Context => "E_CONTEXT",
            Self::Commit => "E_COMMIT",
            Self::Size => "E_SIZE",
            Self::Part => "E_PART",
            Self::Frame { .. } => "E_FRAME",
            Self::Trailer => "E_TRAILER",
            Self::Manifest => "E_MANIFEST",
            Self::Pad => "E_PAD",
            Self::Token => "E_TOKEN",
            Self::Unpinned => "E_UNPINNED",
            Self::PartOrder => "InvalidPartOrder",
            Self::PartTooSmall => "EntityTooSmall",
            Self::TooLarge => "EntityTooLarge",
            Self::PartNumber => "InvalidArgument",
            Self::NoParts => "MalformedXML",
            Self::MetadataTooLarge => "MetadataTooLarge",
            Self::Checksum => "InvalidRequest",
            Self::Length => "IncompleteBody",
            Self::Range => "InvalidRange",
            Self::Random | Self::Module => "InternalError",
        }
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
