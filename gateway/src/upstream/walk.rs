//! Walking an upstream bucket page by page, from any key on. It judges nothing that it lists.

use http::Method;
use percent_encoding::percent_decode_str;

use super::{StoreRequest, Upstream, UpstreamError};
use crate::s3::xml::Element;

/// What is walked.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    /// Every version, not only what a key shows now.
    pub(crate) versions: bool,
}

/// An object or version as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) key: String,
    /// To read just this version; `None` for what the key shows now.
    pub(crate) version: Option<String>,
    /// Whether it is what the key shows now.
    pub(crate) latest: bool,
    /// Its version as it is listed, be it the latest; `None` where versions are not.
    pub(crate) id: Option<String>,
    /// Its stored length in bytes, by the listing.
    pub(crate) size: u64,
}

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Begin {
    First,
    /// Behind this key and all its versions.
    Behind(String),
    /// Where the store says that its last page ended.
    Next(Vec<(&'static str, String)>),
}

impl Walk {
    /// A page, and where the next one begins if there is one.
    pub(crate) async fn page(
        &self,
        upstream: &Upstream,
        from: &Begin,
    ) -> Result<(Vec<Listed>, Option<Begin>), UpstreamError> {
        let mut request = StoreRequest::bucket(Method::GET, &self.bucket)
            .with_query("encoding-type", "url")
            .with_query("prefix", self.prefix.as_str());
        request = if self.versions {
            request.with_query("versions", "")
        } else {
            request.with_query("list-type", "2")
        };
        request = match from {
            Begin::First => request,
            Begin::Behind(key) if self.versions => request.with_query("key-marker", key.as_str()),
            Begin::Behind(key) => request.with_query("start-after", key.as_str()),
            Begin::Next(marks) => marks.iter().fold(request, |request, (name, value)| {
                request.with_query(name, value.as_str())
            }),
        };
        let (_, page) = upstream.document(request, LONGEST_PAGE).await?;
        Ok((self.listed(&page), self.next(&page)?))
    }

    fn listed(&self, page: &Element) -> Vec<Listed> {
        let entries = page.children.iter().filter(|child| {
            // Delete markers have no bytes.
            child.name == if self.versions { "Version" } else { "Contents" }
        });
        entries
            .filter_map(|entry| {
                let latest = !self.versions || entry.child_text("IsLatest") == Some("true");
                let id = entry.child_text("VersionId").map(str::to_owned);
                let size = entry.child_text("Size").and_then(|size| size.parse().ok());
                Some(Listed {
                    key: decoded(page, entry.child_text("Key")?),
                    version: id.clone().filter(|_| !latest),
                    latest,
                    id,
                    size: size.unwrap_or_default(),
                })
            })
            .collect()
    }

    fn next(&self, page: &Element) -> Result<Option<Begin>, UpstreamError> {
        if page.child_text("IsTruncated") != Some("true") {
            return Ok(None);
        }
        let mark = |name| page.child_text(name).filter(|text| !text.is_empty());
        let marks: Vec<(&'static str, String)> = if self.versions {
            let key = mark("NextKeyMarker").map(|key| ("key-marker", decoded(page, key)));
            let version =
                mark("NextVersionIdMarker").map(|id| ("version-id-marker", id.to_owned()));
            key.into_iter().chain(version).collect()
        } else {
            let token = mark("NextContinuationToken");
            token
                .map(|token| ("continuation-token", token.to_owned()))
                .into_iter()
                .collect()
        };
        if marks.is_empty() {
            return Err(UpstreamError::Unexpected(
                "a listing is truncated and does not say where to go on".to_owned(),
            ));
        }
        Ok(Some(Begin::Next(marks)))
    }
}

/// A key as it is, where the page says that it encodes them.
fn decoded(page: &Element, text: &str) -> String {
    if page.child_text("EncodingType") != Some("url") {
        return text.to_owned();
    }
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

/// Far more than a page of 1 000 keys.
const LONGEST_PAGE: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(versions: bool) -> Walk {
        Walk {
            bucket: "b".to_owned(),
            prefix: String::new(),
            versions,
        }
    }

    #[test]
    fn keys_are_decoded_where_the_page_says_so() {
        let page = |encoding: &str| {
            let text = format!(
                "<ListBucketResult>{encoding}<IsTruncated>false</IsTruncated>\
                 <Contents><Key>a%2Bb+c</Key></Contents></ListBucketResult>"
            );
            Element::parse(text.as_bytes()).unwrap()
        };
        let keys = |page| walk(false).listed(&page).remove(0).key;
        assert_eq!(keys(page("<EncodingType>url</EncodingType>")), "a+b c");
        assert_eq!(keys(page("")), "a%2Bb+c");
    }

    #[test]
    fn versions_are_read_by_id_and_delete_markers_are_not() {
        let text = "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>\
            <NextVersionIdMarker>v1</NextVersionIdMarker>\
            <Version><Key>k</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest></Version>\
            <DeleteMarker><Key>d</Key><VersionId>v3</VersionId><IsLatest>true</IsLatest></DeleteMarker>\
            <Version><Key>k</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest></Version></ListVersionsResult>";
        let page = Element::parse(text.as_bytes()).unwrap();
        let listed = walk(true).listed(&page);
        let seen: Vec<_> = listed
            .iter()
            .map(|one| (one.key.as_str(), one.version.as_deref(), one.latest))
            .collect();
        assert_eq!(seen, [("k", None, true), ("k", Some("v1"), false)]);
        let next = walk(true).next(&page).unwrap();
        let marks = vec![
            ("key-marker", "k".to_owned()),
            ("version-id-marker", "v1".to_owned()),
        ];
        assert_eq!(next, Some(Begin::Next(marks)));
    }

    #[test]
    fn a_page_that_leads_nowhere_is_an_error_and_not_an_end() {
        let text = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
        let page = Element::parse(text.as_bytes()).unwrap();
        assert!(walk(false).next(&page).is_err());
    }
}
