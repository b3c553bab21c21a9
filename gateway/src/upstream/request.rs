//! A request to the store, named by what S3 needs and nothing of the client's.

use audit::archiving::ArchiveObject;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};

use super::{SealedBody, StoreRequestBody, UpstreamError};
use crate::sigv4::{encode_path, encode_query};

/// One request to the store.
#[derive(Debug)]
pub struct StoreRequest {
    /// The HTTP method.
    pub method: Method,
    /// The upstream bucket; none for the service itself.
    pub bucket: Option<String>,
    /// The key, unencoded.
    pub key: Option<String>,
    /// Query parameters, unencoded; an empty value is written as `name=`.
    pub query: Vec<(String, String)>,
    /// Headers, built from scratch.
    pub headers: HeaderMap,
    pub(super) body: StoreRequestBody,
}

impl StoreRequest {
    /// A request on a bucket.
    pub fn bucket(method: Method, bucket: &str) -> Self {
        Self {
            method,
            bucket: Some(bucket.to_owned()),
            key: None,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: SealedBody::empty().into(),
        }
    }

    /// A request on an object.
    pub fn object(method: Method, bucket: &str, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..Self::bucket(method, bucket)
        }
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a query parameter if there is a value.
    #[must_use]
    pub fn with_query_if(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with_query(name, value),
            None => self,
        }
    }

    /// Sets a header. A value that cannot stand in a header is left out; callers pass values they made or
    /// that came in a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Adds headers.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Gives it a body of sealed bytes.
    #[must_use]
    pub fn with_sealed(mut self, body: SealedBody) -> Self {
        self.body = body.into();
        self
    }

    /// Gives it something for the trail's archive, which holds no name in clear.
    #[must_use]
    pub fn with_archived(mut self, object: ArchiveObject) -> Self {
        self.body = StoreRequestBody::document(object.into_bytes());
        self
    }

    /// Gives it a document that the gateway wrote (`xml::Writer::finish`).
    #[must_use]
    pub fn with_document(mut self, document: String) -> Self {
        self.headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/xml"),
        );
        self.body = StoreRequestBody::document(document);
        self
    }

    /// The same request once more, if it changes nothing.
    pub(super) fn repeated(&self) -> Option<Self> {
        matches!(self.method, Method::GET | Method::HEAD).then(|| Self {
            method: self.method.clone(),
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            query: self.query.clone(),
            headers: self.headers.clone(),
            body: SealedBody::empty().into(),
        })
    }

    /// The URI at `endpoint`, path-style, encoded once by S3's rules; `//` and `..` stay as they are.
    pub(super) fn uri(&self, endpoint: &str) -> Result<Uri, UpstreamError> {
        let mut uri = format!("{endpoint}/");
        if let Some(bucket) = &self.bucket {
            uri.push_str(bucket);
        }
        if let Some(key) = &self.key {
            uri.push('/');
            uri.push_str(&encode_path(key.as_bytes()));
        }
        for (index, (name, value)) in self.query.iter().enumerate() {
            uri.push(if index == 0 { '?' } else { '&' });
            uri.push_str(&encode_query(name.as_bytes()));
            uri.push('=');
            uri.push_str(&encode_query(value.as_bytes()));
        }
        uri.parse().map_err(|error| {
            UpstreamError::Unexpected(format!("the request's URI cannot be formed: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_keys_are_encoded_once_and_not_folded() {
        let request = StoreRequest::object(Method::GET, "b", "a//../c d+é%?")
            .with_query("versionId", "x/y+")
            .with_query("uploads", "");
        let uri = request.uri("http://h:1").unwrap();
        assert_eq!(
            uri.to_string(),
            "http://h:1/b/a//../c%20d%2B%C3%A9%25%3F?versionId=x%2Fy%2B&uploads="
        );
    }
}
