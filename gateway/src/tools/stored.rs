//! An object as it is stored, headers and bytes: from the store, or from a file with the headers it was
//! downloaded with.

use std::path::Path;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::io::AsyncReadExt as _;

use super::ToolError;
use crate::upstream::{BoxError, StoreBody, StoreRequest, TransportError, Upstream, UpstreamError};

/// A stored object, its bytes still to be read.
#[derive(Debug)]
pub struct Stored {
    /// The headers it was answered with; none, if a file came without.
    pub headers: HeaderMap,
    /// Its stored length in bytes.
    pub length: u64,
    body: StoreBody,
}

impl Stored {
    /// From a file that holds the stored bytes.
    pub async fn in_file(path: &Path, headers: HeaderMap) -> Result<Self, ToolError> {
        let file = tokio::fs::File::open(path)
            .await
            .map_err(ToolError::file(path))?;
        let length = file.metadata().await.map_err(ToolError::file(path))?.len();
        let pieces = stream::try_unfold(file, |mut file| async move {
            let mut piece = vec![0; PIECE];
            let read = file.read(&mut piece).await?;
            piece.truncate(read);
            let frame = (read > 0).then(|| (Frame::data(Bytes::from(piece)), file));
            Ok::<_, BoxError>(frame)
        });
        Ok(Self {
            headers,
            length,
            body: StreamBody::new(pieces).boxed_unsync(),
        })
    }

    /// From the store: the object, or one version of it.
    pub async fn in_store(
        upstream: &Upstream,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Self, UpstreamError> {
        let request =
            StoreRequest::object(Method::GET, bucket, key).with_query_if("versionId", version);
        let answer = upstream.send(request).await?;
        let length = answer
            .headers
            .get(http::header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .ok_or_else(|| UpstreamError::Unexpected("its length is missing".to_owned()))?;
        Ok(Self {
            headers: answer.headers,
            length,
            body: answer.body,
        })
    }

    /// The next stored bytes; `None` behind the last.
    pub async fn next(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        loop {
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            let frame = frame.map_err(TransportError)?;
            if let Ok(piece) = frame.into_data() {
                return Ok(Some(piece));
            }
        }
    }
}

/// The headers of a stored object as a person has them: what `aws s3api get-object` or `head-object` prints
/// (JSON), or HTTP response headers as `curl --dump-header` keeps them.
pub fn parse_head(text: &str) -> Result<HeaderMap, ToolError> {
    let mut headers = HeaderMap::new();
    let mut add = |name: &str, value: &str| {
        let name = HeaderName::try_from(name.trim().to_ascii_lowercase());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value.trim())) {
            headers.insert(name, value);
        }
    };
    if text.trim_start().starts_with('{') {
        let refused =
            |error| ToolError::Asked(format!("the object's headers are not JSON: {error}"));
        let document: serde_json::Value = serde_json::from_str(text).map_err(refused)?;
        let metadata = document.get("Metadata").and_then(|value| value.as_object());
        for (name, value) in metadata.into_iter().flatten() {
            add(
                &format!("x-amz-meta-{name}"),
                value.as_str().unwrap_or_default(),
            );
        }
        if let Some(value) = document
            .get("CacheControl")
            .and_then(|value| value.as_str())
        {
            add("cache-control", value);
        }
    } else {
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            add(name, value);
        }
    }
    if headers.is_empty() {
        return Err(ToolError::Asked(
            "no headers of an object are there: give what `aws s3api head-object` prints, or HTTP headers"
                .to_owned(),
        ));
    }
    Ok(headers)
}

/// How much of a file is held at once.
const PIECE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_aws_cli_and_curl_write_them() {
        let aws = r#"{"ContentLength": 541, "CacheControl": "rest", "Metadata": {"sof-h": "U09G", "sof-m": "abc"}}"#;
        let curl = "HTTP/1.1 200 OK\r\nCache-Control: rest\r\nX-Amz-Meta-Sof-H: U09G\r\nx-amz-meta-sof-m: abc\r\n\r\n";
        for text in [aws, curl] {
            let headers = parse_head(text).unwrap();
            for (name, value) in [
                ("x-amz-meta-sof-h", "U09G"),
                ("x-amz-meta-sof-m", "abc"),
                ("cache-control", "rest"),
            ] {
                assert_eq!(headers.get(name).unwrap(), value);
            }
        }
        for nothing in ["", "{}", "{", "HTTP/1.1 200 OK"] {
            assert!(parse_head(nothing).is_err(), "{nothing}");
        }
    }
}
