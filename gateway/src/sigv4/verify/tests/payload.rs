//! What a verified signature says about the body.

use super::*;

#[test]
fn the_payload_is_what_content_sha256_says() {
    let payload = |value: &str| {
        let mut request = get();
        set(&mut request, "content-encoding", "aws-chunked");
        verify(&oracle::sign_payload(request, value)).map(|outcome| match outcome {
            Verification::Signed(verified) => verified.payload,
            Verification::Anonymous { .. } | Verification::Version2 => panic!("{value}"),
        })
    };
    assert!(
        matches!(payload(&"ab".repeat(32)), Ok(Payload::Literal(sha256)) if sha256 == [0xab; 32])
    );
    assert!(matches!(payload("UNSIGNED-PAYLOAD"), Ok(Payload::Unsigned)));
    assert!(matches!(
        payload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        Ok(Payload::SignedChunks(_))
    ));
    assert!(matches!(
        payload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
        Ok(Payload::SignedChunksTrailer(_))
    ));
    assert!(matches!(
        payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        Ok(Payload::UnsignedTrailer)
    ));
    for later in [
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
    ] {
        assert!(
            matches!(payload(later), Err(SignatureError::NotImplemented { .. })),
            "{later}"
        );
    }
    for wrong in [
        "",
        "abc",
        "unsigned-payload",
        "STREAMING-AWS4-HMAC-SHA256-EVENTS",
    ] {
        assert!(
            matches!(payload(wrong), Err(SignatureError::InvalidArgument { .. })),
            "{wrong}"
        );
    }
}

#[test]
fn an_unsigned_content_sha256_only_makes_a_presigned_url_stricter() {
    let with = |value: &str| {
        let mut parts = presigned(60);
        set(&mut parts, "x-amz-content-sha256", value);
        verify(&parts)
    };
    assert!(matches!(
        with("UNSIGNED-PAYLOAD"),
        Ok(Verification::Signed(Verified {
            payload: Payload::Unsigned,
            ..
        }))
    ));
    let literal = with(&"ab".repeat(32));
    assert!(matches!(
        literal,
        Ok(Verification::Signed(Verified {
            payload: Payload::Literal([0xab, ..]),
            ..
        }))
    ));
    for streaming in [
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    ] {
        assert!(
            matches!(with(streaming), Err(SignatureError::AccessDenied { .. })),
            "{streaming}"
        );
    }
    let literal = "ab".repeat(32);
    let request = oracle::request(
        "PUT",
        &format!("http://h/b/k?X-Amz-Content-Sha256={literal}"),
        &[],
    );
    let mut parts = oracle::presign_payload(request, &literal);
    assert!(matches!(
        verified(&parts).payload,
        Payload::Literal([0xab, ..])
    ));
    set(&mut parts, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert!(matches!(
        verified(&parts).payload,
        Payload::Literal([0xab, ..])
    ));
}

#[test]
fn an_unsigned_content_sha256_is_still_what_was_signed() {
    let mut parts = get();
    parts.headers.remove("x-amz-meta-a");
    set(&mut parts, "date", &httpdate::fmt_http_date(signed_at()));
    set(&mut parts, CONTENT_SHA256, &"ab".repeat(32));
    sign_by_hand(&mut parts, &["host"]);
    assert!(matches!(
        verified(&parts).payload,
        Payload::Literal([0xab, ..])
    ));
    for weaker in ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"] {
        set(&mut parts, CONTENT_SHA256, weaker);
        assert!(matches!(
            refused(&parts),
            SignatureError::SignatureDoesNotMatch { .. }
        ));
    }
}
