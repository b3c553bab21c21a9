//! What is done for the sake of one client's peculiarity, each with the reason. Nothing here weakens a check.

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderValue};

/// Whether the connection must end with this answer.
///
/// botocore (seen: 1.43) reuses a connection wrongly when a request with `Expect: 100-continue` was answered
/// without `100 Continue`: it takes the next answer on it for headers of this one. An upload of no bytes is
/// such a request, because there is nothing to read and so nothing to continue with. Where a body was left
/// unread, hyper closes the connection by itself.
pub fn must_close(request: &HeaderMap) -> bool {
    request.contains_key(EXPECT)
        && request
            .get(CONTENT_LENGTH)
            .is_none_or(|length| length == "0")
}

/// Says so in the answer.
pub fn close(response: &mut HeaderMap) {
    response.insert(CONNECTION, HeaderValue::from_static("close"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_expectation_of_nothing_ends_the_connection() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs
                .iter()
                .map(|(name, value)| {
                    (
                        http::HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect::<HeaderMap>()
        };
        assert!(must_close(&headers(&[
            ("expect", "100-continue"),
            ("content-length", "0")
        ])));
        assert!(!must_close(&headers(&[
            ("expect", "100-continue"),
            ("content-length", "5")
        ])));
        assert!(!must_close(&headers(&[("content-length", "0")])));
    }
}
