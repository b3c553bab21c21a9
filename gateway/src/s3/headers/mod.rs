//! The one file that reads a client's headers. Everything it returns is parsed or refused; nothing is
//! passed on unread. It knows S3's names and limits, no keys and no cryptography.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::code::{Code, S3Error};
use super::etag;
use super::names::{BucketName, ObjectKey};
use super::range::ByteRange;
use super::request::S3Request;
use super::tags;

/// What a client says about an object and expects to read back: user metadata (`x-amz-meta-…`, names
/// without the prefix, lower case) and the system metadata that S3 stores with it. Values are bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectHeaders {
    /// User metadata in the order received; repeated names joined by a comma.
    pub user: Vec<(String, Vec<u8>)>,
    /// `Content-Type`
    pub content_type: Option<Vec<u8>>,
    /// `Content-Encoding`, without `aws-chunked`
    pub content_encoding: Option<Vec<u8>>,
    /// `Content-Disposition`
    pub content_disposition: Option<Vec<u8>>,
    /// `Content-Language`
    pub content_language: Option<Vec<u8>>,
    /// `Cache-Control`
    pub cache_control: Option<Vec<u8>>,
    /// `Expires`, as sent: S3 does not interpret it
    pub expires: Option<Vec<u8>>,
}

/// How an object can be retained, as S3 writes it.
pub(crate) const LOCK_MODES: [&str; 2] = ["GOVERNANCE", "COMPLIANCE"];

/// `x-amz-copy-source`, understood.
#[derive(Debug, Clone)]
pub struct CopySource {
    /// The source bucket.
    pub bucket: BucketName,
    /// The source key.
    pub key: ObjectKey,
    /// The version asked for, if any.
    pub version: Option<String>,
}

impl S3Request {
    /// Refuses what must not be ignored: customer keys, other people's `x-amz-…` headers that might change
    /// what the request means, and tags and encryption that S3 does not have.
    pub fn refuse_unsafe_headers(&self) -> Result<(), S3Error> {
        for name in self
            .headers
            .keys()
            .map(HeaderName::as_str)
            .filter(|name| name.starts_with("x-amz-"))
        {
            if name.contains("-customer-") {
                return Err(Code::NotImplemented
                    .because("Customer-provided keys (SSE-C) are not offered: every object is sealed under its tenant's key.")
                    .with("Header", name));
            }
            let known = KNOWN_AMZ_HEADERS.contains(&name)
                || KNOWN_AMZ_PREFIXES
                    .iter()
                    .any(|prefix| name.starts_with(prefix));
            if !known {
                return Err(Code::NotImplemented.because(format!("The header {name} is not known here and might change what the request means.")).with("Header", name));
            }
        }
        if let Some(tags) = self.text("x-amz-tagging")? {
            tags::check(&tags::of_header(tags), tags::OF_OBJECT)?;
        }
        self.check_lock()?;
        self.check_encryption()
    }

    /// What policies are asked about is what the store will read.
    fn check_lock(&self) -> Result<(), S3Error> {
        let refuse = |name: &str, rule: &str| {
            Err(Code::InvalidArgument
                .because(format!("The header {name} must be {rule}."))
                .with("ArgumentName", name))
        };
        let (mode, until) = (
            "x-amz-object-lock-mode",
            "x-amz-object-lock-retain-until-date",
        );
        if self
            .text(mode)?
            .is_some_and(|mode| !LOCK_MODES.contains(&mode))
        {
            return refuse(mode, "GOVERNANCE or COMPLIANCE");
        }
        let is_time = |text: &str| OffsetDateTime::parse(text, &Rfc3339).is_ok();
        if self.text(until)?.is_some_and(|until| !is_time(until)) {
            return refuse(until, "a time as 2027-01-31T00:00:00Z");
        }
        Ok(())
    }

    /// Whether an access list is asked for that is not the owner's own: everything is its tenant's, so what
    /// grants the owner only changes nothing. `InvalidArgument` for a list that S3 does not know.
    pub fn grants_to_others(&self) -> Result<bool, S3Error> {
        let is_grant = |name: &HeaderName| name.as_str().starts_with("x-amz-grant-");
        match self.text("x-amz-acl")? {
            None | Some("private" | "bucket-owner-full-control" | "bucket-owner-read") => {
                Ok(self.headers.keys().any(is_grant))
            }
            Some(
                "public-read" | "public-read-write" | "authenticated-read" | "aws-exec-read"
                | "log-delivery-write",
            ) => Ok(true),
            Some(_) => Err(Code::InvalidArgument
                .because("The header x-amz-acl names no canned access list.")
                .with("ArgumentName", "x-amz-acl")),
        }
    }

    /// A header's bytes.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.get(name).map(HeaderValue::as_bytes)
    }

    /// A header as visible ASCII; `InvalidArgument` names it otherwise.
    pub fn text(&self, name: &str) -> Result<Option<&str>, S3Error> {
        let Some(value) = self.headers.get(name) else {
            return Ok(None);
        };
        let text = value.to_str().map_err(|_| {
            Code::InvalidArgument
                .because(format!("The header {name} must be ASCII."))
                .with("ArgumentName", name)
        })?;
        Ok(Some(text.trim()))
    }

    /// How many bytes the object or part has, before a byte arrives: `x-amz-decoded-content-length` where
    /// the body is aws-chunked, else `Content-Length`. 411 when neither is there: the sealed length, which
    /// the store must be told first, follows from it.
    pub fn body_length(&self, aws_chunked: bool) -> Result<u64, S3Error> {
        let name = if aws_chunked {
            "x-amz-decoded-content-length"
        } else {
            "content-length"
        };
        let text = self.text(name)?.ok_or_else(|| {
            Code::MissingContentLength.because(format!(
                "The header {name} is needed: an object's size must be known before it is sealed."
            ))
        })?;
        text.parse().map_err(|_| {
            Code::InvalidArgument
                .because(format!(
                    "The header {name} must be a whole number of bytes."
                ))
                .with("ArgumentName", name)
        })
    }

    /// The range asked for, if it is one that S3 honours.
    pub fn range(&self) -> Option<ByteRange> {
        ByteRange::parse(self.headers.get("range")?.to_str().ok()?)
    }

    /// The version asked for (`?versionId=`).
    pub fn version(&self) -> Option<&str> {
        self.query.filled("versionId")
    }

    /// Object headers of an upload. `MetadataTooLarge` over 2 KB of user metadata (names and values, as S3
    /// counts), `InvalidArgument` for the reserved prefix.
    pub fn object_headers(&self) -> Result<ObjectHeaders, S3Error> {
        let value = |name: &str| self.header(name).map(<[u8]>::to_vec);
        Ok(ObjectHeaders {
            user: self.user_metadata()?,
            content_type: value("content-type"),
            content_encoding: self
                .header("content-encoding")
                .and_then(without_aws_chunked),
            content_disposition: value("content-disposition"),
            content_language: value("content-language"),
            cache_control: value("cache-control"),
            expires: value("expires"),
        })
    }

    fn user_metadata(&self) -> Result<Vec<(String, Vec<u8>)>, S3Error> {
        let mut user = Vec::new();
        for header in self.headers.keys() {
            let Some(name) = header.as_str().strip_prefix(USER_PREFIX) else {
                continue;
            };
            if name.starts_with("sof-") {
                return Err(Code::InvalidArgument
                    .because("Metadata names beginning with x-amz-meta-sof- are reserved.")
                    .with("ArgumentName", header.as_str()));
            }
            let values: Vec<&[u8]> = self
                .headers
                .get_all(header)
                .iter()
                .map(HeaderValue::as_bytes)
                .collect();
            user.push((name.to_owned(), values.join(&b","[..])));
        }
        let size: usize = user
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if size > USER_METADATA_LIMIT {
            return Err(Code::MetadataTooLarge
                .because(format!(
                    "The user metadata has {size} bytes; {USER_METADATA_LIMIT} are the most."
                ))
                .with("Size", size.to_string())
                .with("MaxSizeAllowed", USER_METADATA_LIMIT.to_string()));
        }
        Ok(user)
    }

    /// The conditions of a request (`If-Match` …) in the store's terms: `ETags` mapped, dates as they are.
    pub fn conditions_for_store(&self) -> HeaderMap {
        self.mapped(CONDITIONS)
    }

    /// The conditions that S3 has on writes: `If-Match` and `If-None-Match` only.
    pub fn write_conditions_for_store(&self) -> HeaderMap {
        self.mapped(WRITE_CONDITIONS)
    }

    /// The conditions on a copy's source, mapped likewise and renamed for a GET or HEAD of the source.
    pub fn source_conditions_for_store(&self) -> HeaderMap {
        self.mapped(SOURCE_CONDITIONS)
    }

    fn mapped(&self, conditions: &[(&str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (ours, theirs) in conditions {
            let Some(value) = self.headers.get(*ours) else {
                continue;
            };
            let mapped = match value.to_str() {
                Ok(text) if ours.ends_with("match") => {
                    HeaderValue::from_str(&etag::condition_upstream(text)).ok()
                }
                _ => Some(value.clone()),
            };
            if let Some(mapped) = mapped {
                headers.insert(HeaderName::from_static(theirs), mapped);
            }
        }
        headers
    }

    /// What of an upload's headers is the store's business and goes on as it is: tags, storage class,
    /// object lock.
    pub fn storage_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for name in STORAGE_HEADERS {
            if let Some(value) = self.headers.get(*name) {
                headers.insert(HeaderName::from_static(name), value.clone());
            }
        }
        headers
    }

    /// The source of a copy: `bucket/key`, encoded once as in a form (S3 reads `+` as a space here, and Go's
    /// clients write it so), with or without a leading slash, with `?versionId=` behind it.
    pub fn copy_source(&self) -> Result<CopySource, S3Error> {
        let refuse = || {
            Code::InvalidArgument
                .because("The header x-amz-copy-source must be /bucket/key, percent-encoded.")
                .with("ArgumentName", "x-amz-copy-source")
        };
        let text = self.text("x-amz-copy-source")?.ok_or_else(refuse)?;
        let (path, version) = match text.split_once("?versionId=") {
            Some((path, version)) => (
                path,
                Some(percent_decode_str(version).decode_utf8_lossy().into_owned()),
            ),
            None => (text, None),
        };
        let path = percent_decode_str(&path.replace('+', " ")).collect::<Vec<u8>>();
        let path = path.strip_prefix(b"/").unwrap_or(&path);
        let slash = path
            .iter()
            .position(|&byte| byte == b'/')
            .ok_or_else(refuse)?;
        let (bucket, key) = path.split_at(slash);
        let bucket = std::str::from_utf8(bucket).map_err(|_| refuse())?;
        let key = key.strip_prefix(b"/").unwrap_or(key);
        Ok(CopySource {
            bucket: BucketName::parse(bucket)?,
            key: ObjectKey::parse(key.to_vec())?,
            version,
        })
    }

    /// Whether a copy replaces the source's metadata (`x-amz-metadata-directive: REPLACE`).
    pub fn replaces_metadata(&self) -> Result<bool, S3Error> {
        self.replaces("x-amz-metadata-directive")
    }

    /// Whether a copy replaces the source's tags (`x-amz-tagging-directive: REPLACE`).
    pub fn replaces_tags(&self) -> Result<bool, S3Error> {
        self.replaces("x-amz-tagging-directive")
    }

    fn replaces(&self, directive: &str) -> Result<bool, S3Error> {
        match self.text(directive)? {
            None | Some("COPY") => Ok(false),
            Some("REPLACE") => Ok(true),
            Some(other) => Err(Code::InvalidArgument
                .because(format!("The header {directive} must be COPY or REPLACE."))
                .with("ArgumentName", directive)
                .with("ArgumentValue", other)),
        }
    }

    /// Refuses a kind of encryption that S3 does not have. Any that it has is met: every object is sealed.
    fn check_encryption(&self) -> Result<(), S3Error> {
        match self.text("x-amz-server-side-encryption")? {
            None | Some("AES256" | "aws:kms" | "aws:kms:dsse") => Ok(()),
            Some(other) => Err(Code::InvalidArgument
                .because("The encryption method specified is not supported.")
                .with("ArgumentName", "x-amz-server-side-encryption")
                .with("ArgumentValue", other)),
        }
    }
}

impl ObjectHeaders {
    /// Writes the headers of an answer. Values that are not ASCII are given in RFC 2047 form, as S3 does.
    pub fn write_to(&self, headers: &mut HeaderMap) {
        let system = [
            ("content-type", &self.content_type),
            ("content-encoding", &self.content_encoding),
            ("content-disposition", &self.content_disposition),
            ("content-language", &self.content_language),
            ("cache-control", &self.cache_control),
            ("expires", &self.expires),
        ];
        for (name, value) in system {
            if let Some(value) = value
                .as_deref()
                .and_then(|value| HeaderValue::from_bytes(value).ok())
            {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        if !headers.contains_key("content-type") {
            headers.insert(
                "content-type",
                HeaderValue::from_static("binary/octet-stream"),
            );
        }
        for (name, value) in &self.user {
            let name = HeaderName::from_bytes(format!("{USER_PREFIX}{name}").as_bytes());
            let value = HeaderValue::from_bytes(&as_ascii(value));
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.insert(name, value);
            }
        }
    }

    /// Applies the `response-…` parameters of a GET.
    #[must_use]
    pub fn overridden_by(mut self, request: &S3Request) -> Self {
        let value = |name: &str| {
            request
                .query
                .get(name)
                .map(|value| value.as_bytes().to_vec())
        };
        self.content_type = value("response-content-type").or(self.content_type);
        self.content_encoding = value("response-content-encoding").or(self.content_encoding);
        self.content_disposition =
            value("response-content-disposition").or(self.content_disposition);
        self.content_language = value("response-content-language").or(self.content_language);
        self.cache_control = value("response-cache-control").or(self.cache_control);
        self.expires = value("response-expires").or(self.expires);
        self
    }
}

/// `aws-chunked` is a transfer form, not a property of the object; other codings stay, in order.
fn without_aws_chunked(value: &[u8]) -> Option<Vec<u8>> {
    let is_chunked = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"aws-chunked");
    let codings = || value.split(|&byte| byte == b',');
    if !codings().any(is_chunked) {
        return Some(value.to_vec());
    }
    let kept: Vec<&[u8]> = codings()
        .filter(|coding| !is_chunked(coding) && !coding.trim_ascii().is_empty())
        .map(<[u8]>::trim_ascii)
        .collect();
    (!kept.is_empty()).then(|| kept.join(&b","[..]))
}

fn as_ascii(value: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    if value
        .iter()
        .all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\t')
    {
        return value.to_vec();
    }
    let text = String::from_utf8(value.to_vec())
        .unwrap_or_else(|_| value.iter().copied().map(char::from).collect());
    format!(
        "=?UTF-8?B?{}?=",
        base64::engine::general_purpose::STANDARD.encode(text)
    )
    .into_bytes()
}

const USER_PREFIX: &str = "x-amz-meta-";

/// S3's limit on user metadata: bytes of all names and values.
const USER_METADATA_LIMIT: usize = 2048;

const CONDITIONS: &[(&str, &str)] = &[
    ("if-match", "if-match"),
    ("if-none-match", "if-none-match"),
    ("if-modified-since", "if-modified-since"),
    ("if-unmodified-since", "if-unmodified-since"),
];

const WRITE_CONDITIONS: &[(&str, &str)] =
    &[("if-match", "if-match"), ("if-none-match", "if-none-match")];

const SOURCE_CONDITIONS: &[(&str, &str)] = &[
    ("x-amz-copy-source-if-match", "if-match"),
    ("x-amz-copy-source-if-none-match", "if-none-match"),
    ("x-amz-copy-source-if-modified-since", "if-modified-since"),
    (
        "x-amz-copy-source-if-unmodified-since",
        "if-unmodified-since",
    ),
];

const STORAGE_HEADERS: &[&str] = &[
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-tagging-directive",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-lock-legal-hold",
];

const KNOWN_AMZ_PREFIXES: &[&str] = &[
    "x-amz-meta-",
    "x-amz-checksum-",
    "x-amz-copy-source",
    "x-amz-grant-",
    "x-amz-object-lock-",
    "x-amz-server-side-encryption",
];

const KNOWN_AMZ_HEADERS: &[&str] = &[
    "x-amz-acl",
    "x-amz-api-version",
    "x-amz-bucket-object-lock-enabled",
    "x-amz-bypass-governance-retention",
    "x-amz-confirm-remove-self-bucket-access",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-expected-bucket-owner",
    "x-amz-max-parts",
    "x-amz-metadata-directive",
    "x-amz-mp-object-size",
    "x-amz-object-attributes",
    "x-amz-object-ownership",
    "x-amz-optional-object-attributes",
    "x-amz-part-number-marker",
    "x-amz-request-payer",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-source-expected-bucket-owner",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-tagging-directive",
    "x-amz-te",
    "x-amz-trailer",
    "x-amz-user-agent",
];

#[cfg(test)]
mod tests;
