//! Keys under a root key of this machine. It must not know where root keys lie.

use super::root_file::FileKey;
use crate::{EncryptionContext, KeyError, Secret, WrappedKey, aead};

/// The canonical context is the associated data; 61 bytes.
pub(super) fn wrap(
    root: &FileKey,
    secret: &Secret,
    context: &EncryptionContext,
) -> Result<WrappedKey, KeyError> {
    aead::seal(&root.secret, &context.canonical_bytes(), secret.as_slice()).map(WrappedKey::from)
}

/// `None` for anything that [`wrap`] did not make with this root key and context.
pub(super) fn unwrap(
    root: &FileKey,
    wrapped: &WrappedKey,
    context: &EncryptionContext,
) -> Option<Secret> {
    let secret = aead::open(&root.secret, &context.canonical_bytes(), wrapped.as_bytes())?;
    <[u8; 32]>::try_from(secret.as_slice())
        .ok()
        .map(Secret::new)
}
