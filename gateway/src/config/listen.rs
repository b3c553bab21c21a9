//! `[listen]`: where clients connect, and how many are served at once.

use std::net::SocketAddr;
use std::path::Path;

use super::reader::{Problems, Section};
use super::{TlsConfig, read_required};

/// What `[listen]` says.
pub(super) struct Listen {
    pub(super) address: Option<SocketAddr>,
    pub(super) tls: Option<TlsConfig>,
    pub(super) requests_at_once: usize,
    pub(super) base_domains: Vec<String>,
}

pub(super) fn read_listen(
    root: &mut Section,
    base: &Path,
    problems: &mut Problems,
) -> Option<Listen> {
    read_required(root, "listen", problems, |listen, problems| {
        let address = listen.parsed("s3", "127.0.0.1:9000", problems);
        let tls = listen.section("tls", problems).map(|mut tls| {
            let read = TlsConfig::read(&mut tls, base, problems);
            tls.finish(problems);
            read
        });
        let domains = listen.texts("base_domains", problems);
        Listen {
            address,
            tls,
            requests_at_once: listen
                .optional_number("requests_at_once", 1..=MOST_AT_ONCE, problems)
                .and_then(|number| usize::try_from(number).ok())
                .unwrap_or(AT_ONCE),
            base_domains: domains
                .iter()
                .map(|domain| domain.to_ascii_lowercase())
                .collect(),
        }
    })
}

/// Each takes about 256 KiB while it streams.
const AT_ONCE: usize = 1024;
const MOST_AT_ONCE: u64 = 1_000_000;
