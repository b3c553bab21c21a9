//! AES-256-GCM-SIV under a root key of this machine: the only file of this room that calls an AEAD.
//!
//! GCM-SIV (RFC 8452) because a repeated nonce costs it little, and because the sealed object uses
//! it: one cipher to trust.

use std::sync::Arc;

use aes_gcm_siv::{
    Aes256GcmSiv, KeyInit as _, Nonce, Tag,
    aead::{AeadInOut as _, inout::InOutBuf},
};

use super::root_file::FileKey;
use crate::{EncryptionContext, KeyError, Secret, WrappedKey, key_material::fill_random};

/// Layout: `01 ‖ nonce 12 ‖ ciphertext 32 ‖ tag 16`, 61 bytes; associated data: the canonical
/// context.
pub(super) fn wrap(
    root: &FileKey,
    secret: &Secret,
    context: &EncryptionContext,
) -> Result<WrappedKey, KeyError> {
    let mut nonce = [0; NONCE_LENGTH];
    fill_random(&mut nonce)?;
    let mut sealed = secret.clone();
    let tag = cipher(root)
        .encrypt_inout_detached(
            &Nonce::from(nonce),
            &context.canonical_bytes(),
            InOutBuf::from(sealed.as_mut_slice()),
        )
        // Only a message or context of many gigabytes is refused.
        .map_err(|error| KeyError::ProviderUnavailable {
            provider: super::NAME.into(),
            source: Arc::new(std::io::Error::other(error.to_string())),
        })?;
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(sealed.as_slice());
    bytes.extend_from_slice(&tag);
    Ok(bytes.into())
}

/// `None` for anything that [`wrap`] did not make with this root key and context.
pub(super) fn unwrap(
    root: &FileKey,
    wrapped: &WrappedKey,
    context: &EncryptionContext,
) -> Option<Secret> {
    let (&version, rest) = wrapped.as_bytes().split_first()?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE_LENGTH>()?;
    let (sealed, rest) = rest.split_first_chunk::<32>()?;
    let tag = <[u8; TAG_LENGTH]>::try_from(rest).ok()?;
    if version != VERSION {
        return None;
    }
    let mut secret = Secret::new(*sealed);
    cipher(root)
        .decrypt_inout_detached(
            &Nonce::from(*nonce),
            &context.canonical_bytes(),
            InOutBuf::from(secret.as_mut_slice()),
            &Tag::from(tag),
        )
        .ok()?;
    Some(secret)
}

fn cipher(root: &FileKey) -> Aes256GcmSiv {
    Aes256GcmSiv::new((&*root.secret).into())
}

const VERSION: u8 = 1;
const NONCE_LENGTH: usize = 12;
const TAG_LENGTH: usize = 16;
