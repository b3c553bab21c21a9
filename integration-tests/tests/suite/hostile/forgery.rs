//! The tools of an attacker: where things lie in a stored body (requirements F1 to F20 of the format), and
//! changes of body, header and answer. It holds no key, and it does not judge.

use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use integration_tests::hostile::{Message, Stored};

use super::siege::Loot;

/// A change of an answer just before it is sent.
pub(super) type Lie = Arc<dyn Fn(&mut Message) + Send + Sync>;

/// An object as the hostile store shows it.
#[derive(Clone)]
pub(super) struct Forgery {
    /// What was done, for the message of a failed test.
    pub(super) what: String,
    pub(super) stored: Stored,
    pub(super) lie: Option<Lie>,
}

impl Forgery {
    /// The object as it is.
    pub(super) fn of(loot: &Loot, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            stored: loot.stored.clone(),
            lie: None,
        }
    }

    /// With another body.
    pub(super) fn body(loot: &Loot, what: impl Into<String>, body: Vec<u8>) -> Self {
        let mut forged = Self::of(loot, what);
        forged.stored.whole.body = body;
        forged
    }

    /// With some bytes of the body replaced.
    pub(super) fn replaced(
        loot: &Loot,
        what: impl Into<String>,
        at: Range<usize>,
        by: &[u8],
    ) -> Self {
        let mut body = loot.stored.whole.body.clone();
        body.splice(at, by.iter().copied());
        Self::body(loot, what, body)
    }

    /// With one bit of the body flipped.
    pub(super) fn flipped(loot: &Loot, what: impl Into<String>, at: usize) -> Self {
        let mut forged = Self::of(loot, what);
        if let Some(byte) = forged.stored.whole.body.get_mut(at) {
            *byte ^= 1;
        }
        forged
    }

    /// With a header of the store set.
    pub(super) fn header(loot: &Loot, what: impl Into<String>, name: &str, value: &str) -> Self {
        let mut forged = Self::of(loot, what);
        forged.stored.whole.set(name, value);
        forged
    }

    /// With one byte of the decoded `sof-h` or `sof-m` replaced by `change` of it.
    pub(super) fn envelope(loot: &Loot, name: &str, at: usize, change: fn(u8) -> u8) -> Self {
        let text = loot.stored.whole.header(name).unwrap_or_default();
        let mut bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = change(*byte);
        }
        let text = URL_SAFE_NO_PAD.encode(bytes);
        Self::header(loot, format!("byte {at} of {name}"), name, &text)
    }

    /// With a lie in every answer.
    pub(super) fn lying(
        loot: &Loot,
        what: impl Into<String>,
        lie: impl Fn(&mut Message) + Send + Sync + 'static,
    ) -> Self {
        Self {
            lie: Some(Arc::new(lie)),
            ..Self::of(loot, what)
        }
    }

    /// The same, every answer announced in full and broken off `count` bytes before its end.
    pub(super) fn broken_off(loot: &Loot, count: usize) -> Self {
        Self::lying(
            loot,
            format!("broken off {count} bytes early"),
            move |answer| {
                let kept = answer.body.len().saturating_sub(count);
                answer.body.truncate(kept);
            },
        )
    }

    /// The envelope of `from` around this body.
    pub(super) fn under(mut self, from: &Loot) -> Self {
        for name in ENVELOPE {
            self.stored.whole.remove(name);
            if let Some(value) = from.stored.whole.header(name) {
                self.stored.whole.set(name, value);
            }
        }
        self
    }
}

/// Where the pieces of an object's body lie.
pub(super) struct Anatomy {
    /// Each part with its header.
    pub(super) parts: Vec<Range<usize>>,
    /// All frames, in order.
    pub(super) frames: Vec<Range<usize>>,
    pub(super) pad: Range<usize>,
    pub(super) manifest: Range<usize>,
    pub(super) trailer: Range<usize>,
    pub(super) length: usize,
}

impl Anatomy {
    pub(super) fn of(loot: &Loot) -> Self {
        let length = loot.stored.whole.body.len();
        let (mut parts, mut frames, mut at) = (Vec::new(), Vec::new(), 0);
        for plain in &loot.parts {
            let start = at;
            at += PART_HEADER;
            let mut left = *plain;
            loop {
                let text = left.min(FRAME);
                frames.push(at..at + text + OVERHEAD);
                at += text + OVERHEAD;
                left -= text;
                if left == 0 {
                    break;
                }
            }
            parts.push(start..at);
        }
        let trailer = length - TRAILER..length;
        let manifest = trailer.start - ENTRY * parts.len()..trailer.start;
        Self {
            pad: at..manifest.start,
            parts,
            frames,
            manifest,
            trailer,
            length,
        }
    }

    /// The places where one piece ends and another begins, the body's own ends too.
    pub(super) fn borders(&self) -> Vec<usize> {
        let starts = self.frames.iter().chain(&self.parts).map(|one| one.start);
        let fixed = [self.pad.start, self.manifest.start, self.trailer.start, 0];
        let mut borders: Vec<usize> = starts.chain(fixed).collect();
        borders.sort_unstable();
        borders.dedup();
        borders
    }
}

/// What a piece of a body is.
pub(super) fn cut(loot: &Loot, at: &Range<usize>) -> Vec<u8> {
    loot.stored
        .whole
        .body
        .get(at.clone())
        .unwrap_or_default()
        .to_vec()
}

/// F2: the stored size of `plain` bytes.
pub(super) fn stored_size(plain: usize) -> usize {
    let frames = plain.div_ceil(FRAME).max(1);
    plain + OVERHEAD * frames + 144 * (plain / MIN_PART + 1).min(10_000) + TRAILER
}

/// Everything that carries the envelope upstream.
pub(super) const ENVELOPE: [&str; 3] = ["x-amz-meta-sof-h", "x-amz-meta-sof-m", "cache-control"];
pub(super) const SOF_H: &str = "x-amz-meta-sof-h";
pub(super) const SOF_M: &str = "x-amz-meta-sof-m";

pub(super) const FRAME: usize = 65_536;
pub(super) const PART_HEADER: usize = 48;
const OVERHEAD: usize = 28;
const ENTRY: usize = 56;
const TRAILER: usize = 368;
const MIN_PART: usize = 5 * 1024 * 1024;
