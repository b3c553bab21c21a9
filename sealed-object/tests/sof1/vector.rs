//! The vector files in their text form, and reading what a vector stores.

use sealed_object::{ChecksumChoice, ClientChecksum, Envelope, Facts, Metadata, PartChecksums};

use crate::world::{COMPLETED, context, kek, plaintext, read, size};

/// One block of a vector file.
pub(crate) struct Vector(Vec<(String, String)>);

impl Vector {
    pub(crate) fn all(text: &str) -> Vec<Self> {
        let line = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.trim().to_owned())
        };
        text.split("\n\n")
            .map(|block| Self(block.lines().map(line).collect()))
            .collect()
    }

    pub(crate) fn each(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|field| field.0 == name);
        named.map(|field| field.1.as_str()).collect()
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        self.each(name)
            .first()
            .unwrap_or_else(|| panic!("no field {name}"))
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.get(name).parse().unwrap()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.get(name)).unwrap()
    }

    pub(crate) fn facts(&self) -> Facts {
        let algorithm = u8::try_from(self.number("algorithm")).unwrap();
        let checksum = self.bytes("checksum");
        Facts {
            completed_ms: COMPLETED,
            client_checksum: (algorithm != 0)
                .then(|| ClientChecksum::new(algorithm, &checksum).unwrap()),
            composite_parts: u16::try_from(self.number("composite")).unwrap(),
            part_checksums: self.part_checksums(),
            md5: self.bytes("md5").try_into().ok(),
        }
    }

    fn part_checksums(&self) -> Option<PartChecksums> {
        let text = self.each("part-checksums").first().copied()?;
        let (algorithm, values) = text.split_once(' ')?;
        let values: Vec<Vec<u8>> = values
            .split(' ')
            .map(|value| hex::decode(value).unwrap())
            .collect();
        let values = values.iter().map(Vec::as_slice);
        Some(PartChecksums::new(algorithm.parse().unwrap(), values).unwrap())
    }

    /// The checksum chosen for the upload: an algorithm, and 1 for the whole object's or 2 for the parts'.
    pub(crate) fn choice(&self) -> Option<ChecksumChoice> {
        let (algorithm, kind) = self.get("choice").split_once(' ').unwrap();
        let algorithm = algorithm.parse().unwrap();
        (algorithm != 0).then(|| ChecksumChoice {
            algorithm,
            composite: kind == "2",
        })
    }

    pub(crate) fn metadata(&self) -> Metadata {
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

    /// What the vector stores, opened here.
    pub(crate) fn check_reading(&self, body: &[u8]) {
        let name = self.get("name");
        let sof_m = Some(self.get("sof-m")).filter(|text| !text.is_empty());
        let opened = Envelope::parse(self.get("sof-h"), sof_m, None)
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
        let kept = expected
            .part_checksums
            .filter(|_| !name.contains("no room"));
        assert_eq!(facts.part_checksums, kept, "{name}");
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
