//! Known answers: every vector is sealed here and must be what `vectors/generate.py` computed from the specification.

use sealed_object::{ClientChecksum, Envelope, Facts, Metadata, Sealed};

use crate::world::{self, COMPLETED, Stored, Uploading, context, kek, plaintext, read, size};

/// One block of a vector file.
struct Vector(Vec<(String, String)>);

impl Vector {
    fn all(text: &str) -> Vec<Self> {
        let line = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.trim().to_owned())
        };
        text.split("\n\n")
            .map(|block| Self(block.lines().map(line).collect()))
            .collect()
    }

    fn each(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|field| field.0 == name);
        named.map(|field| field.1.as_str()).collect()
    }

    fn get(&self, name: &str) -> &str {
        self.each(name)
            .first()
            .unwrap_or_else(|| panic!("no field {name}"))
    }

    fn number(&self, name: &str) -> u64 {
        self.get(name).parse().unwrap()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.get(name)).unwrap()
    }

    fn facts(&self) -> Facts {
        let algorithm = u8::try_from(self.number("algorithm")).unwrap();
        let checksum = self.bytes("checksum");
        Facts {
            completed_ms: COMPLETED,
            client_checksum: (algorithm != 0)
                .then(|| ClientChecksum::new(algorithm, &checksum).unwrap()),
            composite_parts: u16::try_from(self.number("composite")).unwrap(),
            md5: self.bytes("md5").try_into().ok(),
        }
    }

    fn metadata(&self) -> Metadata {
        match self.get("metadata") {
            "none" => Metadata::default(),
            "type" => Metadata {
                content_type: Some(b"text/plain".to_vec()),
                ..Metadata::default()
            },
            "full" => full_metadata(),
            other => panic!("metadata {other}"),
        }
    }

    /// What was sealed here against what the vector says.
    fn check(&self, stored: &Stored) {
        let name = self.get("name");
        let sof_m = Some(self.get("sof-m")).filter(|text| !text.is_empty());
        assert_eq!(stored.envelope.sof_h(), self.get("sof-h"), "{name}: header");
        assert_eq!(
            stored.envelope.sof_m().as_deref(),
            sof_m,
            "{name}: metadata"
        );
        assert_eq!(
            size(&stored.body),
            Sealed(self.number("stored")),
            "{name}: length"
        );
        assert!(
            stored.body.starts_with(&self.bytes("body-start")),
            "{name}: start"
        );
        assert!(
            stored.body.ends_with(&self.bytes("body-end")),
            "{name}: end"
        );
        assert_eq!(
            blake3::hash(&stored.body).to_hex().as_str(),
            self.get("body-blake3"),
            "{name}: body"
        );
        let summary = &stored.summary;
        assert_eq!(
            hex::encode(summary.pt_digest),
            self.get("digest"),
            "{name}: digest"
        );
        assert_eq!(
            format!("{:016x}", summary.crc64),
            self.get("crc64"),
            "{name}: CRC"
        );
        assert_eq!(
            hex::encode(summary.ct_root),
            self.get("ct-root"),
            "{name}: root"
        );
        assert_eq!(
            summary.plain.0,
            self.number("plain"),
            "{name}: plaintext length"
        );
        assert_eq!(summary.stored, size(&stored.body), "{name}: stored length");
    }

    /// What the vector stores, opened here.
    fn check_reading(&self, body: &[u8]) {
        let name = self.get("name");
        let sof_m = Some(self.get("sof-m")).filter(|text| !text.is_empty());
        let opened = Envelope::parse(self.get("sof-h"), sof_m)
            .unwrap()
            .open(&kek(), &context())
            .unwrap();
        assert_eq!(opened.metadata(), &self.metadata(), "{name}: metadata");
        let (text, outcome) = read(&opened, body, size(body), &[10_007]);
        assert!(
            text == plaintext(0, self.number("plain")),
            "{name}: plaintext"
        );
        let tail = outcome.unwrap();
        let facts = tail.facts();
        let expected = self.facts();
        assert_eq!(facts.completed_ms, COMPLETED);
        assert_eq!(facts.client_checksum, expected.client_checksum, "{name}");
        assert_eq!(facts.composite_parts, expected.composite_parts, "{name}");
        assert_eq!(facts.md5, expected.md5, "{name}");
        assert_eq!(
            facts.digest.map(hex::encode).as_deref(),
            Some(self.get("digest")),
            "{name}"
        );
        assert_eq!(
            facts.crc64.map(|crc| format!("{crc:016x}")).as_deref(),
            Some(self.get("crc64")),
            "{name}"
        );
    }
}

fn full_metadata() -> Metadata {
    // Not in the order of names: sealing sorts.
    let user: [(&str, Vec<u8>); 3] = [
        ("author", "Björk".into()),
        ("note", Vec::new()),
        ("z-long", vec![b'v'; 300]),
    ];
    Metadata {
        user: user.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        content_type: Some(b"application/pdf".to_vec()),
        content_encoding: Some(b"gzip".to_vec()),
        content_disposition: Some(b"attachment; filename=\"r.pdf\"".to_vec()),
        content_language: Some(b"sv".to_vec()),
        cache_control: Some(b"no-cache".to_vec()),
        expires: Some(b"Thu, 01 Jan 2026 00:00:00 GMT".to_vec()),
        extra: vec![("checksum-algorithm".to_owned(), b"CRC32C".to_vec())],
    }
}

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
        vector.check(&stored);
        vector.check_reading(&stored.body);
    }
}

#[test]
fn f8_f17_f19_f20_f22_f28_f29_multipart_uploads_are_the_known_answers() {
    let vectors = Vector::all(include_str!("../vectors/multipart.vec"));
    assert_eq!(vectors.len(), 7);
    for vector in vectors {
        let uploading = Uploading::start(vector.get("name"), &vector.metadata());
        assert_eq!(uploading.id.encode(), vector.get("upload-id"));
        let mut at = 0;
        let mut parts = Vec::new();
        for line in vector.each("part") {
            let fields: Vec<&str> = line.split(' ').collect();
            let &[part_no, len, ct_hash, md5, token] = fields.as_slice() else {
                panic!("part {line}")
            };
            let len: u64 = len.parse().unwrap();
            let md5 = hex::decode(md5).ok().map(|md5| md5.try_into().unwrap());
            let part = uploading.part(
                part_no.parse().unwrap(),
                &plaintext(at, len),
                md5,
                &[65_537, 1],
            );
            assert_eq!(hex::encode(part.token.ct_hash()), ct_hash);
            assert_eq!(part.token.encode(&uploading.upload), token);
            at += len;
            parts.push(part);
        }
        let stored = uploading.complete(&parts.iter().collect::<Vec<_>>(), &vector.facts());
        vector.check(&stored);
        vector.check_reading(&stored.body);
    }
}

#[test]
fn f10_f11_f14_f15_f18_f24_f26_every_edit_of_a_stored_object_is_refused_as_the_vectors_say() {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let vectors = Vector::all(include_str!("../vectors/refused.vec"));
    assert!(vectors.len() > 50);
    let text = plaintext(0, 2 * 65_536 + 100);
    let stored = world::seal_plainly("two-frames", &text);
    for vector in vectors {
        let (verb, argument) = vector
            .get("edit")
            .split_once(' ')
            .unwrap_or((vector.get("edit"), "0"));
        let at: isize = argument.parse().unwrap();
        let mut body = stored.body.clone();
        let mut header = engine.decode(stored.envelope.sof_h()).unwrap();
        let index = if at < 0 {
            body.len().strict_add_signed(at)
        } else {
            at.unsigned_abs()
        };
        match verb {
            "none" => {}
            "flip" => body[index] ^= 1,
            "header" => header[index] ^= 1,
            "cut" | "short" => body.truncate(body.len() - index),
            "more" => body.resize(body.len() + index, 0),
            "swap" => body[48..48 + 2 * 65_564].rotate_left(65_564),
            other => panic!("edit {other}"),
        }
        let announced = if verb == "cut" {
            size(&body)
        } else {
            size(&stored.body)
        };
        let opened = Envelope::parse(&engine.encode(header), None)
            .and_then(|found| found.open(&kek(), &context()));
        let (released, outcome) = match opened {
            Ok(opened) => read(&opened, &body, announced, &[]),
            Err(error) => (Vec::new(), Err(error)),
        };
        let found = outcome
            .as_ref()
            .map_or_else(|error| error.code(), |_| "opened");
        assert_eq!(found, vector.get("expect"), "{}", vector.get("what"));
        assert!(
            text.starts_with(&released),
            "{}: only authentic bytes come out",
            vector.get("what")
        );
        assert_eq!(
            released == text,
            outcome.is_ok(),
            "{}: never whole after a refusal",
            vector.get("what")
        );
    }
}
