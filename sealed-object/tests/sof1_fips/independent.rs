//! A second reader of suite 0x02, on other implementations than the product's: what we seal is what the standards say.
//!
//! It follows `src/format.rs` and knows nothing of the crate but the bytes that it stored.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use base64::Engine as _;
use hmac::{Hmac, Mac as _};
use sealed_object::Metadata;
use sha2::{Digest as _, Sha256, Sha512};

use crate::world::{self, MIB5, Stored, plaintext};

fn hmac_sha512(key: &[u8], data: &[u8]) -> [u8; 64] {
    let mut mac = <Hmac<Sha512> as hmac::KeyInit>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().into()
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac_sha512(key, data)[..32].to_vec()
}

/// One block of SP 800-108's counter mode is enough for 32 bytes.
fn kdf(key: &[u8], label: &str, info: &[u8]) -> Vec<u8> {
    let label = format!("SOF1 2026-11-21 {label}");
    let input = [&[0, 0, 0, 1], label.as_bytes(), &[0], info, &[0, 0, 1, 0]];
    mac(key, &input.concat())
}

fn lp(data: &[u8]) -> Vec<u8> {
    [&u32::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
}

fn open(key: &[u8], aad: &[u8], chunk: &[u8]) -> Vec<u8> {
    let (nonce, msg) = chunk.split_first_chunk::<12>().unwrap();
    Aes256Gcm::new_from_slice(key)
        .unwrap()
        .decrypt(&(*nonce).into(), Payload { msg, aad })
        .unwrap()
}

/// Checks a header and unwraps its DEK.
fn unwrap(header: &[u8], sealed_metadata: &[u8]) -> Vec<u8> {
    let kek: Vec<u8> = (0..32).collect();
    let bucket: Vec<u8> = (16..32).collect();
    let key = "reports/räksmörgås 2026.pdf".as_bytes();
    let context = [lp(b"SOF1-ctx"), lp(b"acme"), lp(&bucket), lp(key)].concat();
    let context = Sha256::digest(context);
    let (oid, salt) = (&header[16..32], &header[32..48]);
    assert_eq!(&header[..6], b"SOF1\x02\x10");
    assert_eq!(&header[8..16], b"kek-0001");
    let described = [&header[..160], &context, &Sha256::digest(sealed_metadata)];
    assert_eq!(
        header[160..],
        mac(&kdf(&kek, "hdr-mac", salt), &described.concat())
    );
    let info = [salt, &context, &[2], &header[8..16], oid].concat();
    let dek = open(&kdf(&kek, "dek-wrap", &info), b"SOF1w", &header[48..108]);
    let info = [oid, &[2, 16]].concat();
    assert_eq!(header[108..140], kdf(&dek, "dek-commit", &info));
    dek
}

/// Opens the parts at the front of a body; gives the plaintext and each part's bytes.
fn parts<'a>(mut body: &'a [u8], dek: &[u8], oid: &[u8]) -> (Vec<u8>, Vec<&'a [u8]>) {
    let (mut text, mut found) = (Vec::new(), Vec::new());
    while body.starts_with(b"SOFp\x01\x02\x10\x00") {
        let header = &body[..48];
        assert_eq!(&header[16..32], oid);
        let key = kdf(dek, "part-key", header);
        let length = header[10..16]
            .iter()
            .fold(0, |sum, byte| sum * 256 + usize::from(*byte));
        let frames = length.div_ceil(65_536).max(1);
        let mut at = 48;
        for index in 0..frames {
            let end = at + 28 + (length - index * 65_536).min(65_536);
            let number = u32::try_from(index).unwrap().to_be_bytes();
            let aad = [b"SOF1f", &number[..], &[u8::from(index + 1 == frames)]].concat();
            text.extend(open(&key, &aad, &body[at..end]));
            at = end;
        }
        found.push(&body[..at]);
        body = &body[at..];
    }
    (text, found)
}

/// Checks what follows the parts: root, both MACs, and the sealed digest, which comes back.
fn trailer(body: &[u8], dek: &[u8], oid: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let (before, trailer) = body.split_at(body.len() - 368);
    let manifest = &before[before.len() - 56 * parts.len()..];
    for (entry, part) in manifest.chunks(56).zip(parts) {
        assert_eq!(entry[..8], part[8..16], "number and length");
        assert_eq!(entry[8..24], part[32..48], "salt");
        assert_eq!(entry[24..], Sha256::digest(part)[..]);
    }
    assert_eq!(&trailer[..6], b"SOFT\x01\x02");
    let rooted = [lp(b"SOF1-ctroot"), manifest.to_vec()].concat();
    assert_eq!(trailer[80..112], Sha256::digest(rooted)[..]);
    let aux: Vec<u8> = (128..160).collect();
    let audited = [&trailer[..112], &trailer[144..160]].concat();
    assert_eq!(
        trailer[112..144],
        mac(&kdf(&aux, "audit-mac", b""), &audited)
    );
    let covered = [manifest, &trailer[..316]].concat();
    assert_eq!(
        trailer[316..348],
        mac(&kdf(dek, "trailer-mac", oid), &covered)
    );
    let sealed = open(
        &kdf(dek, "trailer-seal", oid),
        &trailer[..160],
        &trailer[160..316],
    );
    sealed[..32].to_vec()
}

/// Opens a whole object; gives its plaintext, its sealed digest, and the CBOR of its metadata.
fn read(stored: &Stored) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header = engine.decode(stored.envelope.sof_h()).unwrap();
    let sealed = engine
        .decode(stored.envelope.sof_m().unwrap_or_default())
        .unwrap();
    let dek = unwrap(&header, &sealed);
    let oid = &header[16..32];
    let aad = [b"SOF1m", oid].concat();
    let metadata = match sealed.as_slice() {
        [] => Vec::new(),
        sealed => open(&kdf(&dek, "meta-seal", oid), &aad, sealed),
    };
    let (text, parts) = parts(&stored.body, &dek, oid);
    let digest = trailer(&stored.body, &dek, oid, &parts);
    (text, digest, metadata)
}

#[test]
fn f6_f8_f9_f13_f14_f15_f20_f23_single_uploads_are_opened_by_a_second_reader() {
    for length in [0, 1, 65_535, 65_536, 65_537, 200_000] {
        let text = plaintext(0, length);
        let metadata = Metadata {
            content_type: Some(b"text/plain".to_vec()),
            ..Metadata::default()
        };
        let stored = world::seal("second", &text, &metadata, world::facts(), &[]);
        let (found, digest, cbor) = read(&stored);
        assert!(found == text, "{length} bytes");
        assert_eq!(digest, Sha256::digest(&text)[..]);
        assert_eq!(cbor, b"\xA1\x01\x4Atext/plain");
    }
}

#[test]
fn f17_f19_f20_f22_f23_multipart_objects_are_opened_by_a_second_reader() {
    let lengths = [MIB5 + 12_345, MIB5, 777];
    let stored = world::seal_parts("second", &lengths);
    let (found, digest, cbor) = read(&stored);
    assert!(found == plaintext(0, lengths.iter().sum()));
    assert_eq!(cbor, b"");
    let mut at = 0;
    let mut list = Vec::new();
    for length in lengths {
        list.extend(length.to_be_bytes());
        list.extend(Sha256::digest(plaintext(at, length)));
        at += length;
    }
    assert_eq!(digest, Sha256::digest(list)[..]);
}

/// A nonce is the module's own: with all other randomness the same, no chunk repeats.
#[test]
fn f6_nonces_are_made_by_the_module() {
    let text = plaintext(0, 3 * 65_536);
    let seal = || world::seal_plainly("again", &text);
    let (one, other) = (seal(), seal());
    assert_eq!(one.body[..48], other.body[..48], "the injected part");
    let nonces = |stored: &Stored| -> Vec<Vec<u8>> {
        let frames = stored.body[48..48 + 3 * 65_564].chunks(65_564);
        frames.map(|frame| frame[..12].to_vec()).collect()
    };
    let mut all = [nonces(&one), nonces(&other)].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6);
}
