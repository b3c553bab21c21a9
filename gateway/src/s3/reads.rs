//! What a GET or HEAD asks beside the object: one of its parts, its checksum. Pure.

use super::code::{Code, S3Error};
use super::request::S3Request;

impl S3Request {
    /// The part of the object asked for (`?partNumber=`), 1 to 10 000; it goes with no range.
    pub fn part_number(&self) -> Result<Option<u16>, S3Error> {
        let Some(text) = self.query.get("partNumber") else {
            return Ok(None);
        };
        let number = text
            .parse()
            .ok()
            .filter(|number| (1..=10_000).contains(number));
        let number = number.ok_or_else(|| {
            Code::InvalidArgument
                .because("Part number must be an integer between 1 and 10000, inclusive.")
                .with("ArgumentName", "partNumber")
                .with("ArgumentValue", text)
        })?;
        if self.headers.contains_key("range") {
            return Err(Code::InvalidRequest
                .because("Cannot specify both Range header and partNumber query parameter."));
        }
        Ok(Some(number))
    }

    /// Whether the client asks for the checksum of what it reads (`x-amz-checksum-mode: ENABLED`).
    pub fn wants_checksum(&self) -> bool {
        self.header("x-amz-checksum-mode")
            .is_some_and(|mode| mode.trim_ascii().eq_ignore_ascii_case(b"enabled"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::request::{Addressing, RequestId};

    fn get(query: &str, headers: &[(&str, &str)]) -> S3Request {
        let mut builder = http::Request::builder().uri(format!("/bkt/key?{query}"));
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let parts = builder.body(()).unwrap().into_parts().0;
        S3Request::parse(parts, RequestId(1), None, &Addressing::default()).unwrap()
    }

    #[test]
    fn part_numbers_are_from_1_to_10000_and_go_with_no_range() {
        assert_eq!(get("", &[]).part_number(), Ok(None));
        assert_eq!(get("partNumber=10000", &[]).part_number(), Ok(Some(10_000)));
        for wrong in ["", "0", "10001", "-1", "a"] {
            let request = get(&format!("partNumber={wrong}"), &[]);
            let code = request.part_number().unwrap_err().code;
            assert_eq!(code, Code::InvalidArgument, "{wrong}");
        }
        let both = get("partNumber=1", &[("range", "bytes=0-1")]);
        assert_eq!(both.part_number().unwrap_err().code, Code::InvalidRequest);
    }

    #[test]
    fn checksums_are_asked_for_in_any_case() {
        for value in ["ENABLED", "enabled", " Enabled "] {
            assert!(get("", &[("x-amz-checksum-mode", value)]).wants_checksum());
        }
        assert!(get("x-amz-checksum-mode=ENABLED", &[]).wants_checksum());
        assert!(!get("", &[("x-amz-checksum-mode", "DISABLED")]).wants_checksum());
        assert!(!get("", &[]).wants_checksum());
    }
}
