//! The decoder on whole, cut, changed and malformed bodies. (AWS's own examples are in
//! `vectors.rs`.)

use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::sigv4::Payload;
use crate::sigv4::key::{SecretKey, SigningKey};

const CRC32: &str = "x-amz-checksum-crc32";
const LENGTH: &str = "x-amz-decoded-content-length";
const VALUE: &str = "sOO8/Q==";

/// How a body is framed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Signed,
    SignedTrailer,
    UnsignedTrailer,
}

const MODES: [Mode; 3] = [Mode::Signed, Mode::SignedTrailer, Mode::UnsignedTrailer];

impl Mode {
    fn signed(self) -> bool {
        self != Self::UnsignedTrailer
    }

    fn payload(self) -> Payload {
        match self {
            Self::Signed => Payload::SignedChunks(signer()),
            Self::SignedTrailer => Payload::SignedChunksTrailer(signer()),
            Self::UnsignedTrailer => Payload::UnsignedTrailer,
        }
    }

    fn decoder(self, length: Option<usize>) -> Decoder {
        let mut headers = HeaderMap::new();
        if let Some(length) = length {
            headers.insert(
                "x-amz-decoded-content-length",
                length.to_string().parse().unwrap(),
            );
        }
        if self != Self::Signed {
            headers.insert("x-amz-trailer", CRC32.parse().unwrap());
        }
        Decoder::for_payload(&self.payload(), &headers)
            .unwrap()
            .unwrap()
    }

    fn body(self, chunks: &[&[u8]]) -> Vec<u8> {
        let mut signer = signer();
        let mut body = Vec::new();
        for chunk in chunks.iter().copied().chain([b"".as_slice()]) {
            body.extend_from_slice(format!("{:x}", chunk.len()).as_bytes());
            if self.signed() {
                body.extend_from_slice(
                    format!(";chunk-signature={}", signer.sign_chunk(chunk)).as_bytes(),
                );
            }
            body.extend_from_slice(b"\r\n");
            body.extend_from_slice(chunk);
            if !chunk.is_empty() {
                body.extend_from_slice(b"\r\n");
            }
        }
        if self != Self::Signed {
            body.extend_from_slice(format!("{CRC32}:{VALUE}\r\n").as_bytes());
        }
        if self == Self::SignedTrailer {
            let signature = signer.sign_trailer(format!("{CRC32}:{VALUE}\n").as_bytes());
            body.extend_from_slice(format!("x-amz-trailer-signature:{signature}\r\n").as_bytes());
        }
        body.extend_from_slice(b"\r\n");
        body
    }

    fn decoded(self, length: usize) -> Decoded {
        let trailer = (self != Self::Signed).then(|| (CRC32.to_owned(), VALUE.to_owned()));
        Decoded {
            length: length as u64,
            trailer,
        }
    }
}

fn signer() -> ChunkSigner {
    let key = SigningKey::derive(
        &SecretKey::new("secret"),
        std::time::SystemTime::UNIX_EPOCH,
        "us-east-1",
        "s3",
    );
    let seed = key.sign(b"the request");
    ChunkSigner::new(
        key,
        "19700101T000000Z".to_owned(),
        "19700101/us-east-1/s3/aws4_request".to_owned(),
        seed,
    )
}

fn decode(mut decoder: Decoder, pieces: &[&[u8]]) -> Result<(Vec<u8>, Decoded), ChunkError> {
    let mut data = Vec::new();
    for piece in pieces {
        let mut input = Bytes::copy_from_slice(piece);
        while let Step::Data(bytes) = decoder.push(&mut input)? {
            assert!(!bytes.is_empty());
            data.extend_from_slice(&bytes);
        }
        assert!(input.is_empty());
    }
    Ok((data, decoder.finish()?))
}

#[test]
fn bodies_of_each_mode_decode() {
    for mode in MODES {
        let cases: [&[&[u8]]; 3] = [&[], &[b"a"], &[b"hello ", b"world", b"\r\n0\r\n\r\n"]];
        for chunks in cases {
            let data = chunks.concat();
            let body = mode.body(chunks);
            let expected = (data.clone(), mode.decoded(data.len()));
            assert_eq!(
                decode(mode.decoder(Some(data.len())), &[&body]),
                Ok(expected),
                "{mode:?}"
            );
        }
    }
    // The wire length of an empty signed body every client agrees on.
    assert_eq!(Mode::Signed.body(&[]).len(), 86);
}

#[test]
fn data_is_a_slice_of_the_input() {
    let body = Bytes::from(Mode::Signed.body(&[&[7; 1000]]));
    let mut input = body.clone();
    let Ok(Step::Data(data)) = Mode::Signed.decoder(Some(1000)).push(&mut input) else {
        panic!()
    };
    assert!(body.as_ptr_range().contains(&data.as_ptr()));
    assert_eq!(data.len(), 1000);
}

#[test]
fn an_unsigned_body_may_leave_its_length_out() {
    let body = Mode::UnsignedTrailer.body(&[b"abc"]);
    assert!(decode(Mode::UnsignedTrailer.decoder(None), &[&body]).is_ok());
    for payload in [Mode::Signed.payload(), Mode::SignedTrailer.payload()] {
        let outcome = Decoder::for_payload(&payload, &HeaderMap::new());
        assert_eq!(outcome.err(), Some(ChunkError::MissingContentLength));
    }
    assert!(
        Decoder::for_payload(&Payload::Unsigned, &HeaderMap::new())
            .unwrap()
            .is_none()
    );
}

#[test]
fn headers_that_do_not_fit_are_refused() {
    let refused = |payload: Payload, pairs: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        let outcome = Decoder::for_payload(&payload, &headers);
        assert!(
            matches!(outcome, Err(ChunkError::InvalidRequest { .. })),
            "{pairs:?}"
        );
    };
    for length in ["", "-1", "+1", "1a", "99999999999999999999999"] {
        refused(signer_payload(), &[(LENGTH, length)]);
    }
    refused(signer_payload(), &[(LENGTH, "1"), (LENGTH, "1")]);
    refused(signer_payload(), &[(LENGTH, "1"), ("x-amz-trailer", CRC32)]);
    refused(Payload::UnsignedTrailer, &[]);
    refused(Payload::UnsignedTrailer, &[("x-amz-trailer", "")]);
    refused(Payload::UnsignedTrailer, &[("x-amz-trailer", "a,b")]);
    refused(
        Payload::UnsignedTrailer,
        &[("x-amz-trailer", "a"), ("x-amz-trailer", "b")],
    );
}

fn signer_payload() -> Payload {
    Mode::Signed.payload()
}

#[test]
fn truncated_bodies_are_refused() {
    for mode in MODES {
        let body = mode.body(&[b"hello", b"world"]);
        for length in 0..body.len() {
            let outcome = decode(mode.decoder(Some(10)), &[&body[..length]]);
            assert!(
                matches!(outcome, Err(ChunkError::Truncated { .. })),
                "{mode:?} {length} {outcome:?}"
            );
        }
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    for mode in MODES {
        let body = mode.body(&[b"hello"]);
        let longer = [body.as_slice(), b"\r\n"].concat();
        for pieces in [&[longer.as_slice()][..], &[&body, b"x"]] {
            let outcome = decode(mode.decoder(Some(5)), pieces);
            assert!(
                matches!(outcome, Err(ChunkError::Malformed { .. })),
                "{outcome:?}"
            );
        }
    }
}

#[test]
fn the_decoded_length_must_be_the_announced_one() {
    for mode in MODES {
        let body = mode.body(&[b"hello", b"world"]);
        for announced in [0, 4, 9, 11, 1000] {
            let outcome = decode(mode.decoder(Some(announced)), &[&body]);
            assert!(
                matches!(outcome, Err(ChunkError::IncompleteBody { .. })),
                "{mode:?} {announced} {outcome:?}"
            );
        }
    }
}

#[test]
fn malformed_framing_is_refused() {
    let long = "0".repeat(17);
    let cases: &[&str] = &[
        "\r\n",
        "g\r\n",
        " 1\r\n",
        "1 \r\n",
        "+1\r\n",
        "-1\r\n",
        "0x1\r\n",
        "1\n",
        "1\r\r\n",
        "1;a=b\r\n",
        "1;\r\n",
        &format!("{long}\r\n"),
        "1\r\nab\r\n",
        "1\r\na\n",
        "3\r\nabc\r\n\r\n",
        "3\r\nabc0\r\n",
    ];
    for case in cases {
        let outcome = decode(Mode::UnsignedTrailer.decoder(None), &[case.as_bytes()]);
        assert!(
            matches!(outcome, Err(ChunkError::Malformed { .. })),
            "{case:?} {outcome:?}"
        );
    }
    let signature = "a".repeat(64);
    for head in [
        "0\r\n".to_owned(),
        format!("0;signature={signature}\r\n"),
        format!("0; chunk-signature={signature}\r\n"),
        format!("0;chunk-signature={signature}0\r\n"),
        format!("0;chunk-signature={signature};a=b\r\n"),
        format!("0;Chunk-Signature={signature}\r\n"),
        "0;chunk-signature=\r\n".to_owned(),
    ] {
        let outcome = decode(Mode::Signed.decoder(Some(0)), &[head.as_bytes()]);
        assert!(
            matches!(outcome, Err(ChunkError::Malformed { .. })),
            "{head:?} {outcome:?}"
        );
    }
}

#[test]
fn sixteen_digits_are_a_size_and_no_overflow() {
    let mut decoder = Mode::UnsignedTrailer.decoder(None);
    let mut input = Bytes::from_static(b"ffffffffffffffff\r\nabc");
    assert_eq!(
        decoder.push(&mut input),
        Ok(Step::Data(Bytes::from_static(b"abc")))
    );
    let outcome = decode(
        Mode::UnsignedTrailer.decoder(None),
        &[b"1\r\na\r\nffffffffffffffff\r\n"],
    );
    assert_eq!(
        outcome,
        Err(ChunkError::IncompleteBody {
            announced: None,
            decoded: None
        })
    );
}

#[test]
fn lines_have_a_limit() {
    let outcome = decode(Mode::UnsignedTrailer.decoder(None), &[&[b'0'; MAX_LINE]]);
    assert!(matches!(outcome, Err(ChunkError::Truncated { .. })));
    let outcome = decode(
        Mode::UnsignedTrailer.decoder(None),
        &[&[b'0'; MAX_LINE], b"0"],
    );
    assert!(matches!(outcome, Err(ChunkError::Malformed { .. })));
    let trailer = [b"0\r\nx-amz-checksum-crc32:".as_slice(), &[b'a'; MAX_LINE]].concat();
    let outcome = decode(Mode::UnsignedTrailer.decoder(None), &[&trailer]);
    assert!(matches!(outcome, Err(ChunkError::Malformed { .. })));
}

#[test]
fn trailers_come_as_announced_or_not_at_all() {
    let unsigned = |trailer: &str| {
        let body = format!("0\r\n{trailer}\r\n");
        decode(Mode::UnsignedTrailer.decoder(None), &[body.as_bytes()])
    };
    assert!(unsigned(&format!("{CRC32}:{VALUE}\r\n")).is_ok());
    assert!(unsigned(&format!("X-Amz-Checksum-CRC32: {VALUE} \r\n")).is_ok());
    assert!(unsigned(&format!("{CRC32}:{VALUE}\n\r\n")).is_ok());
    for trailer in [
        String::new(),
        "x-amz-checksum-sha1:AAAA\r\n".to_owned(),
        format!("{CRC32}:{VALUE}\r\n{CRC32}:{VALUE}\r\n"),
        format!("{CRC32}:{VALUE}\r\nx-amz-meta-a:b\r\n"),
        format!(
            "{CRC32}:{VALUE}\r\nx-amz-trailer-signature:{}\r\n",
            "a".repeat(64)
        ),
        format!("{CRC32}:\r\n"),
        format!("{CRC32}\r\n"),
        format!("{CRC32}:\u{e9}\r\n"),
    ] {
        let outcome = unsigned(&trailer);
        assert!(
            matches!(outcome, Err(ChunkError::MalformedTrailer { .. })),
            "{trailer:?} {outcome:?}"
        );
    }
    for trailer in [
        format!("{CRC32}:{VALUE}\n"),
        format!("{CRC32}:a\nb\r\n"),
        format!("{CRC32}:{VALUE}\n\n\r\n"),
        format!("{CRC32}:{VALUE}\r\n\n"),
    ] {
        assert!(unsigned(&trailer).is_err(), "{trailer:?}");
    }
    let body = Mode::Signed.body(&[]);
    let smuggled = [&body[..body.len() - 2], b"x-amz-acl:private\r\n\r\n"].concat();
    let outcome = decode(Mode::Signed.decoder(Some(0)), &[&smuggled]);
    assert!(matches!(outcome, Err(ChunkError::MalformedTrailer { .. })));
}

#[test]
fn a_signed_trailer_needs_its_signature_last() {
    let body = String::from_utf8(Mode::SignedTrailer.body(&[])).unwrap();
    let (head, trailer) = body.split_once("\r\n").unwrap();
    let (header, signature) = trailer.split_once("\r\n").unwrap();
    let signature = signature.trim_end();
    for (trailer, wrong) in [
        (format!("{header}\r\n"), "missing"),
        (format!("{signature}\r\n{header}\r\n"), "first"),
        (
            format!("{header}\r\n{signature}\r\n{signature}\r\n"),
            "twice",
        ),
    ] {
        let body = format!("{head}\r\n{trailer}\r\n");
        let outcome = decode(Mode::SignedTrailer.decoder(Some(0)), &[body.as_bytes()]);
        assert!(
            matches!(outcome, Err(ChunkError::MalformedTrailer { .. })),
            "{wrong} {outcome:?}"
        );
    }
    let forged = body.replace(VALUE, "AAAAAA==");
    let outcome = decode(Mode::SignedTrailer.decoder(Some(0)), &[forged.as_bytes()]);
    assert_eq!(outcome, Err(ChunkError::TrailerSignature));
}

#[test]
fn the_last_bytes_of_a_wrong_chunk_are_not_handed_out() {
    let mut body = Mode::Signed.body(&[b"hello"]);
    let position = body
        .windows(5)
        .position(|window| window == b"hello")
        .unwrap();
    body[position] = b'j';
    let mut decoder = Mode::Signed.decoder(Some(5));
    assert!(matches!(
        decoder.push(&mut Bytes::from(body)),
        Err(ChunkError::ChunkSignature { .. })
    ));
    // And a decoder that failed stays so.
    assert!(decoder.push(&mut Bytes::from_static(b"x")).is_err());
    assert!(decoder.push(&mut Bytes::new()).is_err());
    assert!(decoder.finish().is_err());
}

#[test]
fn chunks_left_out_repeated_or_swapped_are_refused() {
    let body = Mode::Signed.body(&[b"aaaaa", b"bbbbb"]);
    let (chunk, rest) = body.split_at("5;chunk-signature=".len() + 64 + 2 + 5 + 2);
    assert!(
        chunk.ends_with(b"aaaaa\r\n"),
        "{}",
        String::from_utf8_lossy(chunk)
    );
    let (second, last) = rest.split_at(chunk.len());
    for (pieces, length) in [
        ([second, last, b""], 5),
        ([chunk, last, b""], 5),
        ([second, chunk, last], 10),
        ([chunk, chunk, last], 10),
    ] {
        let outcome = decode(Mode::Signed.decoder(Some(length)), &pieces);
        assert!(
            matches!(outcome, Err(ChunkError::ChunkSignature { .. })),
            "{outcome:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn any_cut_of_the_wire_gives_the_same(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..200), 0..5),
        mut cuts in proptest::collection::vec(0..1500_usize, 0..20),
        mode in proptest::sample::select(&MODES),
    ) {
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let body = mode.body(&chunks);
        let data = chunks.concat();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut begin = 0;
        for cut in cuts.into_iter().map(|cut| cut.min(body.len())).chain([body.len()]) {
            pieces.push(&body[begin..cut]);
            begin = cut;
        }
        let expected = (data.clone(), mode.decoded(data.len()));
        prop_assert_eq!(decode(mode.decoder(Some(data.len())), &pieces), Ok(expected.clone()));
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        prop_assert_eq!(decode(mode.decoder(Some(data.len())), &bytes), Ok(expected));
    }

    /// Only the case of a chunk's size and of a header's name mean nothing, and a signed trailer's
    /// spaces.
    #[test]
    fn any_changed_byte_of_a_signed_body_fails(
        chunk in proptest::collection::vec(any::<u8>(), 1..300),
        position in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
        mode in proptest::sample::select(&[Mode::Signed, Mode::SignedTrailer]),
    ) {
        let body = mode.body(&[&chunk]);
        let mut changed = body.clone();
        let position = position.index(body.len());
        changed[position] ^= flip;
        match decode(mode.decoder(Some(chunk.len())), &[&changed]) {
            Err(_) => {}
            Ok(outcome) => {
                prop_assert!(body.eq_ignore_ascii_case(&changed), "{position}");
                prop_assert_eq!(outcome, (chunk.clone(), mode.decoded(chunk.len())));
            }
        }
    }
}
