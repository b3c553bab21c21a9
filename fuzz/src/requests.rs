//! Requests as a stranger may write them: understood or refused. It must not know how the gateway reads them:
//! paths and queries are decoded a second time here.

use gateway::s3::headers::CopySource;
use gateway::s3::{Addressing, RequestId, S3Error, S3Request, Target};
use gateway::sigv4::{encode_path, encode_query};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request};

use crate::{Outcome, percent};

/// A request that is understood means the same when it is written the plain way: path-style, encoded as S3 signs it.
/// The input is a request line without version, then headers, each line ended by LF.
pub fn s3_request(data: &[u8]) -> Outcome {
    let Some(parts) = request(data) else {
        return Outcome::Refused;
    };
    let Ok(request) = understand(parts) else {
        return Outcome::Refused;
    };
    let operation = request.operation;
    assert_eq!(request.parts.method.as_str(), operation.method());
    let named = (request.bucket.is_some(), request.key.is_some());
    let expected = match operation.target() {
        Target::Service => (false, false),
        Target::Bucket => (true, false),
        Target::Object => (true, true),
    };
    assert_eq!(named, expected);
    if operation.target() == Target::Service {
        assert!(
            request.parts.uri.path().trim_matches('/').is_empty(),
            "no name in it is overlooked"
        );
    }
    assert_eq!(
        query_of(&request),
        percent::query(request.parts.uri.query().unwrap_or_default())
    );
    read_headers(&request);

    let Ok(uri) = plain_uri(&request).parse() else {
        return Outcome::Accepted;
    };
    let mut parts = request.parts.clone();
    parts.uri = uri;
    parts
        .headers
        .insert("host", HeaderValue::from_static("127.0.0.1:9000"));
    let again = understand(parts).expect("written plainly it is understood as well");
    assert_eq!(
        (again.operation, &again.bucket, &again.key),
        (operation, &request.bucket, &request.key)
    );
    assert_eq!(query_of(&again), query_of(&request));
    Outcome::Accepted
}

/// The source of a copy means the same when it is written the plain way. The input is the header's value.
pub fn copy_source(data: &[u8]) -> Outcome {
    let Ok(source) = read_copy_source(data) else {
        return Outcome::Refused;
    };
    let mut plainly = format!(
        "/{}/{}",
        source.bucket,
        encode_path(source.key.as_str().as_bytes())
    );
    if let Some(version) = &source.version {
        plainly.extend(["?versionId=", &encode_query(version.as_bytes())]);
    }
    let again = read_copy_source(plainly.as_bytes()).expect("written plainly it is read as well");
    assert_eq!((again.bucket, again.key), (source.bucket, source.key));
    assert_eq!(again.version, source.version);
    Outcome::Accepted
}

/// The request an input spells, if it spells one.
pub(crate) fn request(data: &[u8]) -> Option<Parts> {
    let mut lines = data.split(|byte| *byte == b'\n');
    let line = lines.next()?;
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (method, uri) = line.split_at(space);
    let mut request = Request::builder().method(method).uri(uri.trim_ascii());
    for line in lines.filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name).ok()?;
        let value = value.strip_prefix(b":").unwrap_or_default();
        request = request.header(name, HeaderValue::from_bytes(value.trim_ascii()).ok()?);
    }
    Some(request.body(()).ok()?.into_parts().0)
}

fn understand(parts: Parts) -> Result<S3Request, S3Error> {
    let addressing = Addressing {
        base_domains: vec!["s3.example".to_owned()],
    };
    S3Request::parse(parts, RequestId(1), None, &addressing)
}

fn plain_uri(request: &S3Request) -> String {
    let mut uri = "/".to_owned();
    if let Some(bucket) = &request.bucket {
        uri.push_str(bucket.as_str());
    }
    if let Some(key) = &request.key {
        uri.extend(["/", &encode_path(key.as_str().as_bytes())]);
    }
    let pairs = request.query.pairs();
    let pairs = pairs.map(|(name, value)| {
        format!(
            "{}={}",
            encode_query(name.as_bytes()),
            encode_query(value.as_bytes())
        )
    });
    uri.extend(["?", &pairs.collect::<Vec<_>>().join("&")]);
    uri
}

fn query_of(request: &S3Request) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pairs = request.query.pairs();
    pairs
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect()
}

/// Everything that is read of an upload's headers, within its limits.
fn read_headers(request: &S3Request) {
    let _ = (
        request.refuse_unsafe_headers(),
        request.range(),
        request.version(),
    );
    let _ = (
        request.body_length(true),
        request.body_length(false),
        request.replaces_metadata(),
    );
    let _ = (
        request.conditions_for_store(),
        request.source_conditions_for_store(),
    );
    if let Ok(headers) = request.object_headers() {
        let size: usize = headers
            .user
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        assert!(size <= 2048, "S3's limit on user metadata");
        assert!(
            headers
                .user
                .iter()
                .all(|(name, _)| !name.starts_with("sof-"))
        );
        let coding = headers
            .content_encoding
            .unwrap_or_default()
            .to_ascii_lowercase();
        assert!(
            !coding
                .split(|byte| *byte == b',')
                .any(|coding| coding == b"aws-chunked")
        );
    }
}

fn read_copy_source(value: &[u8]) -> Result<CopySource, Option<S3Error>> {
    let value = HeaderValue::from_bytes(value).map_err(|_| None)?;
    let request = Request::put("/bucket/key").header("x-amz-copy-source", value);
    let parts = request.body(()).map_err(|_| None)?.into_parts().0;
    understand(parts)?.copy_source().map_err(Some)
}
