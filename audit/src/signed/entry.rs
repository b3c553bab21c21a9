//! An entry of the super-log: what logs were at a moment, chained to the entry before and signed by the deployment.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Checkpoint, SigningKey};
use crate::tree::sha256;

/// The first line of an entry.
pub(crate) const SUPER_LOG: &str = "sealgate audit super-log v1";

/// The signed entry of this number that tells of one log. `previous`: the [hash](entry_hash) of the entry before.
pub fn super_entry(
    deployment: &SigningKey,
    number: u64,
    previous: Option<&str>,
    log: &str,
    checkpoint: &Checkpoint,
) -> String {
    deployment.sign(&format!(
        "{SUPER_LOG}\n{}\n{number}\n{}\n{log} {} {}\n",
        deployment.verifying().name(),
        previous.unwrap_or("-"),
        checkpoint.size,
        STANDARD.encode(checkpoint.root)
    ))
}

/// What the next entry names an entry by: base64 of SHA-256 of it as it is stored.
pub fn entry_hash(entry: &[u8]) -> String {
    STANDARD.encode(sha256(entry))
}
