//! The query string, decoded once into pairs. Pure.

use percent_encoding::percent_decode_str;

use super::code::{Code, S3Error};

/// Decoded query parameters in the order they came.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes a raw query. Only `&` separates; `+` is a plus, as S3 clients sign it. `InvalidURI` when a
    /// part is not UTF-8.
    pub fn parse(raw: &str) -> Result<Self, S3Error> {
        let decode = |text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .map(std::borrow::Cow::into_owned)
                .map_err(|_| {
                    Code::InvalidUri
                        .because("The query is not UTF-8 once its percent-encoding is undone.")
                })
        };
        raw.split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decode(name)?, decode(value)?))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The first value of `name`; a valueless parameter has the value `""`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Like [`Self::get`], but an empty value counts as absent.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Whether `name` is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A whole number; `InvalidArgument` names the parameter when it is not one.
    pub fn number(&self, name: &'static str) -> Result<Option<u32>, S3Error> {
        let Some(text) = self.filled(name) else {
            return Ok(None);
        };
        let number = text.parse().map_err(|_| {
            Code::InvalidArgument
                .because(format!(
                    "The query parameter {name} must be a whole number from 0 to 2147483647."
                ))
                .with("ArgumentName", name)
                .with("ArgumentValue", text)
        })?;
        Ok(Some(number))
    }

    /// Refuses what no listing takes: an encoding of names that is not S3's one, and a marker of a version without
    /// that of its key.
    pub fn check_listing(&self) -> Result<(), S3Error> {
        let refuse = |message: &str, name: &'static str| {
            Err(Code::InvalidArgument
                .because(message)
                .with("ArgumentName", name)
                .with("ArgumentValue", self.get(name).unwrap_or_default()))
        };
        if self
            .filled("encoding-type")
            .is_some_and(|kind| kind != "url")
        {
            return refuse(
                "Invalid Encoding Method specified in Request.",
                "encoding-type",
            );
        }
        if self.filled("version-id-marker").is_some() && self.filled("key-marker").is_none() {
            let message = "A version-id marker cannot be specified without a key marker.";
            return refuse(message, "version-id-marker");
        }
        for name in ["max-keys", "max-uploads"] {
            self.number(name)?;
        }
        Ok(())
    }

    /// All pairs.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Parameters that never change which operation is meant. A key outside this list that is no
/// sub-resource either is refused: it may be an operation newer than the gateway.
pub const PLAIN_PARAMETERS: &[&str] = &[
    "allow-unordered",
    "annotationName",
    "AWSAccessKeyId",
    "content-md5",
    "content-type",
    "continuation-token",
    "delimiter",
    "encoding-type",
    "Expires",
    "fetch-owner",
    "id",
    "key-marker",
    "list-type",
    "marker",
    "max-buckets",
    "max-keys",
    "max-parts",
    "max-uploads",
    "bucket-region",
    "part-number-marker",
    "partNumber",
    "prefix",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "select-type",
    "Signature",
    "start-after",
    "upload-id-marker",
    "uploadId",
    "version-id-marker",
    "versionId",
    "x-id",
];

/// Whether a key belongs to no operation: a plain parameter, or one of the `X-Amz-…` signing and
/// checksum parameters of presigned URLs.
pub fn is_plain(key: &str) -> bool {
    PLAIN_PARAMETERS.contains(&key)
        || key
            .get(..6)
            .is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_once_and_plus_stays() {
        let query = Query::parse("prefix=a%2520b+c&uploads&delete=&max-keys=7").unwrap();
        assert_eq!(query.get("prefix"), Some("a%20b+c"));
        assert!(query.has("uploads") && query.has("delete"));
        assert_eq!(query.number("max-keys").unwrap(), Some(7));
        assert!(
            Query::parse("max-keys=-1")
                .unwrap()
                .number("max-keys")
                .is_err()
        );
        assert!(Query::parse("a=%ff").is_err());
    }

    #[test]
    fn a_listing_is_checked_before_the_store_is_asked() {
        let checked = |query: &str| Query::parse(query).unwrap().check_listing().is_ok();
        for good in [
            "",
            "encoding-type=url&max-keys=0",
            "encoding-type=",
            "key-marker=k&version-id-marker=v",
        ] {
            assert!(checked(good), "{good}");
        }
        for bad in [
            "encoding-type=base64",
            "version-id-marker=v",
            "max-keys=-1",
            "max-uploads=many",
        ] {
            assert!(!checked(bad), "{bad}");
        }
    }
}
