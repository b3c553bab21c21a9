//! What the headers and each chunk's first line say about the chunks. It must not know the data.

use http::HeaderMap;
use sha2::{Digest, Sha256};

use super::trailer::Trailer;
use super::{ChunkError, Decoder, State};
use crate::sigv4::chunk_signer::ChunkSigner;
use crate::sigv4::payload::Payload;

impl Decoder {
    /// The decoder for a body whose payload was verified to be of this kind; `None` when the body
    /// is sent as it is. Reads `x-amz-decoded-content-length` and `x-amz-trailer`.
    ///
    /// Without `x-amz-decoded-content-length` a signed payload fails with `MissingContentLength`;
    /// an unsigned one does not, for clients that stream what they cannot measure.
    pub fn for_payload(payload: &Payload, headers: &HeaderMap) -> Result<Option<Self>, ChunkError> {
        let (signer, has_trailer) = match payload {
            Payload::Literal(_) | Payload::Unsigned => return Ok(None),
            Payload::SignedChunks(signer) => (Some(signer.clone()), false),
            Payload::SignedChunksTrailer(signer) => (Some(signer.clone()), true),
            Payload::UnsignedTrailer => (None, true),
        };
        let length = decoded_length(headers)?;
        if signer.is_some() && length.is_none() {
            return Err(ChunkError::MissingContentLength);
        }
        let announced = announced_trailer(headers)?;
        if announced.is_some() != has_trailer {
            let problem = if has_trailer {
                "x-amz-content-sha256 announces a trailer, but x-amz-trailer does not name it"
            } else {
                "x-amz-trailer names a trailer, but x-amz-content-sha256 does not announce one"
            };
            return Err(ChunkError::InvalidRequest { problem });
        }
        Ok(Some(Self::new(signer, announced, length)))
    }

    /// A decoder; chunks are signed exactly when there is a signer.
    pub(super) fn new(
        signer: Option<ChunkSigner>,
        announced: Option<String>,
        length: Option<u64>,
    ) -> Self {
        Self {
            state: State::ChunkHead,
            signer,
            trailer: Trailer::new(announced),
            line: Vec::new(),
            chunk_hash: Sha256::new(),
            chunk_signature: Vec::new(),
            announced_length: length,
            decoded: 0,
            consumed: 0,
        }
    }
}

/// Reads a chunk's first line: its size, and its signature when it must have one.
pub(super) fn parse(line: &[u8], signed: bool) -> Result<(u64, &[u8]), &'static str> {
    let mut halves = line.splitn(2, |byte| *byte == b';');
    let size = halves
        .next()
        .and_then(size)
        .ok_or("the size of a chunk is not 1 to 16 hexadecimal digits")?;
    match (halves.next(), signed) {
        (None, false) => Ok((size, b"")),
        (None, true) => Err("a chunk has no chunk-signature"),
        (Some(_), false) => Err("a chunk has an extension, but the body is not signed"),
        (Some(extension), true) => match extension.strip_prefix(b"chunk-signature=") {
            Some(signature) if signature.len() == SIGNATURE_LENGTH => Ok((size, signature)),
            _ => Err("the extension of a chunk is not chunk-signature with 64 hexadecimal digits"),
        },
    }
}

fn size(digits: &[u8]) -> Option<u64> {
    let fits = !digits.is_empty() && digits.len() <= MAX_SIZE_DIGITS;
    let hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits)
        .ok()
        .filter(|_| fits && hexadecimal)?;
    u64::from_str_radix(text, 16).ok()
}

fn decoded_length(headers: &HeaderMap) -> Result<Option<u64>, ChunkError> {
    let mut values = headers.get_all("x-amz-decoded-content-length").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let digits = !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit);
    let length = value
        .to_str()
        .ok()
        .filter(|_| digits && values.next().is_none())
        .and_then(|text| text.parse().ok());
    let problem = "x-amz-decoded-content-length must be one number of bytes";
    length
        .map(Some)
        .ok_or(ChunkError::InvalidRequest { problem })
}

fn announced_trailer(headers: &HeaderMap) -> Result<Option<String>, ChunkError> {
    let mut values = headers.get_all("x-amz-trailer").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let name = value.to_str().unwrap_or("").trim().to_ascii_lowercase();
    if values.next().is_some() || name.is_empty() || name.contains(',') {
        return Err(ChunkError::InvalidRequest {
            problem: "x-amz-trailer must name exactly one header",
        });
    }
    Ok(Some(name))
}

pub(super) const SIGNATURE_LENGTH: usize = 64;
const MAX_SIZE_DIGITS: usize = 16;
