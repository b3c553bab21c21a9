//! AES-256-GCM-SIV under a key of this room: the only file here that calls an AEAD. It must not know
//! what it seals.
//!
//! GCM-SIV (RFC 8452) because a repeated nonce costs it little, and because the sealed object uses
//! it: one cipher to trust.

use std::sync::Arc;

use aes_gcm_siv::{
    Aes256GcmSiv, KeyInit as _, Nonce, Tag,
    aead::{AeadInOut as _, inout::InOutBuf},
};
use zeroize::Zeroizing;

use crate::{KeyError, Secret, key_material::fill_random};

/// Layout: `01 ‖ nonce 12 ‖ ciphertext ‖ tag 16`, 29 bytes longer than the message.
pub(crate) fn seal(key: &Secret, associated: &[u8], message: &[u8]) -> Result<Vec<u8>, KeyError> {
    let mut nonce = [0; NONCE_LENGTH];
    fill_random(&mut nonce)?;
    let mut sealed = Zeroizing::new(message.to_vec());
    let tag = cipher(key)
        .encrypt_inout_detached(
            &Nonce::from(nonce),
            associated,
            InOutBuf::from(sealed.as_mut_slice()),
        )
        // Only a message or associated data of many gigabytes is refused.
        .map_err(|error| KeyError::NotSealed(Arc::new(std::io::Error::other(error.to_string()))))?;
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&sealed);
    bytes.extend_from_slice(&tag);
    Ok(bytes)
}

/// `None` for anything that [`seal`] did not make with this key and associated data.
pub(crate) fn open(key: &Secret, associated: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (&version, rest) = sealed.split_first()?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE_LENGTH>()?;
    let (sealed, tag) = rest.split_last_chunk::<TAG_LENGTH>()?;
    if version != VERSION {
        return None;
    }
    let mut message = Zeroizing::new(sealed.to_vec());
    cipher(key)
        .decrypt_inout_detached(
            &Nonce::from(*nonce),
            associated,
            InOutBuf::from(message.as_mut_slice()),
            &Tag::from(*tag),
        )
        .ok()?;
    Some(message)
}

fn cipher(key: &Secret) -> Aes256GcmSiv {
    Aes256GcmSiv::new((&**key).into())
}

const VERSION: u8 = 1;
const NONCE_LENGTH: usize = 12;
const TAG_LENGTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_was_sealed_with_key_and_associated_data() {
        let (key, other) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let sealed = seal(&key, b"here", b"a message").unwrap();
        assert_eq!(sealed.len(), 9 + 29);
        assert_eq!(&**open(&key, b"here", &sealed).unwrap(), b"a message");
        assert!(open(&other, b"here", &sealed).is_none());
        assert!(open(&key, b"there", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&key, b"here", &changed).is_none(), "byte {at}");
        }
        for length in 0..sealed.len() {
            assert!(open(&key, b"here", &sealed[..length]).is_none(), "{length}");
        }
    }
}
