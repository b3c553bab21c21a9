//! The envelope: header, sealed metadata and the object's own wrapped key as one; made by sealing, opened before anything of the body is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::chunk::ChunkKey;
use crate::error::{Error, Result};
use crate::format::{METADATA_AAD, OWN_KEY_LIMIT, SEALED_METADATA_LIMIT, WRAP_AAD, WRAPPED_LEN};
use crate::header::{Header, Kind};
use crate::id::{KeyId, ObjectId};
use crate::key::{Context, Dek, Kek};
use crate::metadata::Metadata;
use crate::random::{self, Random};
use crate::suite::{Suite, same};

/// Header and sealed metadata as they are stored, and the object's own key, wrapped, if it has one.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    header: Header,
    sealed_metadata: Vec<u8>,
    own_key: Vec<u8>,
}

impl Envelope {
    /// Parses the values of `x-amz-meta-sof-h`, `x-amz-meta-sof-m` and `x-amz-meta-sof-k`, without any key.
    ///
    /// # Errors
    /// [`Error::NotSealed`] and [`Error::Suite`] as [`Header::parse`]; [`Error::Context`] when one of the others
    /// is garbled, or present against what the header says, or the other way round.
    pub fn parse(sof_h: &str, sof_m: Option<&str>, sof_k: Option<&str>) -> Result<Self> {
        let header = Header::parse(sof_h)?;
        let beside = |is_said: bool, text: Option<&str>, limit: usize| {
            let text = match text {
                Some(text) if is_said && text.len() <= limit => text,
                None if !is_said => "",
                _ => return Err(Error::Context),
            };
            URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Context)
        };
        Ok(Self {
            sealed_metadata: beside(header.has_metadata, sof_m, SEALED_METADATA_LIMIT)?,
            own_key: beside(header.has_own_key, sof_k, OWN_KEY_LIMIT)?,
            header,
        })
    }

    /// The header, not yet authenticated.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The value of `x-amz-meta-sof-h`: 256 characters.
    pub fn sof_h(&self) -> String {
        self.header.encode()
    }

    /// The value of `x-amz-meta-sof-m`, if there is any metadata.
    pub fn sof_m(&self) -> Option<String> {
        self.header
            .has_metadata
            .then(|| URL_SAFE_NO_PAD.encode(&self.sealed_metadata))
    }

    /// The value of `x-amz-meta-sof-k`, if the object has a key of its own.
    pub fn sof_k(&self) -> Option<String> {
        self.own_key().map(|own| URL_SAFE_NO_PAD.encode(own))
    }

    /// The object's own key as key management wrapped it. Authentic only after [`Envelope::authenticate`].
    pub fn own_key(&self) -> Option<&[u8]> {
        self.header.has_own_key.then_some(self.own_key.as_slice())
    }

    /// Authenticates the envelope for this place. It needs no key of the object's own, so that key management is asked
    /// to unwrap nothing that the store made up.
    ///
    /// # Errors
    /// In this order: [`Error::Suite`] below the context's minimum, [`Error::KeyUnknown`] for another KEK than the
    /// header names, [`Error::Context`] if header, metadata, KEK and place do not belong together.
    pub fn authenticate(&self, kek: &Kek, context: &Context) -> Result<()> {
        let header = &self.header;
        context.admit(header.suite)?;
        if header.kek_id != kek.id() {
            return Err(Error::KeyUnknown);
        }
        let ctx_hash = context.hash(header.suite);
        if same(&self.mac(kek, &ctx_hash)?, &header.mac) {
            Ok(())
        } else {
            Err(Error::Context)
        }
    }

    /// Authenticates the envelope for this place and unwraps the data key. Where the header says that the object has a
    /// key of its own, the KEK comes [with it](Kek::with_own).
    ///
    /// # Errors
    /// As [`Envelope::authenticate`], then [`Error::KeyUnknown`] without the object's own key, [`Error::Context`] with
    /// another one, [`Error::Commit`] for a data key not committed to.
    pub fn open(&self, kek: &Kek, context: &Context) -> Result<Opened> {
        self.authenticate(kek, context)?;
        if self.own_key() != kek.own_wrapped() {
            return Err(Error::KeyUnknown);
        }
        let header = &self.header;
        let suite = header.suite;
        let ctx_hash = context.hash(suite);
        let wrapping = Wrapping {
            suite,
            salt: header.wrap_salt,
            ctx_hash,
            object_id: header.object_id,
        };
        let dek = wrapping.unwrap(kek, &header.wrapped, Error::Context)?;
        if !same(&dek.commitment(suite, header.object_id)?, &header.commit) {
            return Err(Error::Commit);
        }
        let metadata = self.open_metadata(&dek)?;
        Ok(Opened {
            header: header.clone(),
            dek,
            metadata,
            ctx_hash,
        })
    }

    fn open_metadata(&self, dek: &Dek) -> Result<Metadata> {
        let Header {
            suite,
            object_id,
            has_metadata,
            ..
        } = self.header;
        if !has_metadata {
            return Ok(Metadata::default());
        }
        let key = ChunkKey::new(suite, &dek.metadata(suite, object_id)?)?;
        let text = key
            .open_short(&metadata_aad(object_id), &self.sealed_metadata)
            .map_err(|_| Error::Context)?;
        Metadata::decode(&text)
    }

    fn mac(&self, kek: &Kek, ctx_hash: &[u8; 32]) -> Result<[u8; 32]> {
        let suite = self.header.suite;
        let key = kek.header_mac(suite, &self.header.wrap_salt)?;
        let header = self.header.authenticated();
        let metadata = suite.hash(&[&self.sealed_metadata]);
        let own_key = self.own_key().map(|own| suite.hash(&[own]));
        let own_key = own_key.as_ref().map_or(&[][..], |hash| hash.as_slice());
        Ok(suite.mac(&key, &[&header, ctx_hash, &metadata, own_key]))
    }
}

/// An envelope that is authentic: the header, the client's metadata, and the data key, which stays inside.
#[derive(Clone)]
pub struct Opened {
    pub(crate) header: Header,
    pub(crate) dek: Dek,
    metadata: Metadata,
    ctx_hash: [u8; 32],
}

impl Opened {
    /// The authentic header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The client's metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Binds the object to another KEK or place, for a rewrap or a server-side copy; the body stays as it is.
    ///
    /// Metadata is the present one unless other is given; it is sealed again under a fresh nonce.
    ///
    /// # Errors
    /// [`Error::Suite`] if the place asks for a better one than the body has, [`Error::MetadataTooLarge`],
    /// [`Error::Random`].
    pub fn rebind(
        &self,
        kek: &Kek,
        context: &Context,
        metadata: Option<&Metadata>,
        random: &dyn Random,
    ) -> Result<Envelope> {
        context.admit(self.header.suite)?;
        let ctx_hash = context.hash(self.header.suite);
        let seed = Seed {
            suite: self.header.suite,
            kind: self.header.kind,
            object_id: self.header.object_id,
            created_ms: self.header.created_ms,
            rebound: self.header.rebound || ctx_hash != self.ctx_hash,
        };
        let metadata = metadata.unwrap_or(&self.metadata);
        Ok(seed.envelope(kek, ctx_hash, &self.dek, metadata, random)?.0)
    }
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// What an envelope says beside keys and metadata.
pub(crate) struct Seed {
    pub(crate) suite: Suite,
    pub(crate) kind: Kind,
    pub(crate) object_id: ObjectId,
    pub(crate) created_ms: u64,
    pub(crate) rebound: bool,
}

impl Seed {
    /// Wraps the DEK under a fresh salt, seals the metadata and authenticates both. The wrapping comes back as well,
    /// because a multipart upload id repeats it.
    pub(crate) fn envelope(
        &self,
        kek: &Kek,
        ctx_hash: [u8; 32],
        dek: &Dek,
        metadata: &Metadata,
        random: &dyn Random,
    ) -> Result<(Envelope, Wrapped)> {
        let (suite, object_id) = (self.suite, self.object_id);
        let wrapping = Wrapping::new(suite, ctx_hash, object_id, random)?;
        let wrapped = wrapping.wrap(kek, dek, random)?;
        let sealed_metadata = seal_metadata(suite, object_id, dek, metadata, random)?;
        let header = Header {
            suite,
            kind: self.kind,
            has_metadata: !sealed_metadata.is_empty(),
            rebound: self.rebound,
            has_own_key: kek.own_wrapped().is_some(),
            kek_id: wrapped.kek_id,
            object_id,
            wrap_salt: wrapped.salt,
            wrapped: wrapped.dek,
            commit: dek.commitment(suite, object_id)?,
            created_ms: self.created_ms,
            mac: [0; 32],
        };
        let mut envelope = Envelope {
            header,
            sealed_metadata,
            own_key: kek.own_wrapped().unwrap_or_default().to_vec(),
        };
        envelope.header.mac = envelope.mac(kek, &ctx_hash)?;
        Ok((envelope, wrapped))
    }
}

/// A wrapped DEK with what unwrapping it needs beside the KEK and the place.
#[derive(Clone)]
pub(crate) struct Wrapped {
    pub(crate) kek_id: KeyId,
    pub(crate) salt: [u8; 16],
    pub(crate) dek: [u8; WRAPPED_LEN],
}

/// The scope of one wrapping.
pub(crate) struct Wrapping {
    pub(crate) suite: Suite,
    pub(crate) salt: [u8; 16],
    pub(crate) ctx_hash: [u8; 32],
    pub(crate) object_id: ObjectId,
}

impl Wrapping {
    /// Under a fresh salt.
    pub(crate) fn new(
        suite: Suite,
        ctx_hash: [u8; 32],
        object_id: ObjectId,
        random: &dyn Random,
    ) -> Result<Self> {
        Ok(Self {
            suite,
            salt: random::draw(random)?,
            ctx_hash,
            object_id,
        })
    }

    fn key(&self, kek: &Kek) -> Result<ChunkKey> {
        let key = kek.wrapping(self.suite, &self.salt, &self.ctx_hash, self.object_id)?;
        ChunkKey::new(self.suite, &key)
    }

    pub(crate) fn wrap(&self, kek: &Kek, dek: &Dek, random: &dyn Random) -> Result<Wrapped> {
        let chunk = self.key(kek)?.seal_short(random, WRAP_AAD, dek.bytes())?;
        let dek = chunk.try_into().map_err(|_| Error::Length)?;
        Ok(Wrapped {
            kek_id: kek.id(),
            salt: self.salt,
            dek,
        })
    }

    /// The DEK, or `refused` if it was not wrapped here.
    pub(crate) fn unwrap(
        &self,
        kek: &Kek,
        wrapped: &[u8; WRAPPED_LEN],
        refused: Error,
    ) -> Result<Dek> {
        let text = self
            .key(kek)?
            .open_short(WRAP_AAD, wrapped)
            .map_err(|_| refused)?;
        let dek = text.as_slice().try_into().map_err(|_| refused)?;
        Ok(Dek::from_bytes(dek))
    }
}

fn seal_metadata(
    suite: Suite,
    object_id: ObjectId,
    dek: &Dek,
    metadata: &Metadata,
    random: &dyn Random,
) -> Result<Vec<u8>> {
    if metadata.is_empty() {
        return Ok(Vec::new());
    }
    let text = metadata.encode()?;
    // Base64 grows by a third; the limit is on characters.
    if text.len() > SEALED_METADATA_LIMIT / 4 * 3 - 28 {
        return Err(Error::MetadataTooLarge);
    }
    let key = ChunkKey::new(suite, &dek.metadata(suite, object_id)?)?;
    key.seal_short(random, &metadata_aad(object_id), &text)
}

fn metadata_aad(object_id: ObjectId) -> Vec<u8> {
    [METADATA_AAD.as_slice(), &object_id.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    /// Made by someone who holds the KEK, so that only the commitment stands against a second key.
    #[test]
    fn f11_a_header_that_commits_to_another_key_is_refused() {
        let kek = Kek::new(KeyId([1; 8]), [2; 32]);
        let context = Context::new("tenant", &[3; 16], b"key");
        let suite = Suite::GcmSivBlake3;
        let seed = Seed {
            suite,
            kind: Kind::Multipart,
            object_id: ObjectId([4; 16]),
            created_ms: 5,
            rebound: false,
        };
        let dek = Dek::generate(&OsRandom).unwrap();
        let ctx_hash = context.hash(suite);
        let metadata = Metadata::default();
        let (mut envelope, _) = seed
            .envelope(&kek, ctx_hash, &dek, &metadata, &OsRandom)
            .unwrap();
        assert!(envelope.open(&kek, &context).is_ok());
        envelope.header.commit = Dek::generate(&OsRandom)
            .unwrap()
            .commitment(suite, seed.object_id)
            .unwrap();
        envelope.header.mac = envelope.mac(&kek, &ctx_hash).unwrap();
        assert_eq!(envelope.open(&kek, &context).err(), Some(Error::Commit));
        envelope.header.commit = dek.commitment(suite, seed.object_id).unwrap();
        envelope.header.wrapped = [0; WRAPPED_LEN];
        envelope.header.mac = envelope.mac(&kek, &ctx_hash).unwrap();
        assert_eq!(envelope.open(&kek, &context).err(), Some(Error::Context));
    }
}
