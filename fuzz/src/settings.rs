//! Small texts with a meaning of their own: ranges, encoded paths, the configuration file. It must not read files.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;

use gateway::config::{Config, UpstreamConfig};
use gateway::s3::range::ByteRange;
use gateway::sigv4::{encode_path, encode_query};

use crate::choices::Choices;
use crate::{Outcome, percent};

/// A range that parses means the same when it is written plainly, and fits the object when it is satisfiable. The
/// input is the object's size and the header's value.
pub fn byte_range(data: &[u8]) -> Outcome {
    let mut choices = Choices::new(data);
    let size = choices.u64();
    let text = String::from_utf8_lossy(choices.rest());
    let Some(range) = ByteRange::parse(&text) else {
        return Outcome::Refused;
    };
    let (plainly, begins_within) = match range {
        ByteRange::Between(first, last) => (format!("bytes={first}-{last}"), first < size),
        ByteRange::From(first) => (format!("bytes={first}-"), first < size),
        ByteRange::Last(count) => (format!("bytes=-{count}"), count > 0),
    };
    assert_eq!(ByteRange::parse(&plainly), Some(range));
    let within = range.within(size);
    assert_eq!(within.is_ok(), begins_within);
    if let Ok(Some(satisfied)) = within {
        assert!(satisfied.first <= satisfied.last && satisfied.last < size);
        assert_eq!(satisfied.length(), satisfied.last - satisfied.first + 1);
        if let ByteRange::Last(count) = range {
            assert_eq!(satisfied.length(), count.min(size));
        }
    }
    Outcome::Accepted
}

/// Encoding is undone by decoding, uses only the characters SigV4 leaves, and changes nothing the second time round.
pub fn canonical(data: &[u8]) -> Outcome {
    for (encode, free) in [
        (encode_path as fn(&[u8]) -> String, "-_.~/"),
        (encode_query, "-_.~"),
    ] {
        let encoded = encode(data);
        assert_eq!(percent::decode(encoded.as_bytes()), data);
        assert!(
            encoded
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || free.contains(c) || c == '%')
        );
        assert_eq!(encode(&percent::decode(encoded.as_bytes())), encoded);
        // A path as a client sent it: one round makes it canonical for good.
        let once = encode(&percent::decode(data));
        assert_eq!(encode(&percent::decode(once.as_bytes())), once);
    }
    Outcome::Accepted
}

/// A configuration is refused with a reason, or is one that can be run safely; a comment changes nothing.
pub fn config(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else {
        return Outcome::Refused;
    };
    // It would be read, wherever it points; escapes are another way to spell it.
    if text.contains("secret_access_key_file") || text.contains('\\') {
        return Outcome::Refused;
    }
    let read = Config::parse(text, Path::new("/base"));
    let again = Config::parse(&format!("# a comment\n{text}"), Path::new("/base"));
    let config = match (read, again) {
        (Ok(config), Ok(again)) => {
            assert_eq!(format!("{config:?}"), format!("{again:?}"));
            config
        }
        (Err(problems), Err(again)) => {
            assert!(!problems.is_empty(), "a refusal says why");
            assert_eq!(problems.len(), again.len());
            return Outcome::Refused;
        }
        (one, other) => {
            assert_eq!(one.is_ok(), other.is_ok(), "a comment means nothing");
            return Outcome::Refused;
        }
    };
    if let UpstreamConfig::S3 { endpoint, .. } = &config.upstream {
        assert!(is_safe(endpoint), "{endpoint}");
    }
    let (mut tenants, mut keys) = (HashSet::new(), HashSet::new());
    for tenant in &config.tenants {
        assert!((1..=32).contains(&tenant.id.len()) && tenants.insert(&tenant.id));
        for credential in &tenant.credentials {
            assert!(!credential.access_key_id.is_empty() && keys.insert(&credential.access_key_id));
            assert!(credential.secret_access_key.reveal().len() >= 16);
            assert_eq!(format!("{:?}", credential.secret_access_key), "Secret");
        }
    }
    Outcome::Accepted
}

/// TLS, or this machine.
fn is_safe(endpoint: &str) -> bool {
    let lower = endpoint.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("http://") else {
        return lower.starts_with("https://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
