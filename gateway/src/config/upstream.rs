//! `[upstream]`: the store behind the gateway.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::reader::{Problems, Section};
use super::{Secret, authorities, read_required};

/// The store behind the gateway.
#[derive(Debug)]
pub enum UpstreamConfig {
    /// A bucket on this machine's disk.
    Embedded {
        /// Its directory.
        path: PathBuf,
    },
    /// Any S3 store.
    S3 {
        /// `https://host[:port]`; `http://` on loopback only.
        endpoint: String,
        /// Region to sign for.
        region: String,
        /// The gateway's own credentials at the store.
        access_key_id: String,
        /// Their secret.
        secret_access_key: Secret,
        /// Authorities that alone are trusted for the store's certificate, PEM; without, the machine's.
        ca_file: Option<PathBuf>,
        /// How long the store may be silent when it is its turn.
        timeout: Duration,
    },
}

impl UpstreamConfig {
    /// Where the store is; `here` for the embedded one, which is where the gateway is.
    pub fn region<'a>(&'a self, here: &'a str) -> &'a str {
        match self {
            Self::Embedded { .. } => here,
            Self::S3 { region, .. } => region,
        }
    }
}

pub(super) fn read_upstream(
    root: &mut Section,
    base: &Path,
    problems: &mut Problems,
) -> (Option<UpstreamConfig>, String) {
    let read = read_required(root, "upstream", problems, |upstream, problems| {
        let embedded = upstream.section("embedded", problems);
        let s3 = upstream.section("s3", problems);
        match (embedded, s3) {
            (Some(mut embedded), None) => {
                let path = embedded.path("path", "bucket", base, problems);
                let prefix = read_prefix(&mut embedded, problems);
                embedded.finish(problems);
                (Some(UpstreamConfig::Embedded { path }), prefix)
            }
            (None, Some(mut s3)) => {
                let store = read_s3(&mut s3, base, problems);
                let prefix = read_prefix(&mut s3, problems);
                s3.finish(problems);
                (Some(store), prefix)
            }
            _ => {
                problems.add(
                    "upstream",
                    "needs exactly one of [upstream.embedded] and [upstream.s3]",
                );
                (None, String::new())
            }
        }
    });
    read.unwrap_or_default()
}

/// A store of its own, from the tables `embedded` or `s3` of a section.
pub(super) fn read_store(
    section: &mut Section,
    example: &str,
    base: &Path,
    problems: &mut Problems,
) -> Option<UpstreamConfig> {
    let embedded = section.section("embedded", problems);
    let s3 = section.section("s3", problems);
    match (embedded, s3) {
        (Some(mut embedded), None) => {
            let path = embedded.path("path", example, base, problems);
            embedded.finish(problems);
            Some(UpstreamConfig::Embedded { path })
        }
        (None, Some(mut s3)) => {
            let store = read_s3(&mut s3, base, problems);
            s3.finish(problems);
            Some(store)
        }
        _ => {
            let at = section.at("s3");
            problems.add(
                at.trim_end_matches(".s3"),
                "needs exactly one of the tables s3 and embedded",
            );
            None
        }
    }
}

fn read_prefix(section: &mut Section, problems: &mut Problems) -> String {
    let prefix = section
        .optional_text("bucket_prefix", problems)
        .unwrap_or_else(|| "sealgate-".to_owned());
    let fits = prefix.len() <= 20
        && prefix.starts_with(|c: char| c.is_ascii_alphanumeric())
        && prefix
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !fits {
        problems.add(
            &section.at("bucket_prefix"),
            "must be 1 to 20 of a-z, 0-9 and -, beginning with a letter or digit",
        );
    }
    prefix
}

fn read_s3(s3: &mut Section, base: &Path, problems: &mut Problems) -> UpstreamConfig {
    let endpoint = s3.text(
        "endpoint",
        "https://s3.eu-central-1.amazonaws.com",
        problems,
    );
    if !endpoint.is_empty()
        && let Err(why) = endpoint_is_safe(&endpoint)
    {
        problems.add(&s3.at("endpoint"), why);
    }
    UpstreamConfig::S3 {
        endpoint,
        region: s3.text("region", "us-east-1", problems),
        access_key_id: s3.text("access_key_id", "…", problems),
        secret_access_key: Secret(Zeroizing::new(s3.secret(
            "secret_access_key",
            base,
            problems,
        ))),
        ca_file: read_authorities(s3, base, problems),
        timeout: Duration::from_secs(
            s3.optional_number("timeout_seconds", 1..=LONGEST_SILENCE, problems)
                .unwrap_or(SILENCE),
        ),
    }
}

fn read_authorities(s3: &mut Section, base: &Path, problems: &mut Problems) -> Option<PathBuf> {
    let file = base.join(s3.optional_text("ca_file", problems)?);
    if let Err(error) = authorities(&file) {
        problems.add(&s3.at("ca_file"), crate::error::report(&error));
    }
    Some(file)
}

/// Whether a host is the one this runs on.
pub(super) fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// Sealed bytes and store credentials travel over TLS; without it only inside this machine.
pub(crate) fn endpoint_is_safe(endpoint: &str) -> Result<(), String> {
    let uri: http::Uri = endpoint
        .parse()
        .map_err(|error| format!("is no URL: {error}"))?;
    let host = uri
        .host()
        .ok_or("needs a host, as in https://s3.example.org")?;
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err("must not have a path".to_owned());
    }
    let loopback = is_this_machine(host);
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if loopback => Ok(()),
        Some("http") => Err(
            "must be https:// unless the store is on this machine's loopback address".to_owned(),
        ),
        _ => Err("must begin with https://".to_owned()),
    }
}

/// Seconds. Completing an upload of many parts takes some stores long.
const SILENCE: u64 = 60;
const LONGEST_SILENCE: u64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_transport_is_for_loopback_only() {
        for good in [
            "https://s3.example.org",
            "http://localhost:1",
            "http://[::1]:9",
            "http://127.0.0.2",
        ] {
            assert_eq!(endpoint_is_safe(good), Ok(()), "{good}");
        }
        for bad in [
            "http://10.0.0.1",
            "ftp://localhost",
            "https://h/path",
            "nothing",
            "http://localhost.example.org",
        ] {
            assert!(endpoint_is_safe(bad).is_err(), "{bad}");
        }
    }
}
