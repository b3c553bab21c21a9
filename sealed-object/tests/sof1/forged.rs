//! Failure vectors made with the keys at hand: every object of `vectors/forged.vec`, of either suite, is refused with
//! its class.

use base64::Engine as _;
use sealed_object::{Context, Envelope, Error, Kek, KeyId, Suite};

use crate::vector::Vector;
use crate::world::{plaintext, read, size};

#[test]
fn f3_f6_f7_f9_f10_f11_f14_f17_f19_f20_f24_f25_forged_objects_are_refused_with_their_class() {
    let vectors = Vector::all(include_str!("../vectors/forged.vec"));
    let of = |suite| {
        let count = |vector: &&Vector| vector.get("suite") == suite;
        vectors.iter().filter(count).count()
    };
    assert_eq!((of("1"), of("2")), (29, 29));
    for vector in vectors {
        let what = format!("{} in suite {}", vector.get("what"), vector.get("suite"));
        let (released, outcome) = opened(&vector);
        let found = outcome.map_or_else(Error::code, |()| "opened");
        assert_eq!(found, vector.get("expect"), "{what}");
        let text = plaintext(0, 300);
        assert_eq!(released == text, found == "opened", "{what}: released");
        assert!(text.starts_with(&released), "{what}: not its plaintext");
    }
}

/// What a reader of this vector is given, and how it ends.
fn opened(vector: &Vector) -> (Vec<u8>, Result<(), Error>) {
    let instead = |name, usual: &str| {
        let given = vector.each(name);
        given.first().map_or(usual, |text| text).to_owned()
    };
    let hexed = |name, usual: &str| hex::decode(instead(name, usual)).unwrap();
    let kek_id = hexed("read-kek-id", "6b656b2d30303031").try_into().unwrap();
    let kek = hex::encode((0..32).collect::<Vec<u8>>());
    let kek = Kek::new(KeyId(kek_id), hexed("read-kek", &kek).try_into().unwrap());
    let bucket = hexed("read-bucket", "101112131415161718191a1b1c1d1e1f");
    let key = instead("read-key", "reports/räksmörgås 2026.pdf");
    let minimum = instead("read-minimum", "1").parse().unwrap();
    let context = Context::new(
        &instead("read-tenant", "acme"),
        &bucket.try_into().unwrap(),
        key.as_bytes(),
    )
    .with_minimum(Suite::from_id(minimum).unwrap());

    let sof_m = Some(vector.get("sof-m")).filter(|text| !text.is_empty());
    let envelope = Envelope::parse(vector.get("sof-h"), sof_m, None);
    match envelope.and_then(|envelope| envelope.open(&kek, &context)) {
        Ok(opened) => {
            let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
            let body = engine.decode(vector.get("body")).unwrap();
            let (released, outcome) = read(&opened, &body, size(&body), &[]);
            (released, outcome.map(drop))
        }
        Err(error) => (Vec::new(), Err(error)),
    }
}
