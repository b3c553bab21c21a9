//! Notes signed with Ed25519: C2SP signed-note, <https://c2sp.org/signed-note>.
//!
//! A note is text, an empty line, and lines `— name base64(key id ‖ signature)`.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::tree::sha256;

/// Why a note, or a key for notes, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not formed as a note.
    #[error("it is no signed note")]
    Malformed,
    /// No signature in it is by the key.
    #[error("it is not signed by the key that it should be signed by")]
    NotSigned,
    /// A signature that claims to be by the key is not.
    #[error("its signature does not verify")]
    Forged,
    /// Not a key in the form `name+id+key`.
    #[error("it is no verification key of the form name+id+key")]
    Key,
}

/// A key that signs notes. No `Debug`: it holds a secret, which the library wipes.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: VerifyingKey,
}

/// A key that verifies notes; written `name+8 hex digits+base64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    id: [u8; 4],
    key: [u8; 32],
}

impl SigningKey {
    /// The key pair of a secret seed. The name must have no space and no `+`.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NoteError::Key)?;
        let key = <[u8; 32]>::try_from(pair.public_key().as_ref()).map_err(|_| NoteError::Key)?;
        let public = VerifyingKey::new(name, key).ok_or(NoteError::Key)?;
        Ok(Self { pair, public })
    }

    /// The public half.
    pub fn verifying(&self) -> &VerifyingKey {
        &self.public
    }

    /// The note of `text`, which must end with a line feed and hold no empty line.
    pub fn sign(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let signed = [&self.public.id, signature.as_ref()].concat();
        format!(
            "{text}\n{DASH} {} {}\n",
            self.public.name,
            STANDARD.encode(signed)
        )
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl VerifyingKey {
    fn new(name: &str, key: [u8; 32]) -> Option<Self> {
        let fits = !name.is_empty()
            && name
                .chars()
                .all(|c| !c.is_whitespace() && !c.is_control() && c != '+');
        let mut hashed = name.as_bytes().to_vec();
        hashed.extend_from_slice(&[b'\n', ALGORITHM]);
        hashed.extend_from_slice(&key);
        let [a, b, c, d, ..] = sha256(&hashed);
        fits.then(|| Self {
            name: name.to_owned(),
            id: [a, b, c, d],
            key,
        })
    }

    /// The name it signs under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text of a note that this key signed.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let (text, signatures) = parts(note).ok_or(NoteError::Malformed)?;
        let mut found = NoteError::NotSigned;
        for line in signatures.lines() {
            let (name, signature) = signature_of(line).ok_or(NoteError::Malformed)?;
            let Some((id, signature)) = signature.split_first_chunk::<4>() else {
                return Err(NoteError::Malformed);
            };
            if name != self.name || *id != self.id {
                continue;
            }
            let key = UnparsedPublicKey::new(&ED25519, self.key);
            if key.verify(text.as_bytes(), signature).is_ok() {
                return Ok(text);
            }
            found = NoteError::Forged;
        }
        Err(found)
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, key) = (
            u32::from_be_bytes(self.id),
            [&[ALGORITHM][..], &self.key].concat(),
        );
        write!(f, "{}+{id:08x}+{}", self.name, STANDARD.encode(key))
    }
}

impl FromStr for VerifyingKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut fields = text.trim().splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(NoteError::Key);
        };
        let key = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let parsed = match key.split_first() {
            Some((&ALGORITHM, key)) => <[u8; 32]>::try_from(key)
                .ok()
                .and_then(|key| Self::new(name, key)),
            _ => None,
        };
        // The id is in the text, so that a name and a key that do not belong together are noticed.
        parsed
            .filter(|key| key.to_string() == text.trim())
            .ok_or(NoteError::Key)
    }
}

/// The text of a note, whoever signed it: for what names the key that it is to be opened with.
pub fn note_text(note: &str) -> Option<&str> {
    parts(note).map(|(text, _)| text)
}

fn parts(note: &str) -> Option<(&str, &str)> {
    let at = note.rfind("\n\n")?;
    let text = note.get(..at.saturating_add(1))?;
    let signatures = note.get(at.saturating_add(2)..)?;
    (!signatures.is_empty() && signatures.ends_with('\n')).then_some((text, signatures))
}

fn signature_of(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, signature) = line
        .strip_prefix(DASH)?
        .strip_prefix(' ')?
        .split_once(' ')?;
    Some((name, STANDARD.decode(signature).ok()?))
}

const DASH: &str = "\u{2014}";

/// Ed25519, in signed notes.
const ALGORITHM: u8 = 1;
