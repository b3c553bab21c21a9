//! Known answers: every vector is sealed here and must be what `vectors/generate.py` computed from the specification.

use sealed_object::{ClientChecksum, Facts, Sealed};

use crate::vector::Vector;
use crate::world::{self, Stored, Uploading, plaintext, size};

#[test]
fn f6_f7_f8_f9_f13_f14_f15_f16_f18_f19_f20_f21_f22_single_uploads_are_the_known_answers() {
    let vectors = Vector::all(include_str!("../vectors/single.vec"));
    assert_eq!(vectors.len(), 9);
    for vector in vectors {
        let text = plaintext(0, vector.number("plain"));
        let stored = world::seal(
            vector.get("name"),
            &text,
            &vector.metadata(),
            vector.facts(),
            &[70_001, 3],
        );
        check(&vector, &stored);
        vector.check_reading(&stored.body);
    }
}

#[test]
fn f8_f17_f19_f20_f22_f28_f29_multipart_uploads_are_the_known_answers() {
    let vectors = Vector::all(include_str!("../vectors/multipart.vec"));
    assert_eq!(vectors.len(), 9);
    for vector in vectors {
        let (name, metadata) = (vector.get("name"), vector.metadata());
        let uploading = Uploading::start_with(name, &metadata, vector.choice());
        assert_eq!(uploading.upload.checksum(), vector.choice(), "{name}");
        assert_eq!(uploading.id.encode(), vector.get("upload-id"));
        let mut at = 0;
        let mut parts = Vec::new();
        for line in vector.each("part") {
            let fields: Vec<&str> = line.split(' ').collect();
            let &[part_no, len, ct_hash, md5, checksum, token] = fields.as_slice() else {
                panic!("part {line}")
            };
            let len: u64 = len.parse().unwrap();
            let checksum = checksum.split_once(':').map(|(algorithm, value)| {
                ClientChecksum::new(algorithm.parse().unwrap(), &hex::decode(value).unwrap())
            });
            let known = Facts {
                md5: hex::decode(md5).ok().map(|md5| md5.try_into().unwrap()),
                client_checksum: checksum.transpose().unwrap(),
                ..Facts::default()
            };
            let text = plaintext(at, len);
            let part =
                uploading.part_knowing(part_no.parse().unwrap(), &text, &known, &[65_537, 1]);
            assert_eq!(hex::encode(part.token.ct_hash()), ct_hash);
            assert_eq!(part.token.encode(&uploading.upload), token);
            at += len;
            parts.push(part);
        }
        let stored = uploading.complete(&parts.iter().collect::<Vec<_>>(), &vector.facts());
        check(&vector, &stored);
        vector.check_reading(&stored.body);
    }
}

/// What was sealed here against what the vector says.
fn check(vector: &Vector, stored: &Stored) {
    let name = vector.get("name");
    let sof_m = Some(vector.get("sof-m")).filter(|text| !text.is_empty());
    assert_eq!(
        stored.envelope.sof_h(),
        vector.get("sof-h"),
        "{name}: header"
    );
    assert_eq!(
        stored.envelope.sof_m().as_deref(),
        sof_m,
        "{name}: metadata"
    );
    assert_eq!(
        size(&stored.body),
        Sealed(vector.number("stored")),
        "{name}: length"
    );
    assert!(
        stored.body.starts_with(&vector.bytes("body-start")),
        "{name}: start"
    );
    assert!(
        stored.body.ends_with(&vector.bytes("body-end")),
        "{name}: end"
    );
    assert_eq!(
        blake3::hash(&stored.body).to_hex().as_str(),
        vector.get("body-blake3"),
        "{name}: body"
    );
    let summary = &stored.summary;
    assert_eq!(
        hex::encode(summary.pt_digest),
        vector.get("digest"),
        "{name}: digest"
    );
    assert_eq!(
        format!("{:016x}", summary.crc64),
        vector.get("crc64"),
        "{name}: CRC"
    );
    assert_eq!(
        hex::encode(summary.ct_root),
        vector.get("ct-root"),
        "{name}: root"
    );
    assert_eq!(
        summary.plain.0,
        vector.number("plain"),
        "{name}: plaintext length"
    );
    assert_eq!(summary.stored, size(&stored.body), "{name}: stored length");
}
