//! The trailing header of a chunked body, and its signature. It must not know what the header
//! means.

use super::ChunkError;
use crate::sigv4::chunk_signer::ChunkSigner;

/// The lines after the last chunk.
#[derive(Debug)]
pub(super) struct Trailer {
    /// The one name `x-amz-trailer` announced, in lower case.
    announced: Option<String>,
    found: Option<(String, String)>,
    signed: bool,
}

impl Trailer {
    pub(super) fn new(announced: Option<String>) -> Self {
        Self {
            announced,
            found: None,
            signed: false,
        }
    }

    /// Takes one line, which is not empty.
    pub(super) fn take_line(
        &mut self,
        line: &[u8],
        signer: Option<&ChunkSigner>,
    ) -> Result<(), ChunkError> {
        let text = std::str::from_utf8(line)
            .ok()
            .filter(|text| text.is_ascii());
        let (name, value) = text
            .and_then(|text| text.split_once(':'))
            .ok_or_else(|| malformed("a line is not \"name:value\" in ASCII"))?;
        let (name, value) = (name.to_ascii_lowercase(), value.trim_matches(' '));
        match (&self.found, signer) {
            (None, _) if self.announced.as_ref() == Some(&name) && !value.is_empty() => {
                self.found = Some((name, value.to_owned()));
                Ok(())
            }
            (Some(found), Some(signer)) if name == SIGNATURE_NAME && !self.signed => {
                let canonical = format!("{}:{}\n", found.0, found.1);
                self.signed = signer.verify_trailer(canonical.as_bytes(), value.as_bytes());
                if self.signed {
                    Ok(())
                } else {
                    Err(ChunkError::TrailerSignature)
                }
            }
            (Some(found), _) if found.0 == name => Err(malformed("a header came twice")),
            _ => Err(malformed(
                "a header came that x-amz-trailer does not announce, or that has no value",
            )),
        }
    }

    /// Fails unless everything announced was there.
    pub(super) fn end(&self, signer: Option<&ChunkSigner>) -> Result<(), ChunkError> {
        if self.announced.is_some() && self.found.is_none() {
            return Err(malformed("the header x-amz-trailer announces is missing"));
        }
        if self.announced.is_some() && signer.is_some() && !self.signed {
            return Err(malformed("x-amz-trailer-signature is missing"));
        }
        Ok(())
    }

    pub(super) fn into_found(self) -> Option<(String, String)> {
        self.found
    }
}

fn malformed(problem: &'static str) -> ChunkError {
    ChunkError::MalformedTrailer { problem }
}

const SIGNATURE_NAME: &str = "x-amz-trailer-signature";
