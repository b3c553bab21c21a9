//! Known answers under suite 0x02: what `vectors/generate.py` sealed with nonces of its own is opened here.

use sealed_object::{PartToken, Sealed, UploadId};

use crate::vector::Vector;
use crate::world::{MIB5, UPSTREAM_ID, context, kek, plaintext, size};

/// The whole body, which must be the one the other fields describe.
fn body(vector: &Vector) -> Vec<u8> {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let body = engine.decode(vector.get("body")).unwrap();
    assert_eq!(size(&body), Sealed(vector.number("stored")));
    assert_eq!(
        blake3::hash(&body).to_hex().as_str(),
        vector.get("body-blake3")
    );
    body
}

#[test]
fn f6_f9_f13_f14_f15_f16_f18_f19_f20_f21_f22_single_uploads_of_another_sealer_are_opened() {
    let vectors = Vector::all(include_str!("../vectors/fips-single.vec"));
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
        vector.check_reading(&body(&vector));
    }
}

#[test]
fn f8_f17_f20_f28_f29_multipart_uploads_of_another_sealer_are_opened() {
    let vectors = Vector::all(include_str!("../vectors/fips-multipart.vec"));
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let body = body(&vector);
        vector.check_reading(&body);

        let id = UploadId::parse(vector.get("upload-id")).unwrap();
        assert_eq!(id.upstream_id(), UPSTREAM_ID);
        let upload = id.verify(&kek(), &context()).unwrap();
        assert_eq!(upload.checksum(), vector.choice());
        let [part_no, len, ct_hash, md5, checksum, text] =
            <[&str; 6]>::try_from(vector.get("part").split(' ').collect::<Vec<_>>()).unwrap();
        let token = PartToken::parse(text, &upload).unwrap();
        assert_eq!(token.encode(&upload), text);
        assert_eq!(token.part_no().to_string(), part_no);
        assert_eq!(token.plain().0.to_string(), len);
        assert_eq!(hex::encode(token.ct_hash()), ct_hash);
        assert_eq!(
            token.md5().map(hex::encode),
            (md5 != "-").then(|| md5.to_owned())
        );
        let declared = token
            .client_checksum()
            .map(|kept| format!("{}:{}", kept.algorithm(), hex::encode(kept.value())));
        assert_eq!(declared.unwrap_or_else(|| "-".to_owned()), checksum);
        assert_eq!(token.is_staged(), token.plain().0 < MIB5);
        assert_eq!(
            token.pt_digest(),
            crate::world::hash(&plaintext(0, token.plain().0))
        );
    }
}
