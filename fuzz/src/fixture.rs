//! What the targets of the sealed format share: fixed keys, fixed randomness, and objects sealed with them. It must
//! not draw real randomness, or a finding could not be repeated.

use std::sync::{Arc, LazyLock, Mutex};

use sealed_object::{
    Aux, Context, Envelope, Facts, Kek, KeyId, Metadata, Opened, PartFacts, PartToken, Plain,
    Random, Result, Sealed, SealedBytes, Suite, Tail, Upload, UploadId, create_upload, geometry,
    seal_single,
};

use crate::choices::pieces;

/// A sealed object with its plaintext.
pub(crate) struct Stored {
    pub(crate) envelope: Envelope,
    pub(crate) opened: Opened,
    pub(crate) plaintext: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) tail: Tail,
}

/// A multipart upload and what was uploaded.
pub(crate) struct Uploaded {
    pub(crate) id: UploadId,
    pub(crate) upload: Upload,
    pub(crate) facts: Vec<PartFacts>,
    pub(crate) tokens: Vec<PartToken>,
    pub(crate) stored: Stored,
}

/// One upload of one short frame.
pub(crate) static SHORT: LazyLock<Stored> = LazyLock::new(|| single("short", 5));
/// One upload of two frames.
pub(crate) static FRAMED: LazyLock<Stored> = LazyLock::new(|| single("framed", 70_000));
/// A multipart upload of one small part.
pub(crate) static STAGED: LazyLock<Uploaded> = LazyLock::new(|| uploaded("staged", &[300]));
/// A multipart upload whose parts end in frames of any length.
pub(crate) static PARTED: LazyLock<Uploaded> =
    LazyLock::new(|| uploaded("parted", &[MIN_PART + 3, MIN_PART + 70_000, 12_345]));

/// The envelope of a single upload of so many bytes, opened.
pub(crate) fn announced(plain: Plain) -> Opened {
    let (envelope, _) = begin("announced", plain);
    open(&envelope)
}

pub(crate) fn kek() -> Kek {
    Kek::new(KeyId(*b"kek-fuzz"), [0x4b; 32])
}

pub(crate) fn context() -> Context {
    Context::new("fuzz", &[0x2a; 16], b"a/key")
}

pub(crate) fn size(bytes: &[u8]) -> Sealed {
    Sealed(u64::try_from(bytes.len()).expect("a length fits in 64 bits"))
}

fn single(name: &str, plain: u64) -> Stored {
    let plaintext = plaintext(plain);
    let (envelope, mut sealer) = begin(name, Plain(plain));
    let mut body = Vec::new();
    for mut piece in pieces(&plaintext, 0) {
        while !piece.is_empty() {
            let sealed = sealer.push(&mut piece).expect("it seals");
            body.extend(sealed.into_iter().flat_map(SealedBytes::into_bytes));
        }
    }
    let (last, _) = sealer.finish(Facts::default()).expect("it is whole");
    body.extend(last.into_bytes());
    stored(envelope, plaintext, body)
}

fn begin(name: &str, plain: Plain) -> (Envelope, sealed_object::SingleSealer) {
    let metadata = Metadata {
        user: vec![("name".to_owned(), b"value".to_vec())],
        ..Metadata::default()
    };
    let random = random(name);
    seal_single(
        SUITE,
        &kek(),
        &aux(),
        &context(),
        plain,
        &metadata,
        CREATED,
        &random,
    )
    .expect("the length is lawful")
}

fn uploaded(name: &str, parts: &[u64]) -> Uploaded {
    let random = random(name);
    let metadata = Metadata::default();
    let (envelope, new) = create_upload(
        SUITE,
        &kek(),
        &context(),
        &metadata,
        CREATED,
        random.as_ref(),
    )
    .expect("an upload begins");
    let (id, upload) = new.begin("an-upload.of~the_store");
    let plaintext = plaintext(parts.iter().sum());
    let (mut rest, mut body, mut tokens) = (plaintext.as_slice(), Vec::new(), Vec::new());
    let mut all_facts = Vec::new();
    for (number, plain) in (1..).zip(parts) {
        let (part, after) = rest.split_at(usize::try_from(*plain).expect("a part is small"));
        rest = after;
        let mut sealer = upload
            .part(number, Plain(*plain), &random)
            .expect("a part begins");
        for mut piece in pieces(part, 0) {
            while !piece.is_empty() {
                let sealed = sealer.push(&mut piece).expect("it seals");
                body.extend(sealed.into_iter().flat_map(SealedBytes::into_bytes));
            }
        }
        let (last, facts) = sealer.finish().expect("it is whole");
        body.extend(last.into_bytes());
        let staged = geometry::is_staged(number, Plain(*plain));
        all_facts.push(facts.clone());
        tokens.push(
            PartToken::new(facts, "\"etag\"", staged, &Facts::default())
                .expect("the ETag is short"),
        );
    }
    let footer = upload
        .footer(&aux(), &tokens, &Facts::default(), random.as_ref())
        .expect("the parts are lawful");
    body.extend(footer.bytes.into_bytes());
    let stored = stored(envelope, plaintext, body);
    Uploaded {
        id,
        upload,
        facts: all_facts,
        tokens,
        stored,
    }
}

fn stored(envelope: Envelope, plaintext: Vec<u8>, body: Vec<u8>) -> Stored {
    let opened = open(&envelope);
    let tail = Tail::open(&opened, &body, size(&body)).expect("its end opens");
    Stored {
        envelope,
        opened,
        plaintext,
        body,
        tail,
    }
}

fn open(envelope: &Envelope) -> Opened {
    envelope
        .open(&kek(), &context())
        .expect("the keys are its own")
}

fn aux() -> Aux {
    Aux::new(KeyId(*b"aux-fuzz"), [0x58; 32])
}

fn plaintext(len: u64) -> Vec<u8> {
    let mut plaintext = vec![0; usize::try_from(len).expect("it fits in memory")];
    blake3::Hasher::new_derive_key("sealgate fuzz plaintext")
        .finalize_xof()
        .fill(&mut plaintext);
    plaintext
}

fn random(name: &str) -> Arc<dyn Random> {
    let mut hasher = blake3::Hasher::new_derive_key("sealgate fuzz randomness");
    hasher.update(name.as_bytes());
    Arc::new(Stream(Mutex::new(hasher.finalize_xof())))
}

/// A fixed stream in the place of randomness.
struct Stream(Mutex<blake3::OutputReader>);

impl Random for Stream {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        self.0.lock().expect("nobody panics with it").fill(out);
        Ok(())
    }
}

const SUITE: Suite = Suite::GcmSivBlake3;
const MIN_PART: u64 = 5 << 20;
const CREATED: u64 = 1_795_219_200_000;
