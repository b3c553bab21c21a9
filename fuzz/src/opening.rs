//! Opening bodies and ranges that a hostile store hands out: what comes out is the plaintext that was sealed, or
//! nothing. It must not know how frames are made.

use bytes::Bytes;
use sealed_object::{
    BodyOpener, Error, Layout, Opened, Plain, Sealed, Span, SpanOpener, Tail, geometry,
};

use crate::Outcome;
use crate::choices::{Choices, pieces};
use crate::fixture::{self, FRAMED, PARTED, SHORT, STAGED, size};

/// A body gives the same at any splitting, nothing but a beginning of what was sealed, and all of it only if not a
/// bit is changed. The input chooses an object; the rest edits its body, or is a body.
pub fn body(data: &[u8]) -> Outcome {
    let mut choices = Choices::new(data);
    let stored = match choices.u8() % 3 {
        0 => &*SHORT,
        1 => &*FRAMED,
        _ => &STAGED.stored,
    };
    let (how, seed) = (choices.u8(), choices.u8());
    let body = if how & 1 == 0 {
        choices.edit(&stored.body)
    } else {
        choices.rest().to_vec()
    };
    let announced = if how & 2 == 0 {
        size(&stored.body)
    } else {
        size(&body)
    };
    let layout = (how & 4 != 0).then(|| stored.tail.layout());
    let (out, end) = read(&stored.opened, announced, layout, &body, 0);
    assert_eq!(
        read(&stored.opened, announced, layout, &body, seed),
        (out.clone(), end.clone())
    );
    assert!(stored.plaintext.starts_with(&out));
    let is_ours = body == stored.body;
    if is_ours {
        assert_eq!(
            (out.len(), end.as_ref()),
            (stored.plaintext.len(), Ok(&stored.tail))
        );
    } else {
        assert!(end.is_err() && out.len() < stored.plaintext.len());
    }
    Outcome::of(is_ours)
}

/// Of a body that was never sealed nothing comes out, whatever length its authentic header states.
pub fn unsealed_body(data: &[u8]) -> Outcome {
    let mut choices = Choices::new(data);
    let plain = Plain(choices.u64() % LARGEST);
    let seed = choices.u8();
    let opened = fixture::announced(plain);
    let announced = geometry::stored(plain);
    let (out, end) = read(&opened, announced, None, choices.rest(), 0);
    assert!(out.is_empty());
    let refused = end.expect_err("nothing was sealed");
    assert_eq!(
        read(&opened, announced, None, choices.rest(), seed),
        (out, Err(refused))
    );
    // Bytes that only end too early were believed so far.
    Outcome::of(refused == Error::Size && !choices.rest().is_empty())
}

/// A span is the frames that hold its plaintext, found here by counting frame after frame; and they open to that
/// plaintext. The input chooses the object, the range and the splitting.
pub fn span(data: &[u8]) -> Outcome {
    let mut choices = Choices::new(data);
    let (object, seed) = (choices.u8(), choices.u8());
    let single = Plain(choices.u64() % LARGEST);
    if object % 2 == 0 {
        let opened = fixture::announced(single);
        let layout = Layout::of_single(&opened).expect("it is a single upload");
        let (first, end) = range(&mut choices, single);
        let span = checked_span(&layout, &[single.0], first, end);
        let Some(span) = span else {
            return Outcome::Refused;
        };
        let asked = geometry::single_request(first, end);
        assert_eq!(asked.start, span.stored.start);
        assert!(asked.end >= span.stored.end);
        return Outcome::Accepted;
    }
    let stored = &PARTED.stored;
    let parts: Vec<u64> = stored
        .tail
        .parts()
        .iter()
        .map(|entry| entry.plain.0)
        .collect();
    let (first, end) = range(&mut choices, stored.tail.plain());
    let Some(span) = checked_span(stored.tail.layout(), &parts, first, end) else {
        return Outcome::Refused;
    };
    let sealed = slice(&stored.body, span.stored.start.0, span.stored.end.0);
    let mut opener = SpanOpener::new(&stored.opened, span).expect("a span of this object");
    let mut out = Vec::new();
    push_all(sealed, seed, &mut out, |input| opener.push(input)).expect("nothing was changed");
    opener.finish().expect("the span is whole");
    assert!(out == slice(&stored.plaintext, first.0, end.0));
    Outcome::Accepted
}

/// The span of `first..end`, compared with the model; `None` when there rightly is none.
fn checked_span(layout: &Layout, parts: &[u64], first: Plain, end: Plain) -> Option<Span> {
    let mut touched = frames(parts).filter(|frame| frame.first < end.0 && frame.end > first.0);
    let expected = touched
        .next()
        .filter(|_| first < end && end <= layout.plain())
        .map(|head| {
            let stored_end = touched
                .last()
                .map_or(head.stored_end, |tail| tail.stored_end);
            Sealed(head.stored)..Sealed(stored_end)
        });
    let span = layout.span(first, end);
    let found = span.clone().map(|span| span.stored);
    assert_eq!(found, expected.ok_or(Error::Range));
    let span = span.ok()?;
    assert_eq!(span.plain, first..end);
    Some(span)
}

/// One frame's plaintext, and where it is stored.
struct Frame {
    first: u64,
    end: u64,
    stored: u64,
    stored_end: u64,
}

/// The frames of parts of these lengths, by the format's text: a part is 48 bytes and its frames, a frame at most
/// 65 536 bytes of plaintext and 28 more.
fn frames(parts: &[u64]) -> impl Iterator<Item = Frame> {
    let (mut first, mut stored) = (0, 0);
    parts.iter().flat_map(move |part| {
        let part_end = first + part;
        stored += 48;
        let mut frames = Vec::new();
        loop {
            let end = part_end.min(first + 65_536);
            let stored_end = stored + (end - first) + 28;
            frames.push(Frame {
                first,
                end,
                stored,
                stored_end,
            });
            (first, stored) = (end, stored_end);
            if first == part_end {
                break frames;
            }
        }
    })
}

/// A range near or outside the object, mostly short.
fn range(choices: &mut Choices<'_>, plain: Plain) -> (Plain, Plain) {
    let first = choices.u64() % (plain.0 + 2);
    let length = choices.u64() % LONGEST_RANGE;
    (Plain(first), Plain(first + length))
}

fn read(
    opened: &Opened,
    announced: Sealed,
    layout: Option<&Layout>,
    body: &[u8],
    seed: u8,
) -> (Vec<u8>, Result<Tail, Error>) {
    let mut out = Vec::new();
    let opener = match layout {
        Some(layout) => BodyOpener::with_layout(opened, announced, layout),
        None => BodyOpener::new(opened, announced),
    };
    let end = opener.and_then(|mut opener| {
        push_all(body, seed, &mut out, |input| opener.push(input))?;
        opener.finish()
    });
    let end = end.map(|(last, tail)| {
        out.extend(last);
        tail
    });
    (out, end)
}

fn push_all(
    bytes: &[u8],
    seed: u8,
    out: &mut Vec<u8>,
    mut push: impl FnMut(&mut Bytes) -> Result<Option<Bytes>, Error>,
) -> Result<(), Error> {
    for mut piece in pieces(bytes, seed) {
        while !piece.is_empty() {
            out.extend(push(&mut piece)?.into_iter().flatten());
        }
    }
    Ok(())
}

fn slice(bytes: &[u8], first: u64, end: u64) -> &[u8] {
    let index = |at| usize::try_from(at).expect("the object is in memory");
    bytes
        .get(index(first)..index(end))
        .expect("a span lies within its object")
}

/// Above it the model's count of frames takes long.
const LARGEST: u64 = 1 << 30;
const LONGEST_RANGE: u64 = 200_000;
