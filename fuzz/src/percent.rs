//! A percent-decoder by the text of RFC 3986 §2.1, to check the gateway's own against. It must not use theirs.

/// Undoes `%XX` once; a `%` without two hexadecimal digits stands for itself.
pub(crate) fn decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let encoded = (*first == b'%')
            .then(|| after.split_first_chunk())
            .flatten();
        let byte = encoded
            .and_then(|([high, low], after)| Some((digit(*high)? * 16 + digit(*low)?, after)));
        let (byte, after) = byte.unwrap_or((*first, after));
        decoded.push(byte);
        rest = after;
    }
    decoded
}

/// The decoded pairs of a query.
pub(crate) fn query(raw: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name.as_bytes()), decode(value.as_bytes()))
        })
        .collect()
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}
