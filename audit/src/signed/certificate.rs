//! The certificate of a log's key: the deployment says which key signs which log's checkpoints.

use super::{NoteError, SigningKey, VerifyingKey, note_text};

/// The certificate, signed by the deployment's key, of the key that signs the checkpoints of the log `origin`.
pub fn certificate(deployment: &SigningKey, origin: &str, key: &VerifyingKey) -> String {
    deployment.sign(&format!("{TITLE}\n{origin}\n{key}\n"))
}

/// The origin and key that a certificate by the deployment's key is for.
pub fn certified_key(
    certificate: &str,
    deployment: &VerifyingKey,
) -> Result<(String, VerifyingKey), NoteError> {
    deployment.open(certificate)?;
    let mut lines = note_text(certificate).ok_or(NoteError::Malformed)?.lines();
    let (title, origin, key) = (lines.next(), lines.next(), lines.next());
    match (title, origin, key) {
        (Some(TITLE), Some(origin), Some(key)) => Ok((origin.to_owned(), key.parse()?)),
        _ => Err(NoteError::Malformed),
    }
}

const TITLE: &str = "sealgate audit log key v1";
