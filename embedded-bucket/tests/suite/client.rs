//! A bucket in a temporary directory and a small client for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use embedded_bucket::{EmbeddedBucket, EmbeddedService};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tower::ServiceExt;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The texts of every element of this name.
    pub(crate) fn all(&self, element: &str) -> Vec<String> {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let pieces = self.text().split(&open).skip(1);
        pieces
            .map(|piece| piece.split(&close).next().unwrap().replace("&quot;", "\""))
            .collect()
    }

    pub(crate) fn one(&self, element: &str) -> String {
        let all = self.all(element);
        assert_eq!(all.len(), 1, "{element} in {}", self.text());
        all.into_iter().next().unwrap()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// An S3 error with its document.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        let this = self.expect(status);
        assert_eq!(this.one("Code"), code);
        this
    }
}

/// A bucket named `box` in a directory of its own, under a clock that the test sets.
pub(crate) struct World {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) bucket: EmbeddedBucket,
    clock: Arc<AtomicI64>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(START));
        let bucket = open(directory.path(), &clock);
        let world = Self {
            directory,
            bucket,
            clock,
        };
        world.send(Method::PUT, "/box", &[], "").await.expect(200);
        world
    }

    /// Closes the bucket and opens it again, as a restart does.
    pub(crate) fn reopened(self) -> Self {
        let Self {
            directory,
            bucket,
            clock,
        } = self;
        drop(bucket);
        let bucket = open(directory.path(), &clock);
        Self {
            directory,
            bucket,
            clock,
        }
    }

    pub(crate) fn pass(&self, time: Duration) {
        let milliseconds = i64::try_from(time.as_millis()).unwrap();
        self.clock.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub(crate) fn service(&self) -> EmbeddedService {
        self.bucket.service()
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let body = body.into();
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.call(request.body(Full::new(body)).unwrap()).await
    }

    pub(crate) async fn call<B>(&self, request: Request<B>) -> Answer
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<s3s::StdError>,
    {
        let response = self.service().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: read(body).await.unwrap(),
        }
    }

    pub(crate) async fn put(&self, key: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Method::PUT, &target(key), &[], body).await
    }

    pub(crate) async fn get(&self, key: &str) -> Answer {
        self.send(Method::GET, &target(key), &[], "").await
    }

    /// `GET /box?query`
    pub(crate) async fn list(&self, query: &str) -> Answer {
        self.send(Method::GET, &format!("/box?{query}"), &[], "")
            .await
            .expect(200)
    }

    /// Every file that holds a body, settled or incoming.
    pub(crate) fn body_files(&self) -> Vec<PathBuf> {
        body_files(self.directory.path())
    }
}

pub(crate) fn body_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![root.join("bodies"), root.join("incoming")];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

/// Reads a body to its end, or to the error that breaks it off.
pub(crate) async fn read(mut body: s3s::Body) -> Result<Bytes, s3s::StdError> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            read.extend_from_slice(&data);
        }
    }
    Ok(read.freeze())
}

/// `/box/key`, encoded as S3 clients do.
pub(crate) fn target(key: &str) -> String {
    format!("/box/{}", encoded(key))
}

pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

/// Bytes that look like nothing, different for every seed.
pub(crate) fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

fn open(directory: &Path, clock: &Arc<AtomicI64>) -> EmbeddedBucket {
    let clock = Arc::clone(clock);
    let now =
        move || UNIX_EPOCH + Duration::from_millis(clock.load(Ordering::SeqCst).unsigned_abs());
    EmbeddedBucket::open(directory, now).unwrap()
}

/// A clock that stands still, for processes that do not care.
pub(crate) fn standing() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(START.unsigned_abs())
}

const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// 2026-01-02T03:04:05Z
pub(crate) const START: i64 = 1_767_323_045_000;
