//! Audit keys in a file: what a tenant's administrator hands to an auditor. They check the audit MACs of stored
//! objects and open none.
//!
//! Text, one key a line: the AUX key's id in hex, the suite's id in hex, the key in base64, apart by spaces. `#`
//! begins a comment.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealed_object::{AuditKey, KeyId, Suite, Trailer};
use zeroize::Zeroizing;

use super::ToolError;
use crate::keys::Keys;

/// The audit keys an auditor was given.
#[derive(Debug, Default)]
pub struct AuditKeys(Vec<AuditKey>);

impl AuditKeys {
    /// Reads a file of them.
    pub fn read(path: &Path) -> Result<Self, ToolError> {
        let text = Zeroizing::new(fs::read_to_string(path).map_err(ToolError::file(path))?);
        let lines = text.lines().enumerate().filter(|(_, line)| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#')
        });
        let keys = lines.map(|(index, line)| {
            parse(line).ok_or_else(|| {
                let line = index.saturating_add(1);
                ToolError::Asked(format!("{} line {line} is no audit key", path.display()))
            })
        });
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// The key that a trailer names, if it is among them.
    pub fn of(&self, trailer: &Trailer) -> Option<&AuditKey> {
        let wanted = (trailer.aux_id(), trailer.suite());
        self.0.iter().find(|key| (key.id(), key.suite()) == wanted)
    }
}

/// Writes a tenant's audit keys, one for each suite, to a new file that its owner alone may read.
pub async fn export_audit_keys(keys: &Keys, tenant: &str, path: &Path) -> Result<(), ToolError> {
    let mut text = Zeroizing::new(format!(
        "# Audit keys of tenant {tenant}: they check sealed objects and open none.\n"
    ));
    for suite in [Suite::GcmSivBlake3, Suite::GcmHmacSha512] {
        let key = keys.present_audit_key(tenant, suite).await?;
        let secret = Zeroizing::new(STANDARD.encode(key.secret()));
        let id = hex::encode(key.id().0);
        let _ = writeln!(text, "{id} {:02x} {}", suite.id(), secret.as_str());
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(ToolError::file(path))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(ToolError::file(path))
}

fn parse(line: &str) -> Option<AuditKey> {
    let mut words = line.split_whitespace();
    let (id, suite, key) = (words.next()?, words.next()?, words.next()?);
    let id: [u8; 8] = hex::decode(id).ok()?.try_into().ok()?;
    let suite = Suite::from_id(u8::from_str_radix(suite, 16).ok()?).ok()?;
    let key = Zeroizing::new(STANDARD.decode(key).ok()?);
    let key: [u8; 32] = key.as_slice().try_into().ok()?;
    let alone = words.next().is_none();
    alone.then(|| AuditKey::new(KeyId(id), suite, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_id_a_suite_and_a_key() {
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let parsed = parse(&format!("6175782d30303031 02 {key}")).unwrap();
        assert_eq!(parsed.id(), KeyId(*b"aux-0001"));
        assert_eq!(parsed.suite(), Suite::GcmHmacSha512);
        for bad in [
            format!("6175782d303030 02 {key}"),
            format!("6175782d30303031 07 {key}"),
            "6175782d30303031 02 AAAA".to_owned(),
            format!("6175782d30303031 02 {key} more"),
        ] {
            assert!(parse(&bad).is_none(), "{bad}");
        }
    }
}
