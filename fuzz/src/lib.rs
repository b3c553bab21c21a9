//! What must hold for any bytes at all: one function for each parser that a stranger's bytes reach. It must not
//! know who calls: libFuzzer and `cargo test` run the same functions.
//!
//! Each function asserts a property, and says whether the parser accepted the input, so that a test can tell a
//! corpus that still reaches the inside of a parser from one that is refused at the door.
#![expect(
    clippy::expect_used,
    reason = "a target reports what it finds by panicking, and what it builds itself must work"
)]

mod choices;
mod fixture;
mod forms;
mod objects;
mod opening;
mod percent;
mod policies;
mod requests;
mod settings;
mod signatures;
mod sizes;
mod streams;
mod tokens;
mod xml;

pub use forms::{form, form_policy};
pub use objects::{envelope, header, manifest, tail, trailer};
pub use opening::{body, span, unsealed_body};
pub use policies::{bucket_policy, session_policy};
pub use requests::{copy_source, s3_request};
pub use settings::{byte_range, canonical, config};
pub use signatures::{verify, version2};
pub use sizes::sizes;
pub use streams::{aws_chunked, listing};
pub use tokens::{part_token, upload_id};
pub use xml::{complete, delete, element};

pub mod seeds;

/// What a parser did with an input. Anything else than these two is a panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It understood the input.
    Accepted,
    /// It answered with an error.
    Refused,
}

/// A target: its name, and the function that asserts its property.
pub type Target = (&'static str, fn(&[u8]) -> Outcome);

impl Outcome {
    fn of(accepted: bool) -> Self {
        if accepted {
            Self::Accepted
        } else {
            Self::Refused
        }
    }
}

/// Every target. The name is also that of its corpus and of its file in `libfuzzer/fuzz_targets`.
pub const TARGETS: &[Target] = &[
    ("aws_chunked", aws_chunked),
    ("body", body),
    ("bucket_policy", bucket_policy),
    ("byte_range", byte_range),
    ("canonical", canonical),
    ("complete", complete),
    ("config", config),
    ("copy_source", copy_source),
    ("delete", delete),
    ("element", element),
    ("envelope", envelope),
    ("form", form),
    ("form_policy", form_policy),
    ("header", header),
    ("listing", listing),
    ("manifest", manifest),
    ("part_token", part_token),
    ("s3_request", s3_request),
    ("session_policy", session_policy),
    ("sizes", sizes),
    ("span", span),
    ("tail", tail),
    ("trailer", trailer),
    ("unsealed_body", unsealed_body),
    ("upload_id", upload_id),
    ("verify", verify),
    ("version2", version2),
];
