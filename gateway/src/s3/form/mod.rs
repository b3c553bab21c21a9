//! `POST Object`: what a form of `multipart/form-data` means in S3. Pure: no signature is verified here.
//!
//! The rules are those of "POST Object" and "POST policy" in the Amazon S3 API reference.

mod parts;
mod policy;

pub use parts::{Boundary, FileScanner, FormHead, HeadReader, MOST_AFTER_FILE};
pub use policy::{FormPolicy, Lengths};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::code::{Code, S3Error};
use super::names::ObjectKey;
use super::request::S3Request;
use super::xml::Element;
use crate::sigv4::SignedPolicy;

/// The fields of a form, up to the file.
#[derive(Debug, Clone)]
pub struct Form {
    /// Names in lower case, in the order they came, each once; `${filename}` is replaced.
    fields: Vec<(String, String)>,
    /// How many bytes of the request follow the fields: the file, and what closes the form.
    pub left: u64,
    /// How many bytes the file may have; any until the policy was verified.
    pub lengths: Lengths,
}

/// The signature of a form's policy.
#[derive(Debug, Clone, Copy)]
pub enum FormSignature<'f> {
    /// Signature Version 4.
    Version4(SignedPolicy<'f>),
    /// Signature Version 2.
    Version2 {
        /// `policy`, still in base64.
        policy: &'f str,
        /// `AWSAccessKeyId`
        access_key_id: &'f str,
        /// `signature`
        signature: &'f str,
    },
}

/// What the client is told when its file is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Success {
    /// 200, 201 or 204.
    Status(u16),
    /// Go on to this URL.
    Redirect(String),
}

impl Form {
    /// The form of these fields, in the order they came, and the name that the browser gave the file.
    /// `InvalidArgument` for a field that came twice.
    pub fn new(fields: Vec<(String, String)>, file_name: &str) -> Result<Self, S3Error> {
        // Browsers of old send the whole path.
        let file_name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
        let mut form = Self {
            fields: Vec::new(),
            left: 0,
            lengths: Lengths::ANY,
        };
        for (name, value) in fields {
            let name = name.to_ascii_lowercase();
            if form.field(&name).is_some() {
                return Err(Code::InvalidArgument
                    .because(format!("The field {name} came more than once."))
                    .with("ArgumentName", name));
            }
            let verbatim = VERBATIM.contains(&name.as_str());
            let value = if verbatim {
                value
            } else {
                value.replace("${filename}", file_name)
            };
            form.fields.push((name, value));
        }
        Ok(form)
    }

    /// A field's value; `name` in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    /// All fields.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The policy and its signature; `None` where there is neither: the form is anonymous.
    pub fn signature(&self) -> Result<Option<FormSignature<'_>>, S3Error> {
        const ANY: [&str; 4] = [
            "x-amz-signature",
            "x-amz-credential",
            "signature",
            "awsaccesskeyid",
        ];
        let Some(policy) = self.field("policy") else {
            return match ANY.into_iter().find(|name| self.field(name).is_some()) {
                Some(_) => Err(missing("policy")),
                None => Ok(None),
            };
        };
        let needed = |name| self.field(name).ok_or_else(|| missing(name));
        let is_version4 = self.field("x-amz-algorithm").is_some()
            || self.field("x-amz-signature").is_some()
            || self.field("x-amz-credential").is_some();
        let is_version2 =
            self.field("signature").is_some() || self.field("awsaccesskeyid").is_some();
        let signature = match (is_version4, is_version2) {
            (true, true) => {
                return Err(Code::InvalidArgument
                    .because("Only one authentication mechanism is allowed in a form."));
            }
            (true, false) => FormSignature::Version4(SignedPolicy {
                policy,
                algorithm: needed("x-amz-algorithm")?,
                credential: needed("x-amz-credential")?,
                date: needed("x-amz-date")?,
                signature: needed("x-amz-signature")?,
            }),
            (false, _) => FormSignature::Version2 {
                policy,
                access_key_id: needed("awsaccesskeyid")?,
                signature: needed("signature")?,
            },
        };
        Ok(Some(signature))
    }

    /// What to answer. A status that is none of S3's three counts as the default, and so does a URL that is none,
    /// as S3 has it.
    pub fn success(&self) -> Success {
        let redirect = self
            .field("success_action_redirect")
            .or_else(|| self.field("redirect"));
        let is_url = |url: &&str| {
            url.parse::<http::Uri>()
                .is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")))
        };
        match (redirect.filter(is_url), self.field("success_action_status")) {
            (Some(url), _) => Success::Redirect(url.to_owned()),
            (None, Some("200")) => Success::Status(200),
            (None, Some("201")) => Success::Status(201),
            (None, _) => Success::Status(204),
        }
    }

    /// The request that the form makes of a POST on its bucket: the key and the headers come from the fields, and
    /// nothing of meaning from anywhere else.
    pub fn into_request(self, mut request: S3Request) -> Result<S3Request, S3Error> {
        let key = self.field("key").ok_or_else(|| missing("key"))?;
        request.key = Some(ObjectKey::parse(key.as_bytes().to_vec())?);
        request.headers = self.headers()?;
        request.form = Some(Box::new(self));
        Ok(request)
    }

    fn headers(&self) -> Result<HeaderMap, S3Error> {
        let mut headers = HeaderMap::new();
        for (field, value) in self.fields() {
            let tags;
            let (name, value) = match field {
                "acl" => ("x-amz-acl", value),
                "tagging" => {
                    tags = tags_as_query(value)?;
                    ("x-amz-tagging", tags.as_str())
                }
                name if SIGNING.contains(&name) => continue,
                name if OBJECT_HEADERS.contains(&name) || name.starts_with("x-amz-") => {
                    (name, value)
                }
                _ => continue,
            };
            let refused = || {
                Code::InvalidArgument
                    .because(format!("The field {field} cannot be a header."))
                    .with("ArgumentName", field)
            };
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| refused())?;
            if headers.insert(name, value).is_some() {
                return Err(refused());
            }
        }
        Ok(headers)
    }
}

/// The field `tagging` holds the document of `PutObjectTagging`; the header has the form of a query.
fn tags_as_query(document: &str) -> Result<String, S3Error> {
    let malformed = || Code::MalformedXml.because("The field tagging must be a Tagging document.");
    let root = Element::parse(document.as_bytes())?;
    let set = root
        .child("TagSet")
        .filter(|_| root.name == "Tagging")
        .ok_or_else(malformed)?;
    let pairs: Vec<String> = set
        .all("Tag")
        .map(|tag| {
            let key = tag.child_text("Key").ok_or_else(malformed)?;
            let value = tag.child_text("Value").unwrap_or_default();
            let encode = |text: &str| crate::sigv4::encode_query(text.as_bytes());
            Ok(format!("{}={}", encode(key), encode(value)))
        })
        .collect::<Result<_, S3Error>>()?;
    Ok(pairs.join("&"))
}

fn missing(name: &str) -> S3Error {
    Code::InvalidArgument
        .because(format!(
            "Bucket POST must contain a field named '{name}'. If it is specified, please check the order of the fields."
        ))
        .with("ArgumentName", name)
}

/// Fields that are signatures or signed, and so stay as they are.
const VERBATIM: &[&str] = &["policy", "signature", "x-amz-signature"];

/// Fields about the signature, which are no headers.
const SIGNING: &[&str] = &[
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-signature",
];

/// Fields that are headers of the object under their own name.
const OBJECT_HEADERS: &[&str] = &[
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
];

#[cfg(test)]
mod tests;
