//! `multipart/form-data` (RFC 7578), strictly: the fields before the file, and the file's bytes as they stream by.
//! It must not know what a field means.

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::memmem;

use crate::s3::code::{Code, S3Error};

/// What stands before each part and behind the last one, with its line break and its dashes.
#[derive(Debug, Clone)]
pub struct Boundary(Vec<u8>);

impl Boundary {
    /// The boundary that a `Content-Type` of `multipart/form-data` names. `PreconditionFailed` for any other type, as
    /// S3 has it; `MalformedPOSTRequest` for a boundary that RFC 2046 does not allow.
    pub fn of(content_type: &str) -> Result<Self, S3Error> {
        let mut parameters = content_type.split(';').map(str::trim);
        let is_form = parameters
            .next()
            .is_some_and(|media| media.eq_ignore_ascii_case("multipart/form-data"));
        if !is_form {
            return Err(Code::PreconditionFailed
                .because("Bucket POST must be of the enclosure-type multipart/form-data.")
                .with(
                    "Condition",
                    "Bucket POST must be of the enclosure-type multipart/form-data",
                ));
        }
        let boundary = parameters
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))
            .map(|(_, value)| value.trim().trim_matches('"'));
        let is_allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
        boundary
            .filter(|text| (1..=70).contains(&text.len()) && text.bytes().all(is_allowed))
            .map(|text| Self(format!("\r\n--{text}").into_bytes()))
            .ok_or_else(|| malformed("its Content-Type names no boundary that RFC 2046 allows"))
    }

    /// The fewest bytes that can follow a file: the boundary with its dashes.
    pub fn shortest_end(&self) -> u64 {
        u64::try_from(self.0.len())
            .unwrap_or(u64::MAX)
            .saturating_add(2)
    }
}

/// Reads the fields before the file from the bytes as they arrive.
#[derive(Debug)]
pub struct HeadReader {
    boundary: Boundary,
    /// Begins with a line break, so that the first boundary is like the others.
    buffer: BytesMut,
    /// Up to here no boundary was found behind the headers of the part that is being read.
    searched: usize,
    received: usize,
    fields: Vec<(String, String)>,
}

/// The fields before the file.
#[derive(Debug)]
pub struct FormHead {
    /// Names as they came, values.
    pub fields: Vec<(String, String)>,
    /// The name that the browser gave the file.
    pub file_name: String,
    /// What has arrived of the file and of what follows it.
    pub rest: Bytes,
    /// How many bytes stood before the file.
    pub length: u64,
}

impl HeadReader {
    /// A reader of a form with this boundary.
    pub fn new(boundary: Boundary) -> Self {
        Self {
            boundary,
            buffer: BytesMut::from(LINE_BREAK),
            searched: 0,
            received: 0,
            fields: Vec::new(),
        }
    }

    /// Takes the next bytes. Gives the head once the file has begun.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<FormHead>, S3Error> {
        self.received = self.received.saturating_add(bytes.len());
        self.buffer.extend_from_slice(bytes);
        loop {
            match self.next_part()? {
                Part::Incomplete => break,
                Part::Field => {}
                Part::File { file_name } => {
                    let rest = std::mem::take(&mut self.buffer).freeze();
                    let length = self.received.saturating_sub(rest.len());
                    if length > LONGEST_HEAD {
                        return Err(too_long());
                    }
                    return Ok(Some(FormHead {
                        fields: std::mem::take(&mut self.fields),
                        file_name,
                        rest,
                        length: u64::try_from(length).unwrap_or(u64::MAX),
                    }));
                }
            }
        }
        let before_file = self.received;
        if before_file > LONGEST_HEAD {
            return Err(too_long());
        }
        Ok(None)
    }

    fn next_part(&mut self) -> Result<Part, S3Error> {
        let delimiter = &self.boundary.0;
        // Some senders begin with an empty line.
        if self.fields.is_empty() && self.buffer.starts_with(b"\r\n\r\n--") {
            self.buffer.advance(LINE_BREAK.len());
        }
        let behind = self.buffer.get(delimiter.len()..).unwrap_or_default();
        if behind.len() < LINE_BREAK.len() {
            return Ok(Part::Incomplete);
        }
        if !self.buffer.starts_with(delimiter) {
            return Err(malformed("it does not begin with its boundary"));
        }
        if behind.starts_with(b"--") {
            return Err(Code::InvalidArgument
                .because("POST requires exactly one file upload per request.")
                .with("ArgumentName", "file"));
        }
        let end = memmem::find(behind, b"\r\n\r\n");
        if end.unwrap_or(behind.len().saturating_sub(3)) > LONGEST_HEADERS {
            return Err(malformed("the headers of a part are too long"));
        }
        let Some(end) = end else {
            return Ok(Part::Incomplete);
        };
        let (headers, content) = behind.split_at(end);
        let disposition = Disposition::of_headers(headers)?;
        let content_at = delimiter.len().saturating_add(end).saturating_add(4);
        if disposition.name.eq_ignore_ascii_case("file") {
            self.buffer.advance(content_at);
            let file_name = disposition.file_name.unwrap_or_default();
            return Ok(Part::File { file_name });
        }
        let content = content.get(4..).unwrap_or_default();
        let from = self.searched.min(content.len());
        let unsearched = content.get(from..).unwrap_or_default();
        let Some(found) = memmem::find(unsearched, delimiter) else {
            self.searched = content.len().saturating_sub(delimiter.len());
            return Ok(Part::Incomplete);
        };
        let length = from.saturating_add(found);
        let value = content.get(..length).unwrap_or_default();
        let value = std::str::from_utf8(value)
            .map_err(|_| malformed("the value of a field is not UTF-8"))?;
        self.fields.push((disposition.name, value.to_owned()));
        self.buffer.advance(content_at.saturating_add(length));
        self.searched = 0;
        Ok(Part::Field)
    }
}

enum Part {
    Incomplete,
    Field,
    File { file_name: String },
}

/// What `Content-Disposition: form-data; …` says.
struct Disposition {
    name: String,
    file_name: Option<String>,
}

impl Disposition {
    /// Reads the headers of a part. They begin with the line break that ends the boundary's line.
    fn of_headers(headers: &[u8]) -> Result<Self, S3Error> {
        let text = std::str::from_utf8(headers)
            .map_err(|_| malformed("the headers of a part are not UTF-8"))?;
        let lines = text.strip_prefix("\r\n").ok_or_else(|| {
            malformed("a boundary is followed by something else than a line break")
        })?;
        let mut disposition = None;
        for line in lines.split("\r\n") {
            if line.contains(['\r', '\n', '\0']) {
                return Err(malformed(
                    "a line of a part's headers ends in half a line break",
                ));
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| malformed("a line of a part's headers has no colon"))?;
            if name.eq_ignore_ascii_case("content-disposition")
                && disposition.replace(Self::parse(value)?).is_some()
            {
                return Err(malformed("a part has two Content-Dispositions"));
            }
            if name.eq_ignore_ascii_case("content-transfer-encoding")
                && !PLAIN_ENCODINGS.contains(&value.trim().to_ascii_lowercase().as_str())
            {
                return Err(malformed("a part is encoded for transfer"));
            }
        }
        disposition.ok_or_else(|| malformed("a part has no Content-Disposition"))
    }

    fn parse(value: &str) -> Result<Self, S3Error> {
        let mut rest = value.trim();
        rest = match rest.split_once(';') {
            Some((kind, rest)) if kind.trim().eq_ignore_ascii_case("form-data") => rest,
            _ => return Err(malformed("a part's Content-Disposition is not form-data")),
        };
        let (mut name, mut file_name) = (None, None);
        while !rest.trim().is_empty() {
            let (parameter, value) = rest
                .split_once('=')
                .ok_or_else(|| malformed("a part's Content-Disposition cannot be read"))?;
            let (value, behind) = parameter_value(value)?;
            let slot = match parameter.trim().to_ascii_lowercase().as_str() {
                "name" => Some(&mut name),
                "filename" => Some(&mut file_name),
                _ => None,
            };
            if slot.is_some_and(|slot| slot.replace(value).is_some()) {
                return Err(malformed(
                    "a part's Content-Disposition says something twice",
                ));
            }
            rest = behind;
        }
        let name = name.ok_or_else(|| malformed("a part has no name"))?;
        Ok(Self { name, file_name })
    }
}

/// The value at the beginning of `text`, quoted or not, and what stands behind its semicolon. Only a quote is
/// escaped by a backslash: browsers escape nothing so, and old ones send paths with backslashes.
fn parameter_value(text: &str) -> Result<(String, &str), S3Error> {
    let Some(quoted) = text.trim_start().strip_prefix('"') else {
        let (value, behind) = text.split_once(';').unwrap_or((text, ""));
        return Ok((value.trim().to_owned(), behind));
    };
    let mut value = String::new();
    let mut rest = quoted;
    loop {
        let (piece, behind) = rest
            .split_once('"')
            .ok_or_else(|| malformed("a quote in a part's Content-Disposition is not closed"))?;
        rest = behind;
        if let Some(escaped) = piece.strip_suffix('\\')
            && behind.contains('"')
        {
            value.push_str(escaped);
            value.push('"');
            continue;
        }
        value.push_str(piece);
        break;
    }
    let behind = rest.trim_start();
    match behind.strip_prefix(';') {
        Some(behind) => Ok((value, behind)),
        None if behind.is_empty() => Ok((value, behind)),
        None => Err(malformed("a part's Content-Disposition cannot be read")),
    }
}

/// Finds the end of the file in the bytes as they stream by. What follows the file is looked at only to find the
/// end of the form: S3 ignores fields behind the file.
#[derive(Debug)]
pub struct FileScanner {
    delimiter: Vec<u8>,
    pending: BytesMut,
    /// What followed the file, once its end was found.
    after: Option<Vec<u8>>,
}

impl FileScanner {
    /// A scanner of the file of a form with this boundary.
    pub fn new(boundary: &Boundary) -> Self {
        Self {
            delimiter: boundary.0.clone(),
            pending: BytesMut::new(),
            after: None,
        }
    }

    /// Takes the next bytes and gives what of them is the file's; empty when that cannot be told yet.
    /// `MalformedPOSTRequest` when more than 64 KiB follow the file.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Bytes, S3Error> {
        if self.after.is_some() {
            self.follow(bytes)?;
            return Ok(Bytes::new());
        }
        self.pending.extend_from_slice(bytes);
        if let Some(end) = memmem::find(&self.pending, &self.delimiter) {
            let file = self.pending.split_to(end).freeze();
            self.pending.advance(self.delimiter.len());
            let behind = std::mem::take(&mut self.pending);
            self.after = Some(Vec::new());
            self.follow(&behind)?;
            return Ok(file);
        }
        // The boundary may have begun in the last bytes.
        let kept = self.delimiter.len().saturating_sub(1);
        let certain = self.pending.len().saturating_sub(kept);
        Ok(self.pending.split_to(certain).freeze())
    }

    /// Whether the file's end was found.
    pub fn found_end(&self) -> bool {
        self.after.is_some()
    }

    /// Whether the form ended as it must, after its last byte.
    pub fn finish(&self) -> Result<(), S3Error> {
        let Some(after) = &self.after else {
            return Err(malformed("it ends before its last boundary"));
        };
        let last = [&self.delimiter[..], b"--"].concat();
        let more_parts = after.starts_with(LINE_BREAK) && memmem::find(after, &last).is_some();
        if after.starts_with(b"--") || more_parts {
            Ok(())
        } else {
            Err(malformed(
                "the file is not followed by a boundary as it must be",
            ))
        }
    }

    fn follow(&mut self, bytes: &[u8]) -> Result<(), S3Error> {
        let after = self.after.get_or_insert_default();
        let limit = usize::try_from(MOST_AFTER_FILE).unwrap_or(usize::MAX);
        if after.len().saturating_add(bytes.len()) > limit {
            return Err(malformed(
                "too much follows the file, which must be the last field",
            ));
        }
        after.extend_from_slice(bytes);
        Ok(())
    }
}

fn malformed(why: &str) -> S3Error {
    Code::MalformedPostRequest.because(format!(
        "The body of your POST request is not well-formed multipart/form-data: {why}."
    ))
}

fn too_long() -> S3Error {
    Code::MaxPostPreDataLengthExceeded
        .because("Your POST request fields preceding the upload file were too large.")
        .with("MaxPostPreDataLength", LONGEST_HEAD.to_string())
}

const LINE_BREAK: &[u8] = b"\r\n";
const PLAIN_ENCODINGS: [&str; 3] = ["7bit", "8bit", "binary"];

/// S3 has 20 KB for the fields; this is with their headers.
const LONGEST_HEAD: usize = 32 * 1024;
const LONGEST_HEADERS: usize = 4 * 1024;

/// The most that may follow a file and its boundary.
pub const MOST_AFTER_FILE: u64 = 64 * 1024;
