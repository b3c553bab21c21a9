//! Names of AWS KMS root keys: ARNs and key ids. It must not call the service.

use std::{fmt, str::FromStr};

/// A root key: `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`, or the id alone. Never an alias: whoever
/// may move an alias could exchange the key behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsRootKey(String);

/// Why a text is not the name of a root key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AwsRootKeyError {
    /// An alias, by name or ARN.
    #[error("is an alias, which can be pointed at another key; give the ARN of the key itself")]
    Alias,
    /// Neither a key's ARN nor a key's id.
    #[error("is not the ARN of a KMS key (arn:aws:kms:REGION:ACCOUNT:key/ID)")]
    NotAnArn,
}

impl AwsRootKey {
    /// As it is given to the service.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region in an ARN.
    pub fn region(&self) -> Option<&str> {
        region(&self.0)
    }
}

impl FromStr for AwsRootKey {
    type Err = AwsRootKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let last = text.rsplit(':').next().unwrap_or(text);
        if last.starts_with("alias/") {
            return Err(AwsRootKeyError::Alias);
        }
        let is_id = |id: &str| {
            !id.is_empty()
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let is_good = if text.starts_with("arn:") {
            text.split(':').count() == 6
                && region(text).is_some()
                && last.strip_prefix("key/").is_some_and(is_id)
        } else {
            is_id(text)
        };
        is_good
            .then(|| Self(text.to_owned()))
            .ok_or(AwsRootKeyError::NotAnArn)
    }
}

impl fmt::Display for AwsRootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The region in an ARN of AWS KMS.
pub(super) fn region(root_key: &str) -> Option<&str> {
    let mut parts = root_key.split(':');
    let (arn, _, service) = (parts.next()?, parts.next()?, parts.next()?);
    let region = parts.next()?;
    (arn == "arn" && service == "kms" && !region.is_empty()).then_some(region)
}

/// Whether the service means `asked` by `answered`, which is an ARN or an id.
pub(super) fn is_same(asked: &str, answered: &str) -> bool {
    if asked == answered {
        return true;
    }
    let id = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let both_arns = asked.starts_with("arn:") && answered.starts_with("arn:");
    !both_arns && id(asked) == id(answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str =
        "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn keys_have_arns_or_ids_and_aliases_are_refused() {
        let key: AwsRootKey = ARN.parse().unwrap();
        assert_eq!(key.region(), Some("eu-central-1"));
        let id: AwsRootKey = "mrk-1234abcd12ab34cd56ef1234567890ab".parse().unwrap();
        assert_eq!(id.region(), None);
        for alias in [
            "alias/docs",
            "arn:aws:kms:eu-central-1:111122223333:alias/docs",
        ] {
            assert_eq!(alias.parse::<AwsRootKey>(), Err(AwsRootKeyError::Alias));
        }
        for bad in [
            "",
            "arn:aws:s3:::bucket",
            "a/b",
            "arn:aws:kms::1:key/a",
            "arn:aws:kms:r:1:key/",
        ] {
            assert_eq!(
                bad.parse::<AwsRootKey>(),
                Err(AwsRootKeyError::NotAnArn),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_answer_about_another_key_is_told_apart() {
        assert!(is_same(ARN, ARN));
        assert!(is_same("1234abcd-12ab-34cd-56ef-1234567890ab", ARN));
        assert!(!is_same("1234abcd", ARN));
        assert!(!is_same(ARN, &ARN.replace("eu-central-1", "eu-west-1")));
    }
}
