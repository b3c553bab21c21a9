//! Failure vectors: every edit of a stored object is refused as `vectors/refused.vec` says.

use sealed_object::Envelope;

use crate::vector::Vector;
use crate::world::{self, context, kek, plaintext, read, size};

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
        let opened = Envelope::parse(&engine.encode(header), None, None)
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
