//! A multipart upload: its id, which carries all its state, and its completion. Knows no store and keeps nothing.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{BufMut as _, BytesMut};

use crate::envelope::{Envelope, Seed, Wrapped, Wrapping};
use crate::error::{Error, Result};
use crate::facts::{Facts, TrailerFacts};
use crate::fields::Fields;
use crate::footer::{Ending, Summary};
use crate::format::{UPLOAD_ID_PREFIX, VERSION, WRAPPED_LEN};
use crate::geometry::{self, Plain};
use crate::header::Kind;
use crate::id::{KeyId, ObjectId};
use crate::key::{Aux, Context, Dek, Kek};
use crate::manifest::Manifest;
use crate::metadata::Metadata;
use crate::part::{PartHeader, is_part_no};
use crate::part_sealer::PartSealer;
use crate::part_token::{self, PartToken};
use crate::random::{self, Random};
use crate::sealed_bytes::SealedBytes;
use crate::suite::{Secret, Suite, length_prefix, same};

/// Starts a multipart object: the envelope that the upstream's Create carries, and the upload awaiting its id.
///
/// # Errors
/// [`Error::Suite`] below the context's minimum, [`Error::MetadataTooLarge`], [`Error::Random`].
pub fn create_upload(
    suite: Suite,
    kek: &Kek,
    context: &Context,
    metadata: &Metadata,
    created_ms: u64,
    random: &dyn Random,
) -> Result<(Envelope, NewUpload)> {
    let object_id = ObjectId::draw(random)?;
    create_upload_as(object_id, suite, kek, context, metadata, created_ms, random)
}

/// The same with an id that was [drawn](ObjectId::draw) before, for this object only.
///
/// # Errors
/// As [`create_upload`].
pub fn create_upload_as(
    object_id: ObjectId,
    suite: Suite,
    kek: &Kek,
    context: &Context,
    metadata: &Metadata,
    created_ms: u64,
    random: &dyn Random,
) -> Result<(Envelope, NewUpload)> {
    context.admit(suite)?;
    let dek = Dek::generate(random)?;
    let seed = Seed {
        suite,
        kind: Kind::Multipart,
        object_id,
        created_ms,
        rebound: false,
    };
    let ctx_hash = context.hash(suite);
    let (envelope, mut wrapped) = seed.envelope(kek, ctx_hash, &dek, metadata, random)?;
    if envelope.own_key().is_some() {
        // Parts are sent without key management being asked for each: the id is in the client's hands only.
        wrapped =
            Wrapping::new(suite, ctx_hash, object_id, random)?.wrap(&kek.alone(), &dek, random)?;
    }
    let new = NewUpload {
        suite,
        object_id,
        id_key: kek.upload_mac(suite, &wrapped.salt)?,
        token_key: dek.part_token_mac(suite, object_id)?,
        dek,
        wrapped,
        ctx_hash,
        checksum: None,
    };
    Ok((envelope, new))
}

/// The checksum that a client chose for an upload in parts when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChecksumChoice {
    /// An algorithm id of the gateway's choosing, not 0.
    pub algorithm: u8,
    /// Whether it is taken of the parts' checksums, and not of the whole object.
    pub composite: bool,
}

/// An upload that the upstream has not named yet.
pub struct NewUpload {
    suite: Suite,
    object_id: ObjectId,
    dek: Dek,
    id_key: Secret,
    token_key: Secret,
    wrapped: Wrapped,
    ctx_hash: [u8; 32],
    checksum: Option<ChecksumChoice>,
}

impl NewUpload {
    /// The object's id.
    pub fn object_id(&self) -> ObjectId {
        self.object_id
    }

    /// Remembers the client's choice of a checksum.
    #[must_use]
    pub fn with_checksum(self, checksum: Option<ChecksumChoice>) -> Self {
        let checksum = checksum.filter(|chosen| chosen.algorithm != 0);
        Self { checksum, ..self }
    }

    /// Takes the upstream's upload id and makes the one the client gets.
    pub fn begin(self, upstream_id: &str) -> (UploadId, Upload) {
        let id = UploadId {
            suite: self.suite,
            wrapped: self.wrapped,
            object_id: self.object_id,
            checksum: self.checksum,
            upstream_id: upstream_id.to_owned(),
            mac: [0; 16],
        };
        let id = UploadId {
            mac: id.expected_mac(&self.id_key, &self.ctx_hash),
            ..id
        };
        let upload = Upload {
            suite: self.suite,
            object_id: self.object_id,
            dek: self.dek,
            token_key: self.token_key,
            checksum: self.checksum,
            upstream_id: upstream_id.to_owned(),
        };
        (id, upload)
    }
}

/// An upload id as a client sends it. Parsed is not authentic: only [`UploadId::verify`] says that.
#[derive(Clone)]
pub struct UploadId {
    suite: Suite,
    wrapped: Wrapped,
    object_id: ObjectId,
    checksum: Option<ChecksumChoice>,
    upstream_id: String,
    mac: [u8; 16],
}

impl UploadId {
    /// Parses the text, without any key.
    ///
    /// # Errors
    /// [`Error::Token`] if it is not one of ours, [`Error::Suite`] if it is one of an unknown suite.
    pub fn parse(text: &str) -> Result<Self> {
        let body = text.strip_prefix(UPLOAD_ID_PREFIX).ok_or(Error::Token)?;
        let (state, upstream_id) = body.split_once('.').ok_or(Error::Token)?;
        if upstream_id.is_empty() {
            return Err(Error::Token);
        }
        let raw = URL_SAFE_NO_PAD.decode(state).map_err(|_| Error::Token)?;
        let mut fields = Fields::new(&raw);
        fields.exactly(&[VERSION]).ok_or(Error::Token)?;
        let suite = Suite::from_id(fields.u8().ok_or(Error::Token)?)?;
        Self::parse_rest(suite, fields, upstream_id).ok_or(Error::Token)
    }

    /// The text for the client.
    pub fn encode(&self) -> String {
        let state = URL_SAFE_NO_PAD.encode([self.state().as_slice(), &self.mac].concat());
        format!("{UPLOAD_ID_PREFIX}{state}.{}", self.upstream_id)
    }

    /// Which KEK unwraps its data key.
    pub fn kek_id(&self) -> KeyId {
        self.wrapped.kek_id
    }

    /// The id of the object being uploaded.
    pub fn object_id(&self) -> ObjectId {
        self.object_id
    }

    /// The upstream's own upload id.
    pub fn upstream_id(&self) -> &str {
        &self.upstream_id
    }

    /// The checksum that the client chose when the upload began.
    pub fn checksum(&self) -> Option<ChecksumChoice> {
        self.checksum
    }

    /// Authenticates the id for this place and unwraps the data key.
    ///
    /// # Errors
    /// [`Error::Suite`] below the context's minimum, [`Error::KeyUnknown`] for another KEK than the id names, [`Error::Token`] if id, KEK and place do not belong
    /// together.
    pub fn verify(&self, kek: &Kek, context: &Context) -> Result<Upload> {
        let suite = self.suite;
        context.admit(suite)?;
        if self.wrapped.kek_id != kek.id() {
            return Err(Error::KeyUnknown);
        }
        let ctx_hash = context.hash(suite);
        let id_key = kek.upload_mac(suite, &self.wrapped.salt)?;
        if !same(&self.expected_mac(&id_key, &ctx_hash), &self.mac) {
            return Err(Error::Token);
        }
        let wrapping = Wrapping {
            suite,
            salt: self.wrapped.salt,
            ctx_hash,
            object_id: self.object_id,
        };
        let dek = wrapping.unwrap(kek, &self.wrapped.dek, Error::Token)?;
        Ok(Upload {
            suite,
            object_id: self.object_id,
            token_key: dek.part_token_mac(suite, self.object_id)?,
            dek,
            checksum: self.checksum,
            upstream_id: self.upstream_id.clone(),
        })
    }

    fn parse_rest(suite: Suite, mut fields: Fields<'_>, upstream_id: &str) -> Option<Self> {
        let (kek_id, object_id) = (KeyId(fields.array()?), ObjectId(fields.array()?));
        let (salt, dek) = (fields.array()?, fields.array::<WRAPPED_LEN>()?);
        let checksum = match (fields.u8()?, fields.u8()?) {
            (0, NO_CHECKSUM) => None,
            (0, _) => return None,
            (algorithm, OF_THE_OBJECT) => Some(ChecksumChoice {
                algorithm,
                composite: false,
            }),
            (algorithm, OF_THE_PARTS) => Some(ChecksumChoice {
                algorithm,
                composite: true,
            }),
            _ => return None,
        };
        let mac = fields.array()?;
        fields.end()?;
        let wrapped = Wrapped { kek_id, salt, dek };
        Some(Self {
            suite,
            wrapped,
            object_id,
            checksum,
            upstream_id: upstream_id.to_owned(),
            mac,
        })
    }

    fn state(&self) -> Vec<u8> {
        let mut raw = vec![VERSION, self.suite.id()];
        raw.put_slice(&self.wrapped.kek_id.0);
        raw.put_slice(&self.object_id.0);
        raw.put_slice(&self.wrapped.salt);
        raw.put_slice(&self.wrapped.dek);
        raw.put_slice(&match self.checksum {
            None => [0, NO_CHECKSUM],
            Some(chosen) if chosen.composite => [chosen.algorithm, OF_THE_PARTS],
            Some(chosen) => [chosen.algorithm, OF_THE_OBJECT],
        });
        raw
    }

    fn expected_mac(&self, key: &Secret, ctx_hash: &[u8; 32]) -> [u8; 16] {
        let upstream_id = self.upstream_id.as_bytes();
        let prefix = length_prefix(upstream_id.len());
        part_token::cut(
            self.suite
                .mac(key, &[&self.state(), ctx_hash, &prefix, upstream_id]),
        )
    }
}

/// An upload that is authentic, with its data key inside.
#[derive(Clone)]
pub struct Upload {
    pub(crate) suite: Suite,
    pub(crate) object_id: ObjectId,
    pub(crate) dek: Dek,
    /// Derived once, because every token of the upload needs it.
    pub(crate) token_key: Secret,
    checksum: Option<ChecksumChoice>,
    upstream_id: String,
}

impl Upload {
    /// The cipher suite.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The id of the object being uploaded.
    pub fn object_id(&self) -> ObjectId {
        self.object_id
    }

    /// The upstream's own upload id.
    pub fn upstream_id(&self) -> &str {
        &self.upstream_id
    }

    /// The checksum that the client chose when the upload began.
    pub fn checksum(&self) -> Option<ChecksumChoice> {
        self.checksum
    }

    /// Starts sealing one part of exactly `plain` bytes under a fresh salt.
    ///
    /// # Errors
    /// [`Error::PartNumber`] outside 1 to 10 000, [`Error::TooLarge`] above 5 GiB − 4 MiB, [`Error::Random`].
    pub fn part(&self, part_no: u16, plain: Plain, random: &Arc<dyn Random>) -> Result<PartSealer> {
        if !is_part_no(part_no) {
            return Err(Error::PartNumber);
        }
        if !geometry::fits_one_part(plain) {
            return Err(Error::TooLarge);
        }
        let salt = random::draw(random.as_ref())?;
        let header = PartHeader {
            suite: self.suite,
            part_no,
            plain,
            object_id: self.object_id,
            salt,
        };
        PartSealer::new(&header, &self.dek, random.clone())
    }

    /// Ends the object: what follows the last of these parts. `parts` are those the client lists, in its order.
    ///
    /// # Errors
    /// [`Error::NoParts`], [`Error::PartOrder`], [`Error::PartTooSmall`], [`Error::Checksum`] if there are not as many
    /// checksums as parts, [`Error::Random`].
    pub fn footer(
        &self,
        aux: &Aux,
        parts: &[PartToken],
        facts: &Facts,
        random: &dyn Random,
    ) -> Result<Footer> {
        let manifest = Manifest::new(parts.iter().map(PartToken::entry).collect())?;
        let (digest, crc64) = (self.digest(parts), combined_crc64(parts));
        let facts = TrailerFacts::new(digest, crc64, facts);
        let ending = Ending {
            suite: self.suite,
            object_id: self.object_id,
            dek: &self.dek,
            aux,
            manifest,
            facts,
        };
        let mut bytes = BytesMut::new();
        let summary = ending.write(random, &mut bytes)?;
        Ok(Footer {
            bytes: SealedBytes::new(bytes.freeze()),
            summary,
        })
    }

    fn digest(&self, parts: &[PartToken]) -> [u8; 32] {
        if let [only] = parts {
            return only.pt_digest();
        }
        let mut digest = self.suite.digest();
        for part in parts {
            digest.update(&part.plain().0.to_be_bytes());
            digest.update(&part.pt_digest());
        }
        digest.finish()
    }
}

/// What follows the last part of a multipart object.
#[derive(Debug, Clone)]
pub struct Footer {
    /// Padding, manifest and trailer; at most 1 440 368 bytes.
    pub bytes: SealedBytes,
    /// What the whole object then is.
    pub summary: Summary,
}

impl std::fmt::Debug for NewUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUpload")
            .field("object_id", &self.object_id)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for UploadId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UploadId")
            .field("object_id", &self.object_id)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload")
            .field("object_id", &self.object_id)
            .finish_non_exhaustive()
    }
}

/// The CRC of the whole plaintext: CRCs are linear, so the parts' own are enough.
fn combined_crc64(parts: &[PartToken]) -> u64 {
    let algorithm = crc_fast::CrcAlgorithm::Crc64Nvme;
    parts.iter().fold(0, |crc, part| {
        crc_fast::checksum_combine(algorithm, crc, part.crc64(), part.plain().0)
    })
}

const NO_CHECKSUM: u8 = 0;
const OF_THE_OBJECT: u8 = 1;
const OF_THE_PARTS: u8 = 2;
