//! Conditional requests: what RFC 9110 section 13 and S3 make of the `If-*` headers; it knows no index.

use http::HeaderMap;
use s3s::dto::{Timestamp, TimestampFormat};
use time::OffsetDateTime;

use crate::fault::Fault;

/// The preconditions of one request, on the object named by its path or on its copy source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    if_match: Option<TagList>,
    if_none_match: Option<TagList>,
    /// Whole seconds since 1970, as HTTP dates are.
    modified_since: Option<i64>,
    unmodified_since: Option<i64>,
}

impl Conditions {
    /// Takes the headers `{prefix}if-*` out of `headers`.
    ///
    /// A date that cannot be read is ignored, as RFC 9110 section 13.1.3 asks.
    pub(crate) fn take(headers: &mut HeaderMap, prefix: &str) -> Self {
        let mut text = |name: &str| {
            let name = format!("{prefix}{name}");
            let values: Vec<String> = headers
                .get_all(&name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect();
            headers.remove(&name);
            (!values.is_empty()).then(|| values.join(","))
        };
        Self {
            if_match: text("if-match").map(|list| TagList::parse(&list)),
            if_none_match: text("if-none-match").map(|list| TagList::parse(&list)),
            modified_since: text("if-modified-since").and_then(|date| http_date(&date)),
            unmodified_since: text("if-unmodified-since").and_then(|date| http_date(&date)),
        }
    }

    /// Whether an object with this tag and modification time may be read.
    ///
    /// # Errors
    /// [`Fault::PreconditionFailed`] or [`Fault::NotModified`].
    pub(crate) fn allow_read(&self, etag: &str, modified_ms: i64) -> Result<(), Fault> {
        let modified = modified_ms.div_euclid(1000);
        match (&self.if_match, self.unmodified_since) {
            (Some(tags), _) if !tags.strongly_match(etag) => return Err(Fault::PreconditionFailed),
            (None, Some(date)) if modified > date => return Err(Fault::PreconditionFailed),
            _ => {}
        }
        let unchanged = match (&self.if_none_match, self.modified_since) {
            (Some(tags), _) => tags.weakly_match(etag),
            (None, Some(date)) => modified <= date,
            (None, None) => false,
        };
        if unchanged {
            return Err(Fault::NotModified {
                etag: etag.to_owned(),
            });
        }
        Ok(())
    }

    /// Like [`Self::allow_read`] for a copy source, where every failure is a 412.
    ///
    /// # Errors
    /// [`Fault::PreconditionFailed`].
    pub(crate) fn allow_source(&self, etag: &str, modified_ms: i64) -> Result<(), Fault> {
        self.allow_read(etag, modified_ms)
            .map_err(|_| Fault::PreconditionFailed)
    }

    /// Whether the key may be written, given the tag of the object that is there.
    ///
    /// # Errors
    /// [`Fault::PreconditionFailed`]; [`Fault::NoSuchKey`] for `If-Match` on an absent key.
    pub(crate) fn allow_write(&self, current: Option<&str>) -> Result<(), Fault> {
        match (&self.if_match, current) {
            (Some(_), None) => return Err(Fault::NoSuchKey),
            (Some(tags), Some(etag)) if !tags.strongly_match(etag) => {
                return Err(Fault::PreconditionFailed);
            }
            _ => {}
        }
        match (&self.if_none_match, current) {
            (Some(tags), Some(etag)) if tags.weakly_match(etag) => Err(Fault::PreconditionFailed),
            _ => Ok(()),
        }
    }

    /// Whether the object may be deleted. S3 lets `If-Match` on an absent key succeed.
    ///
    /// # Errors
    /// [`Fault::PreconditionFailed`].
    pub(crate) fn allow_delete(&self, current: Option<&str>) -> Result<(), Fault> {
        match current {
            None => Ok(()),
            Some(_) => self.allow_write(current),
        }
    }

    /// Whether `If-Match` names this one tag: what `DeleteObjects` says per key.
    pub(crate) fn on_tag(etag: &str) -> Self {
        Self {
            if_match: Some(TagList::parse(etag)),
            ..Self::default()
        }
    }
}

/// The value of `If-Match` or `If-None-Match`.
#[derive(Debug, Clone)]
enum TagList {
    Any,
    Listed(Vec<Tag>),
}

#[derive(Debug, Clone)]
struct Tag {
    weak: bool,
    value: String,
}

impl TagList {
    /// Reads a list of tags; S3 clients send them with and without quotes.
    fn parse(list: &str) -> Self {
        if list.trim() == "*" {
            return Self::Any;
        }
        let tags = list.split(',').map(|item| {
            let item = item.trim();
            let strong = item.strip_prefix("W/");
            Tag {
                weak: strong.is_some(),
                value: strong.unwrap_or(item).trim_matches('"').to_owned(),
            }
        });
        Self::Listed(tags.collect())
    }

    fn strongly_match(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|tag| !tag.weak && tag.value == etag),
        }
    }

    fn weakly_match(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|tag| tag.value == etag),
        }
    }
}

fn http_date(text: &str) -> Option<i64> {
    let date = Timestamp::parse(TimestampFormat::HttpDate, text.trim()).ok()?;
    Some(OffsetDateTime::from(date).unix_timestamp())
}
