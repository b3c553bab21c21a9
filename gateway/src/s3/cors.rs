//! CORS as a bucket's owner configures it: which pages of other origins may send which requests and read their
//! answers (Amazon S3 API reference, `PutBucketCors`). Pure.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::code::{Code, S3Error};
use super::xml::{Element, Writer};

/// The rules of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsRules(Vec<Rule>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Rule {
    id: Option<String>,
    /// At most one `*` in each.
    origins: Vec<String>,
    methods: Vec<String>,
    /// At most one `*` in each.
    headers: Vec<String>,
    exposed: Vec<String>,
    max_age: Option<u32>,
}

/// What a page asks leave for.
#[derive(Debug, Clone, Copy)]
pub struct CorsRequest<'a> {
    /// Where the page is from.
    pub origin: &'a str,
    /// The method that it wants to use, or uses.
    pub method: &'a str,
    /// The headers that it wants to send; only a preflight names them.
    pub headers: &'a str,
}

impl CorsRules {
    /// Reads a `CORSConfiguration`. `MalformedXML` and `InvalidRequest` say what is wrong with it.
    pub fn parse(document: &[u8]) -> Result<Self, S3Error> {
        let root = Element::parse(document)?;
        if root.name != "CORSConfiguration" {
            return Err(malformed("a CORSConfiguration is needed here"));
        }
        let rules: Vec<Rule> = root
            .children
            .iter()
            .map(Rule::parse)
            .collect::<Result<_, _>>()?;
        match rules.len() {
            1..=MOST_RULES => Ok(Self(rules)),
            _ => Err(malformed("a CORSConfiguration has 1 to 100 rules")),
        }
    }

    /// The document again, written from what was read.
    pub fn document(&self) -> String {
        let mut writer = Writer::new("CORSConfiguration");
        for rule in &self.0 {
            writer.within("CORSRule", |element| {
                element.maybe("ID", rule.id.as_ref());
                for (name, values) in [
                    ("AllowedOrigin", &rule.origins),
                    ("AllowedMethod", &rule.methods),
                    ("AllowedHeader", &rule.headers),
                    ("ExposeHeader", &rule.exposed),
                ] {
                    for value in values {
                        element.text(name, value);
                    }
                }
                element.maybe("MaxAgeSeconds", rule.max_age.map(|age| age.to_string()));
            });
        }
        writer.finish()
    }

    /// The headers that tell a browser what the first fitting rule allows; `None` when no rule fits.
    pub fn allow(&self, asked: CorsRequest<'_>) -> Option<HeaderMap> {
        let rule = self.0.iter().find(|rule| rule.fits(asked))?;
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: &str| {
            if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_str(value)) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        // Credentials are for a page that is named, not for everybody.
        if rule.origins.iter().any(|origin| origin == "*") {
            set("access-control-allow-origin", "*");
        } else {
            set("access-control-allow-origin", asked.origin);
            set("access-control-allow-credentials", "true");
        }
        set("access-control-allow-methods", &rule.methods.join(", "));
        let sent: Vec<String> = asked_headers(asked.headers).collect();
        set("access-control-allow-headers", &sent.join(", "));
        set("access-control-expose-headers", &rule.exposed.join(", "));
        let max_age = rule.max_age.map(|age| age.to_string());
        set("access-control-max-age", &max_age.unwrap_or_default());
        Some(headers)
    }
}

impl Rule {
    fn parse(element: &Element) -> Result<Self, S3Error> {
        if element.name != "CORSRule" {
            return Err(malformed("a CORSConfiguration holds nothing but CORSRule"));
        }
        let mut rule = Self::default();
        for child in &element.children {
            let text = child.text.trim().to_owned();
            match child.name.as_str() {
                "ID" if text.len() <= 255 => rule.id = Some(text),
                "AllowedOrigin" => rule.origins.push(one_star(text)?),
                "AllowedMethod" => rule.methods.push(method(text)?),
                "AllowedHeader" => rule.headers.push(one_star(text)?),
                "ExposeHeader" => rule.exposed.push(header_name(text)?),
                "MaxAgeSeconds" => {
                    let age = text
                        .parse()
                        .map_err(|_| malformed("MaxAgeSeconds is a whole number"))?;
                    rule.max_age = Some(age);
                }
                _ => {
                    return Err(malformed(
                        "a CORSRule holds something that is not known here",
                    ));
                }
            }
        }
        if rule.origins.is_empty() || rule.methods.is_empty() {
            return Err(malformed(
                "a CORSRule needs an AllowedOrigin and an AllowedMethod",
            ));
        }
        Ok(rule)
    }

    fn fits(&self, asked: CorsRequest<'_>) -> bool {
        let allows = |name: String| {
            self.headers
                .iter()
                .any(|pattern| matches(&pattern.to_ascii_lowercase(), &name))
        };
        self.methods.iter().any(|method| method == asked.method)
            && self
                .origins
                .iter()
                .any(|pattern| matches(pattern, asked.origin))
            && asked_headers(asked.headers).all(allows)
    }
}

/// The names in `Access-Control-Request-Headers`, in lower case.
fn asked_headers(text: &str) -> impl Iterator<Item = String> {
    text.split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
}

/// A pattern's `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text
            .strip_prefix(before)
            .is_some_and(|rest| rest.ends_with(after)),
    }
}

fn one_star(text: String) -> Result<String, S3Error> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && text.matches('*').count() <= 1 {
        return Ok(text);
    }
    Err(Code::InvalidRequest.because(format!(
        "AllowedOrigin and AllowedHeader must be ASCII with at most one wildcard; \"{text}\" is not."
    )))
}

fn method(text: String) -> Result<String, S3Error> {
    if METHODS.contains(&text.as_str()) {
        return Ok(text);
    }
    Err(Code::InvalidRequest.because(format!(
        "Found unsupported HTTP method in CORS config. Unsupported method is {text}."
    )))
}

fn header_name(text: String) -> Result<String, S3Error> {
    match HeaderName::from_bytes(text.as_bytes()) {
        Ok(_) => Ok(text),
        Err(_) => Err(Code::InvalidRequest.because(format!(
            "ExposeHeader \"{text}\" is not the name of a header."
        ))),
    }
}

fn malformed(why: &str) -> S3Error {
    Code::MalformedXml.because(format!("The XML document is not valid: {why}."))
}

const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "HEAD"];

/// S3's limit.
const MOST_RULES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Result<CorsRules, S3Error> {
        CorsRules::parse(format!("<CORSConfiguration>{text}</CORSConfiguration>").as_bytes())
    }

    fn asked<'a>(origin: &'a str, method: &'a str, headers: &'a str) -> CorsRequest<'a> {
        CorsRequest {
            origin,
            method,
            headers,
        }
    }

    /// The rules of the S3 user guide's example.
    const EXAMPLE: &str = "<CORSRule><AllowedOrigin>http://www.example1.com</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedMethod>POST</AllowedMethod><AllowedHeader>*</AllowedHeader></CORSRule><CORSRule><ID>two</ID><AllowedOrigin>http://*.example2.com</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedHeader>x-AMZ-*</AllowedHeader><MaxAgeSeconds>3000</MaxAgeSeconds><ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-version-id</ExposeHeader></CORSRule><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>";

    #[test]
    fn a_rule_fits_by_origin_method_and_headers() {
        let rules = rules(EXAMPLE).unwrap();
        for (origin, method, headers, allowed) in [
            (
                "http://www.example1.com",
                "PUT",
                "a, B",
                Some("http://www.example1.com"),
            ),
            ("http://www.example1.com", "DELETE", "", None),
            ("https://www.example1.com", "PUT", "", None),
            ("http://www.example1.com.evil.org", "PUT", "", None),
            (
                "http://a.example2.com",
                "PUT",
                "X-Amz-Date,x-amz-acl",
                Some("http://a.example2.com"),
            ),
            (
                "http://a.example2.com",
                "PUT",
                "x-amz-date, content-type",
                None,
            ),
            (
                "http://.example2.com",
                "PUT",
                "",
                Some("http://.example2.com"),
            ),
            ("http://example2.com", "PUT", "", None),
            ("http://anywhere", "GET", "", Some("*")),
            ("http://anywhere", "GET", "range", None),
            ("null", "GET", "", Some("*")),
        ] {
            let headers = rules.allow(asked(origin, method, headers));
            let told = headers
                .as_ref()
                .map(|told| told["access-control-allow-origin"].to_str().unwrap());
            assert_eq!(told, allowed, "{origin} {method}");
            let with_credentials =
                headers.is_some_and(|told| told.contains_key("access-control-allow-credentials"));
            assert_eq!(with_credentials, allowed.is_some_and(|told| told != "*"));
        }
        let told = rules
            .allow(asked("http://a.example2.com", "PUT", "X-Amz-Date"))
            .unwrap();
        for (name, value) in [
            ("access-control-allow-methods", "PUT"),
            ("access-control-allow-headers", "x-amz-date"),
            ("access-control-expose-headers", "ETag, x-amz-version-id"),
            ("access-control-max-age", "3000"),
        ] {
            assert_eq!(told[name], value);
        }
    }

    #[test]
    fn a_document_is_the_same_when_written_anew() {
        let read = rules(EXAMPLE).unwrap();
        assert_eq!(CorsRules::parse(read.document().as_bytes()).unwrap(), read);
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        let rule = |inside: &str| {
            format!(
                "<CORSRule><AllowedOrigin>a</AllowedOrigin><AllowedMethod>GET</AllowedMethod>{inside}</CORSRule>"
            )
        };
        assert!(rules(&rule("")).is_ok());
        for text in [
            String::new(),
            rule("").repeat(101),
            rule("<Other/>"),
            rule("<AllowedOrigin>*.*</AllowedOrigin>"),
            rule("<AllowedOrigin/>"),
            rule("<AllowedMethod>PATCH</AllowedMethod>"),
            rule("<AllowedMethod>get</AllowedMethod>"),
            rule("<AllowedHeader>a*b*</AllowedHeader>"),
            rule("<ExposeHeader>a b</ExposeHeader>"),
            rule("<MaxAgeSeconds>-1</MaxAgeSeconds>"),
            "<CORSRule><AllowedOrigin>a</AllowedOrigin></CORSRule>".to_owned(),
            "<CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule>".to_owned(),
        ] {
            assert!(rules(&text).is_err(), "{text}");
        }
    }
}
