//! `[audit]`: where the trail lies, and which buckets' uploads yield receipts.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::reader::{Problems, Section};

/// The trail's settings.
#[derive(Debug)]
pub struct AuditConfig {
    /// The journal's directory.
    pub journal: PathBuf,
    /// This replica's name, with which its logs' names begin.
    pub replica: String,
    /// Buckets of class `attestation` or `contract`, as tenant and bucket: each upload yields a receipt.
    pub attested: HashSet<(String, String)>,
}

impl AuditConfig {
    pub(super) fn read(audit: &mut Section, base: &Path, problems: &mut Problems) -> Self {
        let journal = audit.path("journal", "audit", base, problems);
        let replica = audit
            .optional_text("replica", problems)
            .unwrap_or_else(|| "local".to_owned());
        let fits = !replica.is_empty()
            && replica.len() <= 64
            && replica
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !fits {
            problems.add(
                &audit.at("replica"),
                "must be 1 to 64 letters, digits, or - _ .",
            );
        }
        let mut attested = HashSet::new();
        for mut bucket in audit.sections("buckets", problems) {
            let tenant = bucket.text("tenant", "clinic", problems);
            let name = bucket.text("bucket", "videos", problems);
            let class = bucket.text("class", "attestation", problems);
            match class.as_str() {
                "attestation" | "contract" => {
                    attested.insert((tenant, name));
                }
                "" => {}
                _ => problems.add(&bucket.at("class"), "must be attestation or contract"),
            }
            bucket.finish(problems);
        }
        Self {
            journal,
            replica,
            attested,
        }
    }
}
