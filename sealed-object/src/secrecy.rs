//! Secret types are wiped when dropped and cannot be shown: asked of the compiler, so that a derive cannot undo it.

use std::fmt::Debug;

use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::chunk::ChunkKey;
use crate::id::KeyId;
use crate::key::{AuditKey, Aux, Dek, Kek};
use crate::random::{ModuleRandom, OsRandom, Random};
use crate::suite::{Secret, Suite};

/// Holds for every type, and for one with `Debug` twice: then [`Unshown::check`] is ambiguous and does not compile.
trait Unshown<Reason> {
    fn check() {}
}

struct Always;

struct IfShown;

impl<T> Unshown<Always> for T {}

impl<T: Debug> Unshown<IfShown> for T {}

#[test]
fn key_bytes_cannot_be_shown() {
    <Secret as Unshown<_>>::check();
    <Dek as Unshown<_>>::check();
    <ChunkKey as Unshown<_>>::check();
}

/// What is handed about by name shows that alone.
#[test]
fn named_keys_show_their_names_only() {
    let (id, key) = (KeyId([1; 8]), [0xc5; 32]);
    let audit = AuditKey::new(id, Suite::GcmSivBlake3, key);
    let shown = format!("{:?} {:?} {audit:?}", Kek::new(id, key), Aux::new(id, key));
    let name = "0101010101010101";
    assert_eq!(shown, format!("Kek({name}) Aux({name}) AuditKey({name})"));
}

/// Of the cipher, this holds only with the feature `zeroize` of `aes`, which no default switches on.
#[test]
fn key_bytes_are_wiped() {
    fn is_wiped<T: ZeroizeOnDrop>() {}
    is_wiped::<Zeroizing<Vec<u8>>>();
    is_wiped::<aes::Aes256>();
    is_wiped::<Secret>();
}

/// Both generators fill all they are given, and never the same way twice.
#[test]
fn generators_do_not_repeat_themselves() {
    let sources: [&dyn Random; 2] = [&OsRandom, &ModuleRandom];
    for source in sources {
        let mut drawn: Vec<[u8; 32]> = Vec::new();
        for _ in 0..64 {
            let mut bytes = [0; 32];
            source.fill(&mut bytes).unwrap();
            drawn.push(bytes);
        }
        let last_byte_set = drawn.iter().any(|bytes| bytes[31] != 0);
        drawn.sort_unstable();
        drawn.dedup();
        assert!(drawn.len() == 64 && last_byte_set);
    }
}
