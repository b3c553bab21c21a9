//! A session as a token, and the credentials that go with it. It must not know why a session was given, nor whether it
//! was revoked.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use kms_keys::{DeploymentKey, KeyError, SealingKey};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Credentials, Session};
use crate::sigv4::SecretKey;

/// The keys of this deployment's sessions: every replica has the same.
pub struct SessionKeys {
    sealing: SealingKey,
    secrets: Zeroizing<[u8; 32]>,
}

/// A token that no replica of this deployment issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session token was not issued here")]
pub struct TokenRefused;

impl SessionKeys {
    /// Derives the keys.
    pub fn derive(deployment: &DeploymentKey) -> Self {
        Self::new(deployment.derive(SEALING), deployment.derive(SECRETS))
    }

    pub(super) fn new(sealing: kms_keys::Secret, secrets: Zeroizing<[u8; 32]>) -> Self {
        Self {
            sealing: SealingKey::new(sealing),
            secrets,
        }
    }

    /// The credentials of a session.
    pub fn issue(&self, session: &Session) -> Result<Credentials, KeyError> {
        let mut text = Zeroizing::new(Vec::new());
        // Writing to memory does not fail, and the session is plain data.
        let _ = ciborium::into_writer(session, &mut *text);
        let sealed = self.sealing.seal(CONTEXT, &text)?;
        Ok(Credentials {
            access_key_id: access_key_id(session.id),
            secret_access_key: Arc::new(self.secret(session.id)),
            session_token: URL_SAFE_NO_PAD.encode(sealed),
            expires: session.expires.into(),
        })
    }

    /// The session of a token that was issued here, and its secret.
    pub fn open(&self, token: &str) -> Result<(Session, Arc<SecretKey>), TokenRefused> {
        if token.len() > LONGEST {
            return Err(TokenRefused);
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenRefused)?;
        let text = self.sealing.open(CONTEXT, &sealed).ok_or(TokenRefused)?;
        let session: Session = ciborium::from_reader(text.as_slice()).map_err(|_| TokenRefused)?;
        let secret = Arc::new(self.secret(session.id));
        Ok((session, secret))
    }

    /// HMAC-SHA-256 of the id, of which 30 bytes make 40 characters as AWS's secrets have.
    fn secret(&self, id: Uuid) -> SecretKey {
        // HMAC fills a short key with zeros up to its block.
        let mut block = Zeroizing::new([0; 64]);
        block
            .iter_mut()
            .zip(self.secrets.iter())
            .for_each(|(slot, byte)| *slot = *byte);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(id.as_bytes());
        let mac = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
        let (bytes, _) = mac.split_first_chunk::<30>().unwrap_or((&[0; 30], &[]));
        SecretKey::new(URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl std::fmt::Debug for SessionKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SessionKeys")
    }
}

/// `ASIA` and 16 characters, 80 bits of the id: which session it is, for the trail and for signatures.
pub(super) fn access_key_id(id: Uuid) -> String {
    let (high, low) = id.as_u64_pair();
    let mut bits = (u128::from(high) << 64 | u128::from(low)) >> 48;
    let mut text = [b'A'; 16];
    for slot in text.iter_mut().rev() {
        let index = usize::try_from(bits & 31).unwrap_or_default();
        *slot = BASE32.get(index).copied().unwrap_or(b'A');
        bits >>= 5;
    }
    format!("ASIA{}", String::from_utf8_lossy(&text))
}

/// Whether an access key id is a session's.
pub(crate) fn is_session_id(access_key_id: &str) -> bool {
    access_key_id.len() == 20 && access_key_id.starts_with("ASIA")
}

/// RFC 4648 §6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What is sealed.
const CONTEXT: &[u8] = b"sealgate session token 2";
/// What the keys are derived for.
const SEALING: &str = "sealgate 2026-11-26 session tokens";
const SECRETS: &str = "sealgate 2026-11-26 secrets of sessions";
/// Bytes; it must fit into a header and a URL.
pub const LONGEST: usize = 8192;
