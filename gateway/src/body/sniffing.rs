//! What the first bytes of a body tell of its type, whatever its headers say. They stay to be read: who reads the body
//! reads it from its beginning, and it is then that its framing, signatures and checksums are held to.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::client::BodyError;
use super::upload::Upload;
use crate::s3::form::{Boundary, FileScanner};
use crate::s3::{Operation, S3Request};
use crate::sigv4::{Decoder, Payload, Step};

/// The media type that the object's first 4 KiB show, as `video/mp4`; `None` where they show none.
///
/// Waits for these bytes, or for the end of the body, [`LONGEST_WAIT`] at most.
pub async fn sniff(
    upload: &Upload,
    request: &S3Request,
    payload: &Payload,
) -> Result<Option<&'static str>, BodyError> {
    let Some(framing) = Framing::of(request, payload) else {
        return Ok(None);
    };
    let first = tokio::time::timeout(LONGEST_WAIT, beginning(upload, framing));
    let first = first.await.map_err(|_| BodyError::Idle)??;
    Ok(type_of(&first))
}

/// The object's first bytes. All that was read is put back.
async fn beginning(upload: &Upload, mut framing: Framing) -> Result<BytesMut, BodyError> {
    let (mut read, mut plain) = (BytesMut::new(), BytesMut::new());
    while plain.len() < ENOUGH {
        let Some(frame) = std::future::poll_fn(|context| upload.poll_frame(context)).await else {
            break;
        };
        let Ok(bytes) = frame.map_err(BodyError::Broken)?.into_data() else {
            continue;
        };
        read.extend_from_slice(&bytes);
        if !framing.take_off(bytes, &mut plain) {
            break;
        }
    }
    upload.put_back(read.freeze());
    Ok(plain)
}

/// What is around the object's bytes.
enum Framing {
    Nothing,
    Chunks(Box<Decoder>),
    Form(FileScanner),
}

impl Framing {
    /// Of a body that will be refused, none.
    fn of(request: &S3Request, payload: &Payload) -> Option<Self> {
        if request.operation == Operation::PostObject {
            let content_type = request.parts.headers.get(http::header::CONTENT_TYPE)?;
            let boundary = Boundary::of(content_type.to_str().ok()?).ok()?;
            return Some(Self::Form(FileScanner::new(&boundary)));
        }
        let decoder = Decoder::for_payload(payload, &request.headers).ok()?;
        Some(decoder.map_or(Self::Nothing, |decoder| Self::Chunks(Box::new(decoder))))
    }

    /// Adds the object's part of what arrived. False when there is nothing more to come.
    fn take_off(&mut self, mut arrived: Bytes, plain: &mut BytesMut) -> bool {
        match self {
            Self::Nothing => {
                plain.extend_from_slice(&arrived);
                true
            }
            Self::Chunks(decoder) => loop {
                match decoder.push(&mut arrived) {
                    Ok(Step::Data(bytes)) => plain.extend_from_slice(&bytes),
                    Ok(Step::NeedInput) => return true,
                    // What is wrong is told by who reads the body.
                    Ok(Step::End) | Err(_) => return false,
                }
            },
            Self::Form(scanner) => match scanner.push(&arrived) {
                Ok(bytes) => {
                    plain.extend_from_slice(&bytes);
                    !scanner.found_end()
                }
                Err(_) => false,
            },
        }
    }
}

fn type_of(first: &[u8]) -> Option<&'static str> {
    let first = first.get(..ENOUGH).unwrap_or(first);
    infer::get(first).map(|kind| kind.mime_type())
}

/// Signatures are within the first 300 bytes; to tell documents in a zip file apart takes some of their names.
const ENOUGH: usize = 4096;
const LONGEST_WAIT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_their_signatures() {
        // The signatures of ISO 14496-12, ISO 32000, the PNG specification and PKWARE's APPNOTE.
        for (bytes, expected) in [
            (&b"\0\0\0\x18ftypisom\0\0\x02\0isommp41"[..], "video/mp4"),
            (b"%PDF-1.7\n", "application/pdf"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
            (b"PK\x03\x04\x14\0\0\0\x08\0", "application/zip"),
            (
                b"MZ\x90\0\x03\0\0\0\x04\0",
                "application/vnd.microsoft.portable-executable",
            ),
            (b"\x7fELF\x02\x01\x01\0", "application/x-executable"),
            (b"<!DOCTYPE html><html>", "text/html"),
        ] {
            let mut whole = bytes.to_vec();
            whole.resize(600, 0);
            assert_eq!(type_of(&whole), Some(expected));
        }
        for bytes in [&b""[..], b"PK", b"case 7: all is well"] {
            assert_eq!(type_of(bytes), None);
        }
    }

    #[test]
    fn chunks_are_taken_off_wherever_the_wire_cuts_them() {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-amz-decoded-content-length", "8".parse().unwrap());
        headers.insert("x-amz-trailer", "x-amz-checksum-crc32".parse().unwrap());
        let body = b"5\r\n%PDF-\r\n3\r\n1.7\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        for cut in 0..body.len() {
            let decoder = Decoder::for_payload(&Payload::UnsignedTrailer, &headers);
            let mut framing = Framing::Chunks(Box::new(decoder.unwrap().unwrap()));
            let mut plain = BytesMut::new();
            let (one, other) = body.split_at(cut);
            assert!(framing.take_off(Bytes::from_static(one), &mut plain));
            framing.take_off(Bytes::from_static(other), &mut plain);
            assert_eq!(plain, &b"%PDF-1.7"[..], "cut at {cut}");
        }
    }

    #[test]
    fn a_forms_file_is_taken_out_of_it() {
        let mut framing = Framing::Form(FileScanner::new(
            &Boundary::of("multipart/form-data; boundary=b").unwrap(),
        ));
        let mut plain = BytesMut::new();
        assert!(framing.take_off(Bytes::from_static(b"%PDF"), &mut plain));
        assert!(!framing.take_off(Bytes::from_static(b"-1.7\r\n--b--\r\n"), &mut plain));
        assert_eq!(plain, &b"%PDF-1.7"[..]);
    }
}
