//! The sealed object's envelope and end, from bytes that a store hands out. It must not know the crate's inside:
//! offsets are read from the format's tables a second time here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealed_object::{Envelope, Header, Kind, Manifest, Plain, Sealed, Tail, Trailer, geometry};

use crate::Outcome;
use crate::choices::Choices;
use crate::fixture::{PARTED, SHORT, STAGED, Stored, context, kek, size};

/// A header that parses is encoded as exactly the text it was read from. The input is that text, or its bytes.
pub fn header(data: &[u8]) -> Outcome {
    let encoded = URL_SAFE_NO_PAD.encode(data);
    let mut accepted = false;
    for text in [
        std::str::from_utf8(data).unwrap_or_default(),
        encoded.as_str(),
    ] {
        let Ok(header) = Header::parse(text) else {
            continue;
        };
        accepted = true;
        assert_eq!(header.encode(), text);
        assert_eq!(text.len(), 256);
        assert_eq!(header.plain().is_none(), header.kind() == Kind::Multipart);
    }
    Outcome::of(accepted)
}

/// An envelope opens only if it is one that was sealed with these keys. The input is 192 bytes of header, and the
/// sealed metadata; where it says that there is a key of the object's own, that is the metadata's first half.
pub fn envelope(data: &[u8]) -> Outcome {
    let (header, metadata) = data.split_at(data.len().min(HEADER_LEN));
    let has_own = header.get(7).is_some_and(|flags| flags & 8 != 0);
    let half = if has_own { metadata.len() / 2 } else { 0 };
    let (own, metadata) = metadata.split_at(half);
    let text = |bytes| URL_SAFE_NO_PAD.encode(bytes);
    let sof_m = (!metadata.is_empty()).then(|| text(metadata));
    let sof_k = has_own.then(|| text(own));
    let parsed = Envelope::parse(&text(header), sof_m.as_deref(), sof_k.as_deref());
    let Ok(envelope) = parsed else {
        return Outcome::Refused;
    };
    assert_eq!(
        URL_SAFE_NO_PAD.decode(envelope.sof_h()).as_deref(),
        Ok(header)
    );
    assert_eq!(envelope.sof_m(), sof_m);
    assert_eq!(envelope.sof_k(), sof_k);
    let opened = envelope.open(&kek(), &context());
    let is_ours = sealed().any(|stored| stored.envelope == envelope);
    assert_eq!(opened.is_ok(), is_ours);
    Outcome::of(is_ours)
}

/// A trailer says what the format's table says, and a manifest that it vouches for adds up. The input is a manifest
/// and 368 bytes of trailer.
pub fn trailer(data: &[u8]) -> Outcome {
    let (manifest, raw) = data.split_at(data.len().saturating_sub(TRAILER_LEN));
    let Ok(trailer) = Trailer::parse(raw) else {
        return Outcome::Refused;
    };
    assert_eq!(raw.len(), TRAILER_LEN);
    let mut fields = Choices::new(raw);
    assert_eq!(fields.array(), *b"SOFT\x01");
    let [suite] = fields.array();
    assert!(matches!(suite, 1 | 2), "only two suites are known");
    assert_eq!(
        fields.u16() & 0xfff1,
        0,
        "only the digest, CRC and MD5 flags are known"
    );
    assert_eq!(trailer.plain(), Plain(fields.u64()));
    assert_eq!(trailer.parts(), u32::from_be_bytes(fields.array()));
    assert_eq!(
        trailer.manifest_len().0,
        u64::from(u32::from_be_bytes(fields.array()))
    );
    let pad = fields.u64();
    assert_eq!(trailer.object_id().0, fields.array());
    let _commit: [u8; 32] = fields.array();
    assert_eq!(trailer.ct_root(), fields.array());
    let _audit_mac: [u8; 32] = fields.array();
    assert_eq!(trailer.aux_id().0, fields.array());
    assert_eq!(trailer.completed_ms(), fields.u64());
    assert!(raw.iter().rev().take(20).all(|byte| *byte == 0));
    if let Ok(parts) = trailer.check_manifest(manifest) {
        let lengths = parts
            .entries()
            .iter()
            .map(|entry| geometry::part_stored(entry.plain).0);
        let total = lengths.sum::<u64>() + pad + size(data).0;
        assert_eq!(Sealed(total), geometry::stored(trailer.plain()));
    }
    Outcome::Accepted
}

/// A manifest that parses is written as exactly the bytes it was read from, and is lawful.
pub fn manifest(data: &[u8]) -> Outcome {
    let parts = u32::try_from(data.len() / 56).unwrap_or(u32::MAX);
    let Ok(manifest) = Manifest::parse(data, parts) else {
        return Outcome::Refused;
    };
    let mut written = Vec::new();
    for entry in manifest.entries() {
        written.extend(entry.part_no.to_be_bytes());
        written.extend(entry.plain.0.to_be_bytes().into_iter().skip(2));
        written.extend(entry.salt);
        written.extend(entry.ct_hash);
    }
    // What else there is can only be the sealed checksums of the parts, all of one length.
    let (entries, checksums) = data.split_at(written.len());
    assert_eq!(written, entries);
    assert_eq!(checksums.len() % manifest.entries().len(), 0);
    let numbers: Vec<u16> = manifest
        .entries()
        .iter()
        .map(|entry| entry.part_no)
        .collect();
    assert!(numbers.is_sorted_by(|left, right| left < right));
    assert!(numbers.iter().all(|number| (1..=10_000).contains(number)));
    let sum: u64 = manifest.entries().iter().map(|entry| entry.plain.0).sum();
    assert_eq!(manifest.plain(), Plain(sum));
    Outcome::Accepted
}

/// The end of a body opens only if it is the end of what was sealed. The input chooses the object and the length
/// the store announces; the rest is the suffix the store hands out.
pub fn tail(data: &[u8]) -> Outcome {
    let mut choices = Choices::new(data);
    let stored = match choices.u8() % 3 {
        0 => &*SHORT,
        1 => &STAGED.stored,
        _ => &PARTED.stored,
    };
    let announced = match choices.u64() {
        0 => size(&stored.body),
        announced => Sealed(announced),
    };
    let suffix = choices.rest();
    if let Ok(needed) = Tail::needed(announced, suffix) {
        assert!(needed <= announced, "a tail is not longer than the body");
        assert!(
            needed.0 >= 56 + 368,
            "every tail has an entry and a trailer"
        );
    }
    let opened = Tail::open(&stored.opened, suffix, announced);
    let end = 56 * stored.tail.parts().len() + TRAILER_LEN;
    let genuine = stored
        .body
        .get(stored.body.len() - end..)
        .expect("a body has its end");
    let is_ours = suffix.ends_with(genuine) && announced == size(&stored.body);
    assert_eq!(opened.ok().as_ref(), is_ours.then_some(&stored.tail));
    Outcome::of(is_ours)
}

fn sealed() -> impl Iterator<Item = &'static Stored> {
    [&*SHORT, &STAGED.stored].into_iter()
}

const HEADER_LEN: usize = 192;
const TRAILER_LEN: usize = 368;
