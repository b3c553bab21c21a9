//! One suite: every client against the gateway over both upstreams, and what must hold of the whole
//! workspace. It knows the gateway from outside only.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking with the reason"
)]

mod access_reviews;
mod admin;
mod administration;
mod administrators;
mod archive;
mod attestation;
mod broken_store;
mod browsers;
mod clients;
mod command_line;
mod crash;
mod declared_buckets;
mod disconnects;
mod evidence;
mod folders;
mod hostile;
mod identity;
mod independent;
mod job_races;
mod jobs;
mod journal_disks;
mod key_copies;
mod key_life;
mod key_management;
mod limits;
mod listings;
mod memory;
mod owed;
mod own_keys;
mod policies;
mod python;
mod recorded;
mod rest;
mod rooms;
mod routes;
mod scan;
mod scrubbed;
mod search;
mod signatures;
mod sinks;
mod suites;
mod super_log;
mod telemetry;
mod tenants;
mod tidy;
mod tls;
mod tools;
mod trail;
mod transport;
mod verifier;

use std::sync::OnceLock;

use integration_tests::gateway::{Gateway, Upstream};

/// One `#[test]` for each upstream, so that a failure names both the test and the upstream.
macro_rules! on_both_upstreams {
    ($($name:ident => $test:expr;)+) => {
        mod embedded {
            use super::*;
            $(#[test] fn $name() { $test(Upstream::Embedded); })+
        }
        mod seaweedfs {
            use super::*;
            $(#[test] fn $name() { $test(Upstream::SeaweedFs); })+
        }
    };
}
pub(crate) use on_both_upstreams;

/// One `#[test]` for each cipher suite, of functions that take one.
macro_rules! on_both_suites {
    ($($test:ident)+) => {
        mod suite_1 {
            use integration_tests::cipher_suite::CipherSuite;
            $(#[test] fn $test() { super::$test(CipherSuite::Siv); })+
        }
        mod suite_2 {
            use integration_tests::cipher_suite::CipherSuite;
            $(#[test] fn $test() { super::$test(CipherSuite::Gcm); })+
        }
    };
}
pub(crate) use on_both_suites;

/// The same by TLS; the store over the network is reached by TLS too.
pub(crate) fn shared_by_tls(upstream: Upstream) -> &'static Gateway {
    static EMBEDDED: OnceLock<Gateway> = OnceLock::new();
    static SEAWEEDFS: OnceLock<Gateway> = OnceLock::new();
    let gateway = match upstream {
        Upstream::Embedded => &EMBEDDED,
        Upstream::SeaweedFs => &SEAWEEDFS,
    };
    gateway.get_or_init(|| Gateway::start_tls(upstream))
}

/// The gateway over `upstream` that tests share when each is content with buckets of its own.
pub(crate) fn shared(upstream: Upstream) -> &'static Gateway {
    static EMBEDDED: OnceLock<Gateway> = OnceLock::new();
    static SEAWEEDFS: OnceLock<Gateway> = OnceLock::new();
    let gateway = match upstream {
        Upstream::Embedded => &EMBEDDED,
        Upstream::SeaweedFs => &SEAWEEDFS,
    };
    gateway.get_or_init(|| Gateway::start(upstream))
}
