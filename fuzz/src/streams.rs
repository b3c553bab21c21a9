//! Parsers that see their input in pieces: what they make of it must not depend on where the pieces break. It must
//! not know signatures or listings beyond what it checks.

use gateway::s3::xml::{Element, ListingRewriter};
use gateway::sigv4::{ChunkError, Decoded, Decoder, Payload, Step};
use http::HeaderMap;

use crate::Outcome;
use crate::choices::{Choices, pieces};
use crate::{seeds, signatures};

/// A chunked body is the same at any splitting, and complete to the byte; signed, nothing but the data that was signed is accepted; unsigned,
/// it is the same when it is framed plainly. The input chooses the form; the rest edits AWS's example, or is a body.
pub fn aws_chunked(data: &[u8]) -> Outcome {
    let mut choices = Choices::new(data);
    let (form, seed) = (choices.u8(), choices.u8());
    if form % 3 == 0 {
        let (data, end) = decode(unsigned(), choices.rest(), 0);
        let (pieced, pieced_end) = decode(unsigned(), choices.rest(), seed);
        assert_eq!((&data, &end), (&pieced, &pieced_end));
        let Ok(decoded) = end else {
            return Outcome::Refused;
        };
        is_all_of_it(unsigned, choices.rest());
        assert_eq!(decoded.length, data.len() as u64);
        let (name, value) = decoded.trailer.clone().expect("it was announced");
        let size = if data.is_empty() {
            String::new()
        } else {
            format!("{:x}\r\n", data.len())
        };
        let gap = if data.is_empty() { "" } else { "\r\n" };
        let end = format!("{gap}0\r\n{name}:{value}\r\n\r\n");
        let plainly = [size.as_bytes(), &data, end.as_bytes()].concat();
        assert_eq!(decode(unsigned(), &plainly, seed), (data, Ok(decoded)));
        return Outcome::Accepted;
    }
    let (head, body) = seeds::chunked(form % 3 == 2);
    let body = choices.edit(&body);
    let (data, end) = decode(signed(&head), &body, 0);
    let (pieced, pieced_end) = decode(signed(&head), &body, seed);
    assert_eq!(end, pieced_end);
    // Data of a chunk is handed out before its signature is known, so a refused body may have given any of it.
    if let Ok(decoded) = &end {
        is_all_of_it(|| signed(&head), &body);
        assert!(data == pieced && data == vec![b'a'; 66_560]);
        let trailer = decoded.trailer.as_ref().map(|(_, value)| value.as_str());
        assert_eq!(trailer, (form % 3 == 2).then_some("sOO8/Q=="));
    }
    Outcome::of(end.is_ok())
}

/// A listing is rewritten to the same bytes at any splitting, and one that can be read can be read afterwards, with
/// every element in its place that is not rewritten. The input is a splitting and the store's document.
pub fn listing(data: &[u8]) -> Outcome {
    let mut choices = Choices::new(data);
    let (one, other) = (choices.u8(), choices.u8());
    let document = choices.rest();
    let rewritten = rewrite(document, 0);
    assert_eq!(rewrite(document, one), rewritten);
    assert_eq!(rewrite(document, other), rewritten);
    let Ok(root) = Element::parse(document) else {
        return Outcome::Refused;
    };
    if !is_plain(document) || !has_leaves(&root) {
        return Outcome::Refused;
    }
    let again = Element::parse(&rewritten).expect("what could be read can be read again");
    assert_eq!(outline(&again), outline(&root));
    Outcome::Accepted
}

/// Of an accepted body not a byte may be missing, and none may follow.
fn is_all_of_it(decoder: impl Fn() -> Decoder, body: &[u8]) {
    let shorter = body.split_last().map_or(body, |(_, shorter)| shorter);
    assert_eq!(decode(decoder(), shorter, 0).1, Err("truncated"));
    let longer = [body, b"\n"].concat();
    assert!(decode(decoder(), &longer, 0).1.is_err());
}

fn decode(mut decoder: Decoder, body: &[u8], seed: u8) -> (Vec<u8>, Result<Decoded, &'static str>) {
    let mut data = Vec::new();
    for mut piece in pieces(body, seed) {
        loop {
            match decoder.push(&mut piece) {
                Ok(Step::Data(bytes)) => data.extend(bytes),
                Ok(Step::NeedInput | Step::End) => break,
                Err(error) => return (data, Err(kind(&error))),
            }
        }
    }
    (data, decoder.finish().map_err(|error| kind(&error)))
}

/// An error without the offset, which says only about where.
fn kind(error: &ChunkError) -> &'static str {
    match error {
        ChunkError::Malformed { problem, .. }
        | ChunkError::MalformedTrailer { problem }
        | ChunkError::InvalidRequest { problem } => problem,
        ChunkError::ChunkSignature { .. } => "chunk signature",
        ChunkError::TrailerSignature => "trailer signature",
        ChunkError::IncompleteBody { .. } => "incomplete",
        ChunkError::Truncated { .. } => "truncated",
        ChunkError::MissingContentLength => "no length",
    }
}

fn unsigned() -> Decoder {
    let mut headers = HeaderMap::new();
    headers.insert(
        "x-amz-trailer",
        http::HeaderValue::from_static("x-amz-checksum-crc32"),
    );
    decoder(&Payload::UnsignedTrailer, &headers)
}

fn signed(head: &[u8]) -> Decoder {
    let (parts, verified) = signatures::verified(head);
    decoder(&verified.payload, &parts.headers)
}

fn decoder(payload: &Payload, headers: &HeaderMap) -> Decoder {
    let decoder = Decoder::for_payload(payload, headers).expect("the headers fit the payload");
    decoder.expect("the payload is chunked")
}

fn rewrite(document: &[u8], seed: u8) -> Vec<u8> {
    let mut rewriter = ListingRewriter::new("docs", "owner", |stored| stored.checked_sub(540));
    let mut out = Vec::new();
    for piece in pieces(document, seed) {
        rewriter.push(&piece, &mut out);
    }
    rewriter.finish(&mut out);
    out
}

/// Whether the document keeps to what stores write, which is what the rewriter is exact for: no CDATA, no comments,
/// no prefixed names, no `>` in an attribute.
fn is_plain(document: &[u8]) -> bool {
    let text = String::from_utf8_lossy(document);
    let mut tags = text
        .split('<')
        .skip(1)
        .map(|tag| tag.split('>').next().unwrap_or_default());
    tags.all(|tag| {
        let name = tag
            .split([' ', '\t', '\r', '\n'])
            .next()
            .unwrap_or_default();
        let is_quoted = |quote| tag.matches(quote).count() % 2 == 0;
        !tag.starts_with('!') && !name.contains(':') && is_quoted('"') && is_quoted('\'')
    })
}

/// Whether what is rewritten holds text only.
fn has_leaves(element: &Element) -> bool {
    let is_leaf = element.children.is_empty();
    (is_leaf || !is_rewritten(&element.name)) && element.children.iter().all(has_leaves)
}

/// The document without the texts that are rewritten and the elements that are dropped.
fn outline(element: &Element) -> Element {
    let kept = element
        .children
        .iter()
        .filter(|child| !DROPPED.contains(&child.name.as_str()));
    Element {
        name: element.name.clone(),
        text: if is_rewritten(&element.name) {
            String::new()
        } else {
            element.text.clone()
        },
        children: kept.map(outline).collect(),
    }
}

fn is_rewritten(name: &str) -> bool {
    REWRITTEN.contains(&name) || DROPPED.contains(&name)
}

const REWRITTEN: [&str; 5] = ["Size", "ETag", "Name", "ID", "DisplayName"];
const DROPPED: [&str; 2] = ["ChecksumAlgorithm", "ChecksumType"];
