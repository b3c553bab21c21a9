//! HTTP/1 messages as a liar needs them: every header as it came, and a length that need not be the body's.
//! It knows no S3.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// The start line and headers of a message, and its whole body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// `GET /a HTTP/1.1`, or `HTTP/1.1 200 OK`.
    pub start: String,
    /// In their order; names in lower case.
    pub headers: Vec<(String, String)>,
    /// What came of the body: less than announced if the connection broke.
    pub body: Vec<u8>,
    /// How long the connection is held open after a body that is shorter than announced, or instead of an answer.
    pub stall: Duration,
}

impl Message {
    /// Reads a request, or `None` where the connection ends instead of one.
    ///
    /// # Errors
    /// If the connection breaks in the middle.
    pub fn read_request(stream: &TcpStream) -> io::Result<Option<Self>> {
        let mut reader = BufReader::new(stream);
        let mut request = Self::read_head(&mut reader)?;
        if request.start.is_empty() {
            return Ok(None);
        }
        let length = request.length().unwrap_or(0);
        reader.take(length).read_to_end(&mut request.body)?;
        Ok(Some(request))
    }

    /// Reads an answer to the end of its body or of the connection; `bodiless` for the answer to a HEAD.
    ///
    /// # Errors
    /// If not even the head arrives.
    pub fn read_answer(stream: &TcpStream, bodiless: bool) -> io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut answer = Self::read_head(&mut reader)?;
        if answer.start.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !bodiless {
            let length = answer.length().unwrap_or(u64::MAX);
            // A connection that is reset ends the body as one that is closed does.
            let _ = reader.take(length).read_to_end(&mut answer.body);
        }
        Ok(answer)
    }

    /// Writes the message as it is, with whatever length it announces.
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn write(&self, mut stream: &TcpStream) -> io::Result<()> {
        let mut head = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.body)?;
        stream.flush()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|header| header.0 == name);
        named.next().map(|header| header.1.as_str())
    }

    /// Sets a header in place of all of that name.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// Removes a header.
    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|header| header.0 != name);
    }

    /// The announced length, if there is one.
    pub fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// Whether exactly the announced bytes are there.
    pub fn is_whole(&self) -> bool {
        self.length() == u64::try_from(self.body.len()).ok()
    }

    /// Replaces the body and announces its length.
    pub fn set_body(&mut self, body: Vec<u8>) {
        self.set("content-length", &body.len().to_string());
        self.body = body;
    }

    /// The method of a request.
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The path and query of a request.
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The path of a request.
    pub fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    /// The status of an answer; 0 if it has none.
    pub fn status(&self) -> u16 {
        let word = self.start.split(' ').nth(1);
        word.and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    fn read_head(reader: &mut impl BufRead) -> io::Result<Self> {
        let mut message = Self::default();
        loop {
            let mut line = Vec::new();
            reader.read_until(b'\n', &mut line)?;
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if line.is_empty() {
                return Ok(message);
            }
            if message.start.is_empty() {
                message.start = line;
            } else if let Some((name, value)) = line.split_once(':') {
                let name = name.to_ascii_lowercase();
                message.headers.push((name, value.trim().to_owned()));
            }
        }
    }
}
