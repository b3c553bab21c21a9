//! The primitives as this crate calls them, against the vectors that their own specifications and Wycheproof publish.
//!
//! Every value in these vector files was computed by others; each block names its source. Wycheproof is published under
//! Apache-2.0, BLAKE3's vectors under CC0, those of NIST and the IETF for everyone's use.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::chunk::{Backend, ChunkKey};
use crate::error::{Error, Result};
use crate::format::{NONCE_LEN, TAG_LEN};
use crate::random::{OsRandom, Random};
use crate::suite::{Secret, Suite, kbkdf};

/// One block of "field: value" lines.
struct Vector(BTreeMap<&'static str, &'static str>);

impl Vector {
    fn all(text: &'static str) -> Vec<Self> {
        let field =
            |line: &'static str| line.split_once(':').map(|(name, text)| (name, text.trim()));
        text.split("\n\n")
            .map(|block| Self(block.lines().filter_map(field).collect()))
            .collect()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.0[name]).unwrap()
    }

    fn source(&self) -> &str {
        self.0["source"]
    }

    fn is_opened(&self) -> bool {
        match self.0["expect"] {
            "opened" => true,
            "refused" => false,
            other => panic!("expect: {other}"),
        }
    }

    fn key(&self) -> Secret {
        Secret::new(self.bytes("key").try_into().unwrap())
    }

    /// `nonce ‖ ct ‖ tag`.
    fn chunk(&self) -> Vec<u8> {
        [self.bytes("nonce"), self.bytes("sealed")].concat()
    }

    /// Opening must do what the vector says.
    fn check_opening(&self, key: &ChunkKey) {
        let found = key
            .open_short(&self.bytes("aad"), &self.chunk())
            .map(|text| text.to_vec())
            .ok();
        let expected = self.is_opened().then(|| self.bytes("text"));
        assert_eq!(found, expected, "{}", self.source());
    }
}

/// Gives one nonce.
struct Given([u8; NONCE_LEN]);

impl Random for Given {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        out.copy_from_slice(&self.0);
        Ok(())
    }
}

#[test]
fn aes_256_gcm_siv_is_that_of_rfc_8452_and_wycheproof() {
    let vectors = Vector::all(include_str!("../tests/vectors/aes-gcm-siv.vec"));
    let of_rfc = vectors
        .iter()
        .filter(|vector| vector.source().starts_with("RFC 8452 appendix C"));
    assert_eq!((vectors.len(), of_rfc.count()), (103, 26));
    for (vector, backend) in vectors
        .iter()
        .flat_map(|vector| Backend::ALL.map(|backend| (vector, backend)))
    {
        let key = backend.key(&vector.key()).unwrap();
        vector.check_opening(&key);
        let nonce = Given(vector.bytes("nonce").try_into().unwrap());
        let sealed = key
            .seal_short(&nonce, &vector.bytes("aad"), &vector.bytes("text"))
            .unwrap();
        let same = sealed == vector.chunk();
        assert_eq!(same, vector.is_opened(), "{backend:?}: {}", vector.source());
    }
}

proptest! {
    /// The choice of an implementation never shows in what is stored.
    #[test]
    fn both_implementations_of_aes_256_gcm_siv_agree(
        key: [u8; 32],
        nonce: [u8; NONCE_LEN],
        aad in prop::collection::vec(any::<u8>(), 0..200),
        text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..600),
            (0_usize..70_000, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
        ],
        at in any::<prop::sample::Index>(),
        bit in 0_u32..8,
    ) {
        let keys = Backend::ALL.map(|backend| backend.key(&Secret::new(key)).unwrap());
        let [one, other] = keys.each_ref().map(|key| key.seal_short(&Given(nonce), &aad, &text).unwrap());
        prop_assert!(one == other);
        let mut forged = one.clone();
        let at = at.index(forged.len());
        forged[at] ^= 1 << bit;
        for key in keys {
            prop_assert!(key.open_short(&aad, &one).is_ok_and(|opened| *opened == text));
            prop_assert!(key.open_short(&aad, &forged).is_err());
        }
    }
}

/// Sealing cannot be told its nonce, so what it makes is opened by another implementation in `tests/sof1_fips`.
#[test]
fn aes_256_gcm_is_that_of_its_specification_and_wycheproof() {
    let vectors = Vector::all(include_str!("../tests/vectors/aes-gcm.vec"));
    assert_eq!(vectors.len(), 70);
    for vector in vectors {
        let key = ChunkKey::new(Suite::GcmHmacSha512, &vector.key()).unwrap();
        vector.check_opening(&key);
    }
}

#[test]
fn a_chunk_shorter_than_nonce_and_tag_is_refused() {
    for suite in [Suite::GcmSivBlake3, Suite::GcmHmacSha512] {
        let key = ChunkKey::new(suite, &Secret::new([7; 32])).unwrap();
        let chunk = key.seal_short(&OsRandom, b"aad", b"").unwrap();
        assert_eq!(chunk.len(), NONCE_LEN + TAG_LEN);
        assert!(key.open_short(b"aad", &chunk).is_ok());
        for len in 0..chunk.len() {
            assert!(key.open_short(b"aad", &chunk[..len]).is_err(), "{len}");
        }
        let room = key.seal(&OsRandom, b"aad", &mut [0; NONCE_LEN - 1]);
        assert_eq!(room.err(), Some(Error::Length));
    }
}

/// `hash` and `mac` are what this crate calls; its key derivation frames its input, so that mode is called directly.
#[test]
fn blake3_is_that_of_its_test_vectors() {
    let vectors = Vector::all(include_str!("../tests/vectors/blake3.vec"));
    assert_eq!(vectors.len(), 12);
    let key = Secret::new(*b"whats the Elvish word for friend");
    let context = "BLAKE3 2019-12-27 16:29:52 test vectors context";
    for vector in vectors {
        let length = vector.0["length"].parse().unwrap();
        let input: Vec<u8> = (0..=250).cycle().take(length).collect();
        let suite = Suite::GcmSivBlake3;
        assert_eq!(suite.hash(&[&input])[..], vector.bytes("hash"), "{length}");
        let (first, rest) = input.split_at(length / 3);
        let mac = suite.mac(&key, &[first, rest]);
        assert_eq!(mac[..], vector.bytes("keyed-hash"), "{length}");
        let derived = blake3::derive_key(context, &input);
        assert_eq!(derived[..], vector.bytes("derive-key"), "{length}");
    }
}

#[test]
fn kbkdf_is_that_of_nist() {
    let vectors = Vector::all(include_str!("../tests/vectors/kbkdf.vec"));
    assert_eq!(vectors.len(), 5);
    for vector in vectors {
        let expected = vector.bytes("output");
        let mut output = vec![0; expected.len()];
        kbkdf(&vector.bytes("key"), &vector.bytes("fixed"), &mut output).unwrap();
        assert_eq!(output, expected, "{}", vector.source());
    }
}

/// The empty message and the example "abc".
#[test]
fn sha_256_is_that_of_nist() {
    let hash = |message: &[u8]| hex::encode(Suite::GcmHmacSha512.hash(&[message]));
    assert_eq!(
        hash(b"abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(
        hash(b""),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}
