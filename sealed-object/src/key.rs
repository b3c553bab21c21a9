//! The whole key hierarchy on one screen: every key type, every label, every derivation. Knows no layout and no AEAD.

use std::fmt;

use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::format;
use crate::id::{KeyId, ObjectId};
use crate::random::Random;
use crate::suite::{Secret, Suite, length_prefix};

/// A key-encryption key: one version in a tenant's keyring, and for some objects a key of their own besides. Wiped on
/// drop.
#[derive(Clone)]
pub struct Kek {
    id: KeyId,
    key: Secret,
    own: Option<OwnKey>,
}

/// A key that one object has for itself, from key management: its data key opens only with this one and the KEK. Wiped
/// on drop.
#[derive(Clone)]
pub struct OwnKey {
    key: Secret,
    wrapped: Vec<u8>,
}

/// A tenant's auxiliary key, from which the audit MAC comes; it outlives KEK rotations. Wiped on drop.
#[derive(Clone)]
pub struct Aux {
    id: KeyId,
    key: Secret,
}

/// The key of a tenant's audit MACs in one suite. It opens nothing, so it can be given to an auditor. Wiped on drop.
#[derive(Clone)]
pub struct AuditKey {
    id: KeyId,
    suite: Suite,
    key: Secret,
}

/// One object's data key. Wiped on drop.
#[derive(Clone)]
pub(crate) struct Dek(Secret);

/// Where an object lives, as its header is bound to it: tenant, logical bucket, object key; and which suites may be
/// used there, to which nothing is bound.
#[derive(Clone, PartialEq, Eq)]
pub struct Context {
    encoded: Vec<u8>,
    minimum: Suite,
}

impl Context {
    /// Of a tenant id, a logical bucket's UUID and an object key as its bytes; every suite may be used.
    pub fn new(tenant: &str, bucket: &[u8; 16], key: &[u8]) -> Self {
        let fields: [&[u8]; 4] = [b"SOF1-ctx", tenant.as_bytes(), bucket, key];
        let prefixed = |field: &&[u8]| [&length_prefix(field.len()), *field].concat();
        Self {
            encoded: fields.iter().flat_map(prefixed).collect(),
            minimum: Suite::GcmSivBlake3,
        }
    }

    /// The same place where no suite below `minimum` is sealed, opened or uploaded with.
    #[must_use]
    pub fn with_minimum(self, minimum: Suite) -> Self {
        Self { minimum, ..self }
    }

    /// Says whether `suite` may be used here. Whatever takes a context asks this by itself; a caller may ask
    /// before it fetches keys.
    ///
    /// # Errors
    /// [`Error::Suite`] if it is below the minimum.
    pub fn admit(&self, suite: Suite) -> Result<()> {
        if suite.satisfies(self.minimum) {
            Ok(())
        } else {
            Err(Error::Suite)
        }
    }

    pub(crate) fn hash(&self, suite: Suite) -> [u8; 32] {
        suite.hash(&[&self.encoded])
    }
}

impl Kek {
    /// Of its name in the keyring and its bytes.
    pub fn new(id: KeyId, key: [u8; 32]) -> Self {
        Self {
            id,
            key: Secret::new(key),
            own: None,
        }
    }

    /// The same for one object that has a key of its own.
    #[must_use]
    pub fn with_own(self, own: OwnKey) -> Self {
        let own = Some(own);
        Self { own, ..self }
    }

    /// The same without any object's own key.
    pub(crate) fn alone(&self) -> Self {
        Self {
            own: None,
            ..self.clone()
        }
    }

    /// The object's own key as key management wrapped it.
    pub(crate) fn own_wrapped(&self) -> Option<&[u8]> {
        self.own.as_ref().map(|own| own.wrapped.as_slice())
    }

    /// Its name in the keyring.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn wrapping(
        &self,
        suite: Suite,
        salt: &[u8; 16],
        ctx: &[u8; 32],
        object: ObjectId,
    ) -> Result<Secret> {
        let info: [&[u8]; 5] = [salt, ctx, &[suite.id()], &self.id.0, &object.0];
        let key = self.with_objects_own(suite, object)?;
        suite.derive(key.bytes(), "SOF1 2026-11-21 dek-wrap", &info)
    }

    fn with_objects_own(&self, suite: Suite, object: ObjectId) -> Result<Secret> {
        let Some(own) = &self.own else {
            return Ok(self.key.clone());
        };
        let info: [&[u8]; 2] = [own.key.bytes(), &object.0];
        suite.derive(self.key.bytes(), "SOF1 2026-11-21 own-key", &info)
    }

    pub(crate) fn header_mac(&self, suite: Suite, salt: &[u8; 16]) -> Result<Secret> {
        suite.derive(self.key.bytes(), "SOF1 2026-11-21 hdr-mac", &[salt])
    }

    pub(crate) fn upload_mac(&self, suite: Suite, salt: &[u8; 16]) -> Result<Secret> {
        suite.derive(self.key.bytes(), "SOF1 2026-11-21 mpu-ctx-mac", &[salt])
    }
}

impl OwnKey {
    /// Of its bytes, and of whatever is to stand beside the object so that key management gives them again.
    pub fn new(key: [u8; 32], wrapped: Vec<u8>) -> Self {
        Self {
            key: Secret::new(key),
            wrapped,
        }
    }
}

impl Aux {
    /// Of its name in the keyring and its bytes.
    pub fn new(id: KeyId, key: [u8; 32]) -> Self {
        Self {
            id,
            key: Secret::new(key),
        }
    }

    /// Its name in the keyring.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The key of the audit MACs that objects of this suite carry.
    ///
    /// # Errors
    /// [`Error::Module`], of which suite 0x01 has none.
    pub fn audit_key(&self, suite: Suite) -> Result<AuditKey> {
        Ok(AuditKey {
            id: self.id,
            suite,
            key: suite.derive(self.key.bytes(), "SOF1 2026-11-21 audit-mac", &[])?,
        })
    }
}

impl AuditKey {
    /// Of the name of the auxiliary key it comes from, the suite it is for and its bytes.
    pub fn new(id: KeyId, suite: Suite, key: [u8; 32]) -> Self {
        Self {
            id,
            suite,
            key: Secret::new(key),
        }
    }

    /// The name of the auxiliary key it comes from, as trailers state it.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The suite whose objects it checks.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Its bytes, to be handed to an auditor.
    pub fn secret(&self) -> &[u8; 32] {
        self.key.bytes()
    }

    pub(crate) fn mac(&self, pieces: &[&[u8]]) -> [u8; 32] {
        self.suite.mac(&self.key, pieces)
    }
}

impl Dek {
    pub(crate) fn generate(random: &dyn Random) -> Result<Self> {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(key.as_mut())?;
        Ok(Self::from_bytes(*key))
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// The bytes, to be wrapped.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        self.0.bytes()
    }

    pub(crate) fn commitment(&self, suite: Suite, object: ObjectId) -> Result<[u8; 32]> {
        let info: [&[u8]; 3] = [&object.0, &[suite.id()], &[format::FRAME_LOG2]];
        let commitment = suite.derive(self.bytes(), "SOF1 2026-11-21 dek-commit", &info)?;
        Ok(*commitment.bytes())
    }

    pub(crate) fn part(&self, suite: Suite, part_header: &[u8]) -> Result<Secret> {
        suite.derive(self.bytes(), "SOF1 2026-11-21 part-key", &[part_header])
    }

    pub(crate) fn metadata(&self, suite: Suite, object: ObjectId) -> Result<Secret> {
        suite.derive(self.bytes(), "SOF1 2026-11-21 meta-seal", &[&object.0])
    }

    pub(crate) fn trailer_seal(&self, suite: Suite, object: ObjectId) -> Result<Secret> {
        suite.derive(self.bytes(), "SOF1 2026-11-21 trailer-seal", &[&object.0])
    }

    pub(crate) fn trailer_mac(&self, suite: Suite, object: ObjectId) -> Result<Secret> {
        suite.derive(self.bytes(), "SOF1 2026-11-21 trailer-mac", &[&object.0])
    }

    pub(crate) fn part_token_mac(&self, suite: Suite, object: ObjectId) -> Result<Secret> {
        suite.derive(self.bytes(), "SOF1 2026-11-21 part-token-mac", &[&object.0])
    }
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kek({})", self.id)
    }
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnKey").finish_non_exhaustive()
    }
}

impl fmt::Debug for Aux {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aux({})", self.id)
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditKey({})", self.id)
    }
}

/// Object keys may be confidential, so the context does not show itself.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::geometry::Plain;
    use crate::part::PartHeader;

    fn counting<const N: usize>(first: u8) -> [u8; N] {
        std::array::from_fn(|i| first + u8::try_from(i).unwrap())
    }

    /// Every value of one block of `keys.vec`, made here.
    fn derived(suite: Suite) -> BTreeMap<&'static str, String> {
        let kek = Kek::new(KeyId(*b"kek-0001"), counting(0));
        let aux = Aux::new(KeyId(*b"aux-0001"), counting(128));
        let dek = Dek::from_bytes(counting(64));
        let (oid, salt) = (ObjectId(counting(32)), counting(48));
        let name = "reports/räksmörgås 2026.pdf".as_bytes();
        let ctx = Context::new("acme", &counting(16), name).hash(suite);
        let header = PartHeader {
            suite,
            part_no: 7,
            plain: Plain(70_000),
            object_id: oid,
            salt: counting(96),
        };
        let mut text = [0; 300];
        let mut stream = blake3::Hasher::new();
        stream
            .update(b"SOF-1 plaintext")
            .finalize_xof()
            .fill(&mut text);
        let (first, rest) = text.split_at(100);
        let secret = |key: Result<Secret>| hex::encode(key.unwrap().bytes());
        BTreeMap::from([
            ("suite", suite.id().to_string()),
            ("ctx_hash", hex::encode(ctx)),
            ("K_wrap", secret(kek.wrapping(suite, &salt, &ctx, oid))),
            ("K_hmac", secret(kek.header_mac(suite, &salt))),
            ("K_ctx", secret(kek.upload_mac(suite, &salt))),
            ("commit", hex::encode(dek.commitment(suite, oid).unwrap())),
            ("K_part", secret(dek.part(suite, &header.encode()))),
            ("K_meta", secret(dek.metadata(suite, oid))),
            ("K_tseal", secret(dek.trailer_seal(suite, oid))),
            ("K_tmac", secret(dek.trailer_mac(suite, oid))),
            ("K_ptok", secret(dek.part_token_mac(suite, oid))),
            (
                "K_audit",
                hex::encode(aux.audit_key(suite).unwrap().secret()),
            ),
            ("H", hex::encode(suite.hash(&[first, rest]))),
            ("MAC", hex::encode(suite.mac(&kek.key, &[first, rest]))),
        ])
    }

    #[test]
    fn f6_f7_f8_every_derivation_of_both_suites_is_the_known_answer() {
        let suites = [Suite::GcmSivBlake3, Suite::GcmHmacSha512];
        let blocks: Vec<&str> = include_str!("../tests/vectors/keys.vec")
            .split("\n\n")
            .collect();
        assert_eq!(blocks.len(), suites.len());
        for (suite, block) in suites.into_iter().zip(blocks) {
            let known: BTreeMap<&str, String> = block
                .lines()
                .map(|line| line.split_once(": ").unwrap())
                .map(|(name, value)| (name, value.to_owned()))
                .collect();
            assert_eq!(derived(suite), known);
        }
    }
}
