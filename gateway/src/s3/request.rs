//! From an HTTP request to what it means in S3. Pure: no secret is read, no body is touched.

use std::net::IpAddr;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::code::{Code, S3Error};
use super::form::Form;
use super::names::{BucketName, ObjectKey};
use super::operation::{Operation, Target};
use super::query::{self, Query};

/// A request id: 16 hexadecimal digits, unique per request, in every response and every trail record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub u64);

impl std::fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:016X}", self.0)
    }
}

/// A request as S3 understands it.
pub struct S3Request {
    /// The id given to this request.
    pub id: RequestId,
    /// The client's address as the listener saw it.
    pub peer: Option<IpAddr>,
    /// What is asked.
    pub operation: Operation,
    /// The bucket named, if any.
    pub bucket: Option<BucketName>,
    /// The key named, if any.
    pub key: Option<ObjectKey>,
    /// Whether the host named the bucket, so that the path does not.
    pub bucket_in_host: bool,
    /// The decoded query.
    pub query: Query,
    /// Method, URI and headers as received: what the signature covers.
    pub parts: Parts,
    /// The headers as they are meant: those received, and those that a presigned URL carries in its query.
    pub headers: HeaderMap,
    /// The form that says what is meant, once it was read (`POST Object`).
    pub form: Option<Box<Form>>,
}

impl std::fmt::Debug for S3Request {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("S3Request")
            .field("id", &self.id)
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

/// How buckets are addressed: always by path, and by host name below the listed base domains.
#[derive(Debug, Clone, Default)]
pub struct Addressing {
    /// Base domains for virtual-hosted addressing, lower case, without a port.
    pub base_domains: Vec<String>,
}

impl S3Request {
    /// Understands a request, or says what is wrong with it.
    pub fn parse(
        parts: Parts,
        id: RequestId,
        peer: Option<IpAddr>,
        addressing: &Addressing,
    ) -> Result<Self, S3Error> {
        let query = Query::parse(parts.uri.query().unwrap_or_default())?;
        let in_host = addressing.bucket_of_host(&parts)?;
        let bucket_in_host = in_host.is_some();
        let (bucket, key) = match in_host {
            Some(bucket) => (
                Some(bucket),
                parts.uri.path().strip_prefix('/').unwrap_or_default(),
            ),
            None => split_path(parts.uri.path()),
        };
        let key = percent_decode_str(key).collect::<Vec<u8>>();
        let target = match (bucket.as_deref(), key.is_empty()) {
            (None, true) => Target::Service,
            (None, false) => {
                return Err(Code::InvalidUri.because("The path names a key and no bucket."));
            }
            (Some(_), true) => Target::Bucket,
            (Some(_), false) => Target::Object,
        };
        let headers = meant_headers(&parts.headers, &query)?;
        let is_preflight = parts.method == http::Method::OPTIONS && target != Target::Service;
        let (operation, target) = if is_preflight {
            // It asks about another request to this URL, whose key and query are not its own.
            (Operation::PreflightRequest, Target::Bucket)
        } else {
            (recognise(&parts, &headers, target, &query)?, target)
        };
        let bucket = bucket.map(|name| BucketName::parse(&name)).transpose()?;
        let key = if target == Target::Object {
            Some(ObjectKey::parse(key)?)
        } else {
            None
        };
        Ok(Self {
            id,
            peer,
            operation,
            bucket,
            key,
            bucket_in_host,
            query,
            parts,
            headers,
            form: None,
        })
    }

    /// The bucket; operations on buckets and objects always have one.
    pub fn bucket(&self) -> Result<&BucketName, S3Error> {
        self.bucket
            .as_ref()
            .ok_or_else(|| Code::InvalidRequest.because("The request names no bucket."))
    }

    /// The key; operations on objects always have one.
    pub fn key(&self) -> Result<&ObjectKey, S3Error> {
        self.key
            .as_ref()
            .ok_or_else(|| Code::InvalidRequest.because("The request names no object key."))
    }

    /// Whether the answer must have no body.
    pub fn is_head(&self) -> bool {
        self.parts.method == http::Method::HEAD
    }
}

impl Addressing {
    /// The bucket that stands before a base domain. `InvalidRequest` where the request line (`:authority` in
    /// HTTP/2) and the `Host` header name different hosts, so that one might be signed and the other obeyed.
    fn bucket_of_host(&self, parts: &Parts) -> Result<Option<String>, S3Error> {
        let header = parts.headers.get(http::header::HOST);
        let header = header.and_then(|host| host.to_str().ok());
        let authority = parts.uri.authority().map(http::uri::Authority::as_str);
        if let (Some(header), Some(authority)) = (header, authority)
            && !header.eq_ignore_ascii_case(authority)
        {
            return Err(Code::InvalidRequest
                .because("The Host header and the authority of the request differ."));
        }
        let Some(host) = authority.or(header) else {
            return Ok(None);
        };
        let name = host
            .rsplit_once(':')
            .map_or(host, |(name, _port)| name)
            .to_ascii_lowercase();
        // One base may end in another: the longest is the one that is meant.
        let bases = self.base_domains.iter().filter_map(|base| {
            let bucket = name.strip_suffix(base.as_str())?;
            (bucket.is_empty() || bucket.ends_with('.')).then_some((base.len(), bucket))
        });
        let bucket = bases
            .max_by_key(|(length, _)| *length)
            .and_then(|(_, bucket)| bucket.strip_suffix('.'));
        Ok(bucket.filter(|name| !name.is_empty()).map(str::to_owned))
    }
}

/// `/bucket/key` → (bucket, raw key). `/bucket` and `/bucket/` are the same bucket.
fn split_path(path: &str) -> (Option<String>, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let bucket = percent_decode_str(bucket).decode_utf8_lossy().into_owned();
    ((!bucket.is_empty()).then_some(bucket), key)
}

fn recognise(
    parts: &Parts,
    headers: &HeaderMap,
    target: Target,
    query: &Query,
) -> Result<Operation, S3Error> {
    let mut sub_resource = "";
    for (name, _) in query.pairs() {
        if Operation::is_sub_resource(name) {
            if !sub_resource.is_empty() && sub_resource != name {
                return Err(Code::InvalidRequest.because(format!(
                    "The query names two sub-resources, {sub_resource} and {name}; name one."
                )));
            }
            sub_resource = name;
        } else if !query::is_plain(name) {
            return Err(Code::NotImplemented
                .because(format!("The query parameter {name} is not known here."))
                .with("Header", name));
        }
    }
    let given = |need: &str| match need.split_once('=') {
        _ if need == "!" => false,
        _ if need == "@copy-source" => headers.contains_key("x-amz-copy-source"),
        Some((name, value)) => query.get(name) == Some(value),
        None => query.has(need),
    };
    let method = parts.method.as_str();
    let found = Operation::recognise(method, target, sub_resource, given);
    if let Some(operation @ (Operation::PutObject | Operation::CopyObject)) = found {
        // Half of an UploadPart must not replace the whole object.
        for name in ["partNumber", "uploadId", "versionId"] {
            if query.has(name) {
                return Err(Code::InvalidArgument
                    .because(format!("{operation} does not take {name}; an UploadPart needs both partNumber and uploadId."))
                    .with("ArgumentName", name));
            }
        }
    }
    if query.get("versionId") == Some("") {
        return Err(Code::InvalidArgument
            .because("Version id cannot be the empty string.")
            .with("ArgumentName", "versionId"));
    }
    found.ok_or_else(|| {
        if sub_resource.is_empty() {
            Code::MethodNotAllowed
                .because("The method is not allowed on this resource.")
                .with("Method", method)
                .with("ResourceType", format!("{target:?}").to_uppercase())
        } else {
            Code::NotImplemented.because(format!(
                "{method} with the sub-resource {sub_resource} is not known here."
            ))
        }
    })
}

/// Headers, and the `x-amz-…` parameters that SDKs hoist into the query of a presigned URL, where S3 reads
/// them as the headers they are. Not the parameters of signing itself, nor an SDK's word on the algorithm,
/// which says nothing without a value. A checksum counts as in Amazon S3, also that of an empty body which
/// some SDKs bake into the URL: such a URL takes no other body.
fn meant_headers(received: &HeaderMap, query: &Query) -> Result<HeaderMap, S3Error> {
    let mut headers = received.clone();
    for (name, value) in query.pairs() {
        let name = name.to_ascii_lowercase();
        let hoisted = name.starts_with("x-amz-")
            && !SIGNING.contains(&name.as_str())
            && !name.starts_with("x-amz-sdk-");
        if !hoisted {
            continue;
        }
        let refused =
            |why: &str| Code::InvalidRequest.because(format!("The query parameter {name} {why}."));
        let header =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused("is no header name"))?;
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| refused("has a value that no header can have"))?;
        match headers.get(&header) {
            Some(sent) if *sent != value => {
                return Err(refused("contradicts the header of that name"));
            }
            _ => headers.insert(header, value),
        };
    }
    Ok(headers)
}

/// The query form of Signature Version 4.
const SIGNING: &[&str] = &[
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: &str, uri: &str, host: &str) -> Result<S3Request, S3Error> {
        let request = http::Request::builder()
            .method(method)
            .uri(uri)
            .header("host", host)
            .body(())
            .unwrap();
        let addressing = Addressing {
            base_domains: vec!["s3.example".to_owned(), "eu.s3.example".to_owned()],
        };
        S3Request::parse(request.into_parts().0, RequestId(1), None, &addressing)
    }

    #[test]
    fn path_style_and_virtual_hosts_name_the_same_object() {
        for (uri, host) in [
            ("/bkt/a//../b%20c", "127.0.0.1:9000"),
            ("/a//../b%20c", "bkt.s3.example:9000"),
            ("/a//../b%20c", "BKT.S3.EXAMPLE"),
        ] {
            let request = parse("GET", uri, host).unwrap();
            assert_eq!(request.bucket.unwrap().as_str(), "bkt");
            assert_eq!(request.key.unwrap().as_str(), "a//../b c");
            assert_eq!(request.operation, Operation::GetObject);
        }
    }

    #[test]
    fn the_host_names_a_bucket_only_before_the_longest_base() {
        for (host, bucket) in [
            ("dotted.name.s3.example:80", Some("dotted.name")),
            ("bkt.eu.s3.example", Some("bkt")),
            ("eu.s3.example", None),
            ("s3.example", None),
            ("nots3.example", None),
            ("127.0.0.1:9000", None),
        ] {
            let request = parse("GET", "/", host).unwrap();
            assert_eq!(
                request.bucket.as_ref().map(BucketName::as_str),
                bucket,
                "{host}"
            );
            assert_eq!(request.bucket_in_host, bucket.is_some(), "{host}");
        }
        let two = parse("GET", "http://a.s3.example/key", "b.s3.example").unwrap_err();
        assert_eq!(two.code, Code::InvalidRequest);
    }

    #[test]
    fn a_bucket_with_and_without_slash_is_one_bucket() {
        for uri in ["/bkt", "/bkt/", "/bkt/?prefix=a"] {
            assert_eq!(
                parse("GET", uri, "h").unwrap().operation,
                Operation::ListObjects
            );
        }
        assert_eq!(
            parse("POST", "/bkt/?delete=", "h").unwrap().operation,
            Operation::DeleteObjects
        );
        assert_eq!(
            parse("GET", "/", "h").unwrap().operation,
            Operation::ListBuckets
        );
    }

    #[test]
    fn a_presigned_urls_parameters_are_the_headers_they_stand_for() {
        let request = parse("PUT", "/bkt/k?x-amz-copy-source=%2Fbkt%2Fother&X-Amz-Date=1&x-amz-checksum-crc32=AAAAAA%3D%3D", "h").unwrap();
        assert_eq!(request.operation, Operation::CopyObject);
        assert_eq!(request.copy_source().unwrap().key.as_str(), "other");
        assert!(!request.headers.contains_key("x-amz-date"));
        assert_eq!(request.headers["x-amz-checksum-crc32"], "AAAAAA==");
        let public = parse("PUT", "/bkt/k?x-amz-acl=public-read", "h").unwrap();
        assert_eq!(public.grants_to_others(), Ok(true));
    }

    #[test]
    fn half_of_an_upload_part_is_no_put_object() {
        for query in ["partNumber=1", "uploadId=u", "versionId=v"] {
            let error = parse("PUT", &format!("/bkt/k?{query}"), "h").unwrap_err();
            assert_eq!(error.code, Code::InvalidArgument, "{query}");
        }
        assert_eq!(parse("GET", "//k", "h").unwrap_err().code, Code::InvalidUri);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert_eq!(
            parse("GET", "/bkt/k?newThing", "h").unwrap_err().code,
            Code::NotImplemented
        );
        assert_eq!(
            parse("GET", "/bkt/k?acl&tagging", "h").unwrap_err().code,
            Code::InvalidRequest
        );
        assert_eq!(
            parse("PATCH", "/bkt/k", "h").unwrap_err().code,
            Code::MethodNotAllowed
        );
        assert_eq!(
            parse("GET", "/bkt/%ff", "h").unwrap_err().code,
            Code::InvalidUri
        );
        assert_eq!(
            parse("GET", "/b/k", "h").unwrap_err().code,
            Code::InvalidBucketName
        );
    }
}
