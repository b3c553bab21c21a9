//! `[kms]`: where root keys come from.

use std::path::{Path, PathBuf};

use super::read_required;
use super::reader::{Problems, Section};

/// The key management behind the keyrings.
#[derive(Debug)]
pub enum KmsConfig {
    /// Root keys in a file: for one machine and for trying things out.
    DangerousLocalFile {
        /// The file, mode 0600; made on first start.
        path: PathBuf,
    },
}

pub(super) fn read_kms(
    root: &mut Section,
    base: &Path,
    problems: &mut Problems,
) -> Option<KmsConfig> {
    read_required(root, "kms", problems, |kms, problems| {
        let Some(mut local) = kms.section("dangerous_local_file", problems) else {
            problems.add("kms", "needs [kms.dangerous_local_file] with a path");
            return None;
        };
        let path = local.path("path", "root-keys", base, problems);
        local.finish(problems);
        Some(KmsConfig::DangerousLocalFile { path })
    })
    .flatten()
}
