//! Upload ids and part tokens, as clients hand them back. It must not know how they are authenticated.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealed_object::{ClientChecksum, Facts, PartToken, UploadId};

use crate::Outcome;
use crate::choices::Choices;
use crate::fixture::{PARTED, STAGED, context, kek};

/// An upload id that parses is written as exactly the text it was read from, and is authentic only if it is ours.
/// The input is that text, or 120 bytes of state and the store's id.
pub fn upload_id(data: &[u8]) -> Outcome {
    let (state, upstream_id) = data.split_at(data.len().min(STATE_LEN));
    let upstream_id = std::str::from_utf8(upstream_id).unwrap_or_default();
    let built = format!("u1.{}.{upstream_id}", URL_SAFE_NO_PAD.encode(state));
    let mut accepted = false;
    for text in [
        std::str::from_utf8(data).unwrap_or_default(),
        built.as_str(),
    ] {
        let Ok(id) = UploadId::parse(text) else {
            continue;
        };
        assert_eq!(id.encode(), text);
        let verified = id.verify(&kek(), &context());
        let is_ours = [&STAGED, &PARTED]
            .iter()
            .any(|ours| ours.id.encode() == text);
        assert_eq!(verified.is_ok(), is_ours);
        if let Ok(upload) = verified {
            assert_eq!(
                (upload.object_id(), upload.upstream_id()),
                (id.object_id(), id.upstream_id())
            );
        }
        accepted |= is_ours;
    }
    Outcome::of(accepted)
}

/// A part token is accepted only if it is ours, for the upload it was made for, and not if a bit of it is changed.
/// The input is a token, and what a token of ours is made of.
pub fn part_token(data: &[u8]) -> Outcome {
    let text = std::str::from_utf8(data).unwrap_or_default();
    let ours = &*STAGED;
    let parsed = PartToken::parse(text, &ours.upload).ok();
    let known = ours
        .tokens
        .iter()
        .find(|token| token.encode(&ours.upload) == text);
    assert_eq!(parsed.as_ref(), known);

    let mut choices = Choices::new(data);
    let (flags, md5, at) = (choices.u8(), choices.array(), usize::from(choices.u16()));
    let etag = String::from_utf8_lossy(choices.rest());
    let facts = PARTED.facts.iter().cycle().nth(usize::from(flags >> 4));
    let facts = facts.expect("a cycle does not end").clone();
    let checksum = ClientChecksum::new(5, &md5).expect("a lawful length");
    let declared = Facts {
        md5: (flags & 1 != 0).then_some(md5),
        client_checksum: (flags & 4 != 0).then_some(checksum),
        ..Facts::default()
    };
    let token = PartToken::new(facts, &etag, flags & 2 != 0, &declared);
    assert_eq!(token.is_ok(), etag.len() <= 255);
    if let Ok(token) = token {
        let text = token.encode(&PARTED.upload);
        assert_eq!(PartToken::parse(&text, &PARTED.upload).as_ref(), Ok(&token));
        assert!(PartToken::parse(&text, &ours.upload).is_err());
        let mut changed = text.into_bytes();
        let at = at % changed.len();
        let byte = changed.get_mut(at).expect("it is within");
        *byte ^= 1 + (flags >> 2) % 127;
        let changed = String::from_utf8(changed).expect("ASCII stays ASCII");
        assert!(PartToken::parse(&changed, &PARTED.upload).is_err());
    }
    Outcome::of(known.is_some())
}

const STATE_LEN: usize = 120;
