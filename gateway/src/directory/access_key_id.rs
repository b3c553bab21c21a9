//! The ids of access keys that the admin API makes. They carry a check that only this deployment can make, so that a
//! stranger's guesses cost no look-up in the store. It must not know secrets of access keys.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Makes and recognises ids: `SEAL`, 11 random characters, 5 that follow from them; 20 as AWS's have.
pub struct AccessKeyIds(Zeroizing<[u8; 32]>);

impl AccessKeyIds {
    /// Takes a key that is used for nothing else.
    pub fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// A new id.
    pub fn random(&self) -> Result<String, getrandom::Error> {
        let mut bytes = [0; RANDOM];
        getrandom::fill(&mut bytes)?;
        let random = text(&bytes);
        Ok(format!("{PREFIX}{random}{}", self.check(&random)))
    }

    /// Whether an id was made here.
    pub fn is_ours(&self, id: &str) -> bool {
        let Some((random, check)) = id
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_at_checked(RANDOM))
        else {
            return false;
        };
        // An id is no secret: nothing is gained from the time that this takes.
        self.check(random) == check
    }

    fn check(&self, random: &str) -> String {
        // HMAC fills a short key with zeros up to its block.
        let mut block = Zeroizing::new([0; 64]);
        block
            .iter_mut()
            .zip(self.0.iter())
            .for_each(|(slot, byte)| *slot = *byte);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(random.as_bytes());
        let mac = <[u8; 32]>::from(mac.finalize().into_bytes());
        text(
            mac.split_first_chunk::<CHECK>()
                .map_or(&[0; CHECK], |(first, _)| first),
        )
    }
}

impl std::fmt::Debug for AccessKeyIds {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AccessKeyIds")
    }
}

/// One character of base32 (RFC 4648 §6) for five bits of each byte.
fn text(bytes: &[u8]) -> String {
    let character = |byte: &u8| BASE32.get(usize::from(byte & 31)).copied().unwrap_or(b'A');
    bytes
        .iter()
        .map(|byte| char::from(character(byte)))
        .collect()
}

const PREFIX: &str = "SEAL";
const RANDOM: usize = 11;
const CHECK: usize = 5;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_to_its_deployment_only_and_no_character_of_it_can_be_changed() {
        let ids = AccessKeyIds::new(Zeroizing::new([1; 32]));
        let others = AccessKeyIds::new(Zeroizing::new([2; 32]));
        let id = ids.random().unwrap();
        assert_eq!(id.len(), 20);
        assert!(ids.is_ours(&id) && !others.is_ours(&id));
        for at in 0..id.len() {
            let mut changed = id.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(!ids.is_ours(&String::from_utf8(changed).unwrap()), "{at}");
        }
        for other in ["", "SEAL", "AKIAIOSFODNN7EXAMPLE", "SEALäöüäöüäöüäöü"] {
            assert!(!ids.is_ours(other), "{other}");
        }
    }
}
