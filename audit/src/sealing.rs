//! What a tenant's audit key does: tokens of names that can be compared and not read, and fields that open only under
//! the key. It must not know what a field means. `docs/audit.md` has the construction.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use uuid::Uuid;

/// A field that is sealed. Its number is in the nonce, its name in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// The object's key.
    ObjectKey = 1,
    /// What a copy read, as `bucket/key`.
    Source = 2,
    /// The principal's name.
    Actor = 3,
    /// The client's address.
    Address = 4,
    /// The client's `User-Agent`.
    UserAgent = 5,
    /// The digest of the plaintext, with its algorithm.
    Digest = 6,
    /// Free text that a person gave as a reason.
    Reason = 7,
    /// The version that the client named, whether or not there is one.
    AskedVersion = 8,
}

/// What a name in a token is a name of, so that equal names of different things have different tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A principal.
    Actor,
    /// An object: its bucket, a zero byte, and its key.
    Object,
    /// An address.
    Address,
    /// The network of an address: /24, /48.
    Network,
    /// What a `User-Agent` tells of: program and system.
    Device,
}

/// A tenant's audit key, ready for use. No `Debug` of its secrets.
#[derive(Clone)]
pub struct AuditKey {
    id: String,
    blind: hmac::Key,
    seal: hmac::Key,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ObjectKey,
        Self::Source,
        Self::Actor,
        Self::Address,
        Self::UserAgent,
        Self::Digest,
        Self::Reason,
        Self::AskedVersion,
    ];

    /// Its name in a line's `sealed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ObjectKey => "obj.key",
            Self::Source => "obj.source",
            Self::Actor => "actor.name",
            Self::Address => "src.ip",
            Self::UserAgent => "ua",
            Self::Digest => "digest.pt",
            Self::Reason => "reason",
            Self::AskedVersion => "obj.ver",
        }
    }

    fn nonce(self) -> Nonce {
        let mut nonce = [0; 12];
        if let Some(last) = nonce.last_mut() {
            *last = match self {
                Self::ObjectKey => 1,
                Self::Source => 2,
                Self::Actor => 3,
                Self::Address => 4,
                Self::UserAgent => 5,
                Self::Digest => 6,
                Self::Reason => 7,
                Self::AskedVersion => 8,
            };
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

impl Named {
    fn word(self) -> &'static [u8] {
        match self {
            Self::Actor => b"actor",
            Self::Object => b"object",
            Self::Address => b"address",
            Self::Network => b"network",
            Self::Device => b"device",
        }
    }
}

impl AuditKey {
    /// The key of this id, as lines name it.
    pub fn new(id: impl Into<String>, secret: &[u8; 32]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived =
            |label: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, label).as_ref());
        Self {
            id: id.into(),
            blind: derived(b"sealgate audit v2 blind index"),
            seal: derived(b"sealgate audit v2 sealed fields"),
        }
    }

    /// Its id, as lines name it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The token of a name: equal for equal names, and nothing else can be told from it without the key.
    pub fn token(&self, named: Named, parts: &[&[u8]]) -> String {
        let mut context = hmac::Context::with_key(&self.blind);
        context.update(named.word());
        for part in parts {
            context.update(&[0]);
            context.update(part);
        }
        let tag = context.sign();
        URL_SAFE_NO_PAD.encode(tag.as_ref().get(..TOKEN).unwrap_or_default())
    }

    /// Seals a text for a place, under its name: for what is kept outside the trail and says what the trail seals.
    pub fn seal_text(&self, place: &str, text: &str) -> Option<String> {
        let mut salt = [0; SALT];
        aws_lc_rs::rand::fill(&mut salt).ok()?;
        let mut sealed = text.as_bytes().to_vec();
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        self.text_key(&salt)?
            .seal_in_place_append_tag(nonce, Aad::from(place.as_bytes()), &mut sealed)
            .ok()?;
        Some(STANDARD.encode([salt.as_slice(), &sealed].concat()))
    }

    /// Opens a text that was sealed for this place.
    pub fn open_text(&self, place: &str, sealed: &str) -> Option<String> {
        let bytes = STANDARD.decode(sealed).ok()?;
        let (salt, sealed) = bytes.split_first_chunk::<SALT>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let key = self.text_key(salt)?;
        let opened = key.open_in_place(nonce, Aad::from(place.as_bytes()), &mut sealed);
        String::from_utf8(opened.ok()?.to_vec()).ok()
    }

    /// A key for one text: a fresh salt for each makes its nonce unique.
    fn text_key(&self, salt: &[u8; SALT]) -> Option<LessSafeKey> {
        let mut context = hmac::Context::with_key(&self.seal);
        context.update(b"text\0");
        context.update(salt);
        let key = UnboundKey::new(&AES_256_GCM, context.sign().as_ref()).ok()?;
        Some(LessSafeKey::new(key))
    }

    /// What seals the fields of one line. An event's id is never used for two lines.
    pub(crate) fn line<'a>(&self, log: &'a str, event: Uuid) -> Option<LineKey<'a>> {
        let mut context = hmac::Context::with_key(&self.seal);
        context.update(log.as_bytes());
        context.update(&[0]);
        context.update(event.as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, context.sign().as_ref()).ok()?;
        Some(LineKey {
            key: LessSafeKey::new(key),
            log,
            event,
        })
    }

    /// Opens a field of the line with this event id in this log; `None` if it is not what was sealed there.
    pub fn open(&self, log: &str, event: Uuid, field: Field, sealed: &str) -> Option<String> {
        let line = self.line(log, event)?;
        let mut bytes = STANDARD.decode(sealed).ok()?;
        let opened = line
            .key
            .open_in_place(field.nonce(), Aad::from(line.aad(field)), &mut bytes);
        String::from_utf8(opened.ok()?.to_vec()).ok()
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The key of one line's sealed fields.
pub(crate) struct LineKey<'a> {
    key: LessSafeKey,
    log: &'a str,
    event: Uuid,
}

impl LineKey<'_> {
    /// The field's ciphertext and tag, in base64.
    pub(crate) fn seal(&self, field: Field, text: &str) -> Option<String> {
        let mut bytes = text.as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(field.nonce(), Aad::from(self.aad(field)), &mut bytes)
            .ok()?;
        Some(STANDARD.encode(bytes))
    }

    fn aad(&self, field: Field) -> Vec<u8> {
        [
            b"sealgate audit v2\0",
            self.log.as_bytes(),
            &[0],
            self.event.as_bytes(),
            field.name().as_bytes(),
        ]
        .concat()
    }
}

/// Bytes of the salt of a sealed text.
const SALT: usize = 32;

/// Bytes of a token.
const TOKEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> AuditKey {
        AuditKey::new("a1", &[7; 32])
    }

    #[test]
    fn a_field_opens_in_its_place_only() {
        let (key, event) = (key(), Uuid::from_u128(7));
        let sealed = key
            .line("log", event)
            .unwrap()
            .seal(Field::ObjectKey, "käse")
            .unwrap();
        assert!(!sealed.contains("käse"));
        assert_eq!(
            key.open("log", event, Field::ObjectKey, &sealed).as_deref(),
            Some("käse")
        );
        assert_eq!(key.open("log", event, Field::Actor, &sealed), None);
        assert_eq!(key.open("other", event, Field::ObjectKey, &sealed), None);
        assert_eq!(
            key.open("log", Uuid::from_u128(8), Field::ObjectKey, &sealed),
            None
        );
        let stranger = AuditKey::new("a1", &[8; 32]);
        assert_eq!(stranger.open("log", event, Field::ObjectKey, &sealed), None);
    }

    #[test]
    fn a_text_opens_in_its_place_only() {
        let key = key();
        let sealed = key.seal_text("receipts/a", "who and what").unwrap();
        assert_ne!(sealed, key.seal_text("receipts/a", "who and what").unwrap());
        assert_eq!(
            key.open_text("receipts/a", &sealed).as_deref(),
            Some("who and what")
        );
        assert_eq!(key.open_text("receipts/b", &sealed), None);
        assert_eq!(
            AuditKey::new("a1", &[8; 32]).open_text("receipts/a", &sealed),
            None
        );
        assert_eq!(key.open_text("receipts/a", "c2hvcnQ="), None);
    }

    #[test]
    fn equal_names_of_one_kind_have_one_token() {
        let (key, other) = (key(), AuditKey::new("a2", &[8; 32]));
        let token = key.token(Named::Object, &[b"bucket", b"key"]);
        assert_eq!(token.len(), 22);
        assert_eq!(token, key.token(Named::Object, &[b"bucket", b"key"]));
        assert_ne!(token, key.token(Named::Actor, &[b"bucket", b"key"]));
        assert_ne!(token, key.token(Named::Object, &[b"bucketkey"]));
        assert_ne!(token, other.token(Named::Object, &[b"bucket", b"key"]));
        assert!(!format!("{key:?}").contains('7'));
    }

    #[test]
    fn fields_have_numbers_and_names_of_their_own() {
        for (at, field) in Field::ALL.iter().enumerate() {
            assert_eq!(usize::from(*field as u8), at + 1);
            assert_eq!(field.nonce().as_ref()[11], *field as u8);
            let same = Field::ALL
                .iter()
                .filter(|other| other.name() == field.name());
            assert_eq!(same.count(), 1);
        }
    }
}
