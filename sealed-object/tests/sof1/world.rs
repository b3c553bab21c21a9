//! What the tests share: fixed keys and place, injected randomness, and whole objects sealed and opened in pieces.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use sealed_object::{
    Aux, BodyOpener, ChecksumChoice, Context, Envelope, Facts, Footer, Kek, KeyId, Layout,
    Metadata, Opened, PartToken, Plain, Random, Result, Sealed, SealedBytes, SpanOpener, Suite,
    Summary, Tail, Upload, UploadId, create_upload, seal_single,
};
use sha2::Digest as _;

/// The suite of the binary that these tests are part of.
pub(crate) use crate::SUITE;
pub(crate) const MIB5: u64 = 5 * 1024 * 1024;
pub(crate) const UPSTREAM_ID: &str = "VXBsb2FkIElE.with~dots.and-dashes_";
pub(crate) const CREATED: u64 = 1_795_219_200_000;
pub(crate) const COMPLETED: u64 = 1_795_219_201_234;
const BUCKET: [u8; 16] = [
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
];

/// The stream of `vectors/generate.py`: the BLAKE3 XOF of "SOF-1 random " and a name.
struct Injected(Mutex<blake3::OutputReader>);

impl Random for Injected {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        self.0.lock().unwrap().fill(out);
        Ok(())
    }
}

pub(crate) fn random(name: &str) -> Arc<dyn Random> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"SOF-1 random ").update(name.as_bytes());
    Arc::new(Injected(Mutex::new(hasher.finalize_xof())))
}

pub(crate) fn kek() -> Kek {
    Kek::new(
        KeyId(*b"kek-0001"),
        std::array::from_fn(|i| u8::try_from(i).unwrap()),
    )
}

pub(crate) fn aux() -> Aux {
    Aux::new(
        KeyId(*b"aux-0001"),
        std::array::from_fn(|i| u8::try_from(i + 128).unwrap()),
    )
}

pub(crate) fn context() -> Context {
    Context::new("acme", &BUCKET, "reports/räksmörgås 2026.pdf".as_bytes())
}

pub(crate) fn plaintext(first: u64, len: u64) -> Vec<u8> {
    let mut reader = blake3::Hasher::new()
        .update(b"SOF-1 plaintext")
        .finalize_xof();
    reader.set_position(first);
    let mut out = vec![0; usize::try_from(len).unwrap()];
    reader.fill(&mut out);
    out
}

/// `H` of the suite, by another implementation where that can be had.
pub(crate) fn hash(bytes: &[u8]) -> [u8; 32] {
    match SUITE {
        Suite::GcmSivBlake3 => *blake3::hash(bytes).as_bytes(),
        Suite::GcmHmacSha512 => sha2::Sha256::digest(bytes).into(),
    }
}

pub(crate) fn facts() -> Facts {
    Facts {
        completed_ms: COMPLETED,
        ..Facts::default()
    }
}

pub(crate) fn size(bytes: &[u8]) -> Sealed {
    Sealed(u64::try_from(bytes.len()).unwrap())
}

pub(crate) fn plain(bytes: &[u8]) -> Plain {
    Plain(u64::try_from(bytes.len()).unwrap())
}

/// `bytes` in pieces of these sizes, over and over; all of it at once if there are none.
pub(crate) fn pieces(bytes: &[u8], sizes: &[usize]) -> Vec<Bytes> {
    let mut rest = Bytes::copy_from_slice(bytes);
    let mut sizes = sizes.iter().copied().cycle();
    let mut out = Vec::new();
    while !rest.is_empty() {
        let len = sizes.next().unwrap_or(rest.len()).clamp(1, rest.len());
        out.push(rest.split_to(len));
    }
    out
}

/// Pushes pieces through a sealer or opener and gathers what comes out.
pub(crate) fn pump<T>(
    bytes: &[u8],
    sizes: &[usize],
    out: &mut Vec<u8>,
    mut push: impl FnMut(&mut Bytes) -> Result<Option<T>>,
    into_bytes: impl Fn(T) -> Bytes,
) -> Result<()> {
    for mut piece in pieces(bytes, sizes) {
        while !piece.is_empty() {
            if let Some(done) = push(&mut piece)? {
                out.extend_from_slice(&into_bytes(done));
            }
        }
    }
    Ok(())
}

pub(crate) struct Stored {
    pub(crate) envelope: Envelope,
    pub(crate) body: Vec<u8>,
    pub(crate) summary: Summary,
}

impl Stored {
    pub(crate) fn opened(&self) -> Opened {
        self.envelope.open(&kek(), &context()).unwrap()
    }

    pub(crate) fn tail(&self) -> Tail {
        Tail::open(&self.opened(), &self.body, size(&self.body)).unwrap()
    }
}

pub(crate) fn seal(
    name: &str,
    text: &[u8],
    metadata: &Metadata,
    facts: Facts,
    sizes: &[usize],
) -> Stored {
    let (envelope, mut sealer) = seal_single(
        SUITE,
        &kek(),
        &aux(),
        &context(),
        plain(text),
        metadata,
        CREATED,
        &random(name),
    )
    .unwrap();
    let announced = sealer.stored();
    let mut body = Vec::new();
    pump(
        text,
        sizes,
        &mut body,
        |input| sealer.push(input),
        SealedBytes::into_bytes,
    )
    .unwrap();
    let (last, summary) = sealer.finish(facts).unwrap();
    body.extend_from_slice(&last.into_bytes());
    assert_eq!(
        size(&body),
        announced,
        "a single upload's length is known beforehand"
    );
    Stored {
        envelope,
        body,
        summary,
    }
}

pub(crate) fn seal_plainly(name: &str, text: &[u8]) -> Stored {
    seal(name, text, &Metadata::default(), facts(), &[])
}

/// A multipart upload in progress.
pub(crate) struct Uploading {
    pub(crate) envelope: Envelope,
    pub(crate) id: UploadId,
    pub(crate) upload: Upload,
    pub(crate) random: Arc<dyn Random>,
}

pub(crate) struct StoredPart {
    pub(crate) body: Vec<u8>,
    pub(crate) token: PartToken,
}

impl Uploading {
    pub(crate) fn start(name: &str, metadata: &Metadata) -> Self {
        Self::start_with(name, metadata, None)
    }

    pub(crate) fn start_with(
        name: &str,
        metadata: &Metadata,
        checksum: Option<ChecksumChoice>,
    ) -> Self {
        let random = random(name);
        let (envelope, new) = create_upload(
            SUITE,
            &kek(),
            &context(),
            metadata,
            CREATED,
            random.as_ref(),
        )
        .unwrap();
        let (id, upload) = new.with_checksum(checksum).begin(UPSTREAM_ID);
        Self {
            envelope,
            id,
            upload,
            random,
        }
    }

    pub(crate) fn part(
        &self,
        part_no: u16,
        text: &[u8],
        md5: Option<[u8; 16]>,
        sizes: &[usize],
    ) -> StoredPart {
        let known = Facts {
            md5,
            ..Facts::default()
        };
        self.part_knowing(part_no, text, &known, sizes)
    }

    pub(crate) fn part_knowing(
        &self,
        part_no: u16,
        text: &[u8],
        known: &Facts,
        sizes: &[usize],
    ) -> StoredPart {
        let mut sealer = self
            .upload
            .part(part_no, plain(text), &self.random)
            .unwrap();
        let announced = sealer.stored();
        let mut body = Vec::new();
        pump(
            text,
            sizes,
            &mut body,
            |input| sealer.push(input),
            SealedBytes::into_bytes,
        )
        .unwrap();
        let (last, facts) = sealer.finish().unwrap();
        body.extend_from_slice(&last.into_bytes());
        assert_eq!(
            size(&body),
            announced,
            "a part's length is known beforehand"
        );
        let staged = sealed_object::geometry::is_staged(part_no, plain(text));
        let token = PartToken::new(facts, &format!("\"etag-{part_no}\""), staged, known).unwrap();
        StoredPart { body, token }
    }

    pub(crate) fn footer(&self, parts: &[&StoredPart], facts: &Facts) -> Result<Footer> {
        let tokens: Vec<PartToken> = parts.iter().map(|part| part.token.clone()).collect();
        self.upload
            .footer(&aux(), &tokens, facts, self.random.as_ref())
    }

    pub(crate) fn complete(&self, parts: &[&StoredPart], facts: &Facts) -> Stored {
        let footer = self.footer(parts, facts).unwrap();
        let mut body: Vec<u8> = parts.iter().flat_map(|part| part.body.clone()).collect();
        body.extend_from_slice(&footer.bytes.into_bytes());
        Stored {
            envelope: self.envelope.clone(),
            body,
            summary: footer.summary,
        }
    }
}

/// An object of parts, numbered from 1, over consecutive plaintext.
pub(crate) fn seal_parts(name: &str, lengths: &[u64]) -> Stored {
    let uploading = Uploading::start(name, &Metadata::default());
    let mut at = 0;
    let mut parts = Vec::new();
    for (part_no, len) in (1..).zip(lengths) {
        parts.push(uploading.part(part_no, &plaintext(at, *len), None, &[]));
        at += len;
    }
    uploading.complete(&parts.iter().collect::<Vec<_>>(), &facts())
}

/// What a reader gets from a whole body: the plaintext released, and how it ended.
pub(crate) fn read(
    opened: &Opened,
    body: &[u8],
    announced: Sealed,
    sizes: &[usize],
) -> (Vec<u8>, Result<Tail>) {
    let mut out = Vec::new();
    let outcome = (|| {
        let mut reader = BodyOpener::new(opened, announced)?;
        pump(
            body,
            sizes,
            &mut out,
            |input| reader.push(input),
            |bytes| bytes,
        )?;
        reader.finish()
    })();
    let outcome = outcome.map(|(last, tail)| {
        out.extend_from_slice(&last);
        tail
    });
    (out, outcome)
}

pub(crate) fn read_span(
    opened: &Opened,
    layout: &Layout,
    body: &[u8],
    range: std::ops::Range<u64>,
    sizes: &[usize],
) -> Result<Vec<u8>> {
    let span = layout.span(Plain(range.start), Plain(range.end))?;
    let stored =
        usize::try_from(span.stored.start.0).unwrap()..usize::try_from(span.stored.end.0).unwrap();
    let mut reader = SpanOpener::new(opened, span)?;
    let mut out = Vec::new();
    pump(
        &body[stored],
        sizes,
        &mut out,
        |input| reader.push(input),
        |bytes| bytes,
    )?;
    reader.finish()?;
    Ok(out)
}
