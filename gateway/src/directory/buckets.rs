//! What is declared of buckets, in the configuration or by the admin API, before or after they are made. It must not
//! know objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Directory;
use crate::control::{ControlError, Document, Form, Kept};
use crate::key_scopes::ScopeTemplate;
use crate::s3::BucketName;

/// What is declared of a bucket: `buckets/<tenant>/<name>`. It is of the name, whichever bucket has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketDocument {
    /// What it is for: `clinical`, `attestation`, `contract`, `general` or another word of the tenant's. Policies see it
    /// as `resource.class`; uploads to one of class `attestation` or `contract` yield receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Into which key scopes its objects are split: `clinics/{scope}/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_scope: Option<String>,
    /// Whether each of its objects has a key of its own besides.
    #[serde(default, skip_serializing_if = "KeyMode::is_default")]
    pub key_mode: KeyMode,
    /// The regions of the store that its objects may lie in; none: any.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub residency: BTreeSet<String>,
}

/// Which keys a bucket's objects are sealed under. An object says itself which, so changing it orphans none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyMode {
    /// Those of the tenant's keyring alone.
    #[default]
    Keyring,
    /// Those, and a key of each object's own that key management is asked for whenever the object is opened.
    KmsPerObject,
}

impl KeyMode {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Document for BucketDocument {
    const FOLDER: &'static str = "buckets";
    const FORM: Form = Form::Clear;
}

/// What is wrong with a declaration: which member, and why.
pub(super) type Wrong = (&'static str, String);

impl BucketDocument {
    /// Whether everything in it means something.
    pub fn check(&self) -> Result<(), Wrong> {
        let is_word = |text: &str| {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            (1..=64).contains(&text.len()) && text.bytes().all(good)
        };
        let rule = "must be 1 to 64 letters, digits or - _ .";
        if self.class.as_deref().is_some_and(|class| !is_word(class)) {
            return Err(("class", rule.to_owned()));
        }
        if let Some(Err(why)) = self.template() {
            return Err(("key_scope", why.to_string()));
        }
        match self.residency.iter().find(|region| !is_word(region)) {
            Some(region) => Err(("residency", format!("{region:?} {rule}"))),
            None => Ok(()),
        }
    }

    /// Whether what is uploaded there yields a receipt, and what is under hold or retention stays.
    pub fn is_kept(&self) -> bool {
        is_kept(self.class.as_deref())
    }

    /// Whether `next` lets anything happen that this does not.
    pub fn is_weakened_by(&self, next: &Self) -> bool {
        let leaves = !self.residency.is_empty()
            && (next.residency.is_empty() || !next.residency.is_subset(&self.residency));
        let unasked = self.key_mode == KeyMode::KmsPerObject && next.key_mode != self.key_mode;
        leaves || unasked || (self.is_kept() && !next.is_kept())
    }

    /// The template of its key scopes.
    pub fn template(&self) -> Option<Result<ScopeTemplate, crate::key_scopes::NoTemplate>> {
        self.key_scope.as_deref().map(str::parse)
    }
}

/// Whether a bucket can have this name.
pub fn is_bucket_name(name: &str) -> bool {
    BucketName::parse(name).is_ok()
}

/// Whether a class is one of those whose uploads yield receipts.
pub fn is_kept(class: Option<&str>) -> bool {
    matches!(class, Some("attestation" | "contract"))
}

/// A declaration and where it stands.
#[derive(Debug, Clone)]
pub struct DeclaredBucket {
    /// What it says.
    pub value: BucketDocument,
    /// The document's version; 0 for one of the configuration.
    pub version: u64,
    /// Whether it stands in the configuration, and is changed there only.
    pub in_configuration: bool,
}

impl Directory {
    /// What is declared of a bucket; nothing where nothing is. At most five seconds old.
    pub async fn bucket(
        &self,
        tenant: &str,
        name: &str,
    ) -> Result<Arc<BucketDocument>, ControlError> {
        if let Some(declared) = self.declared_bucket(tenant, name) {
            return Ok(Arc::clone(declared));
        }
        // What is no bucket's name is no name of a document either, and nothing is declared of it.
        if !is_bucket_name(name) {
            return Ok(Arc::default());
        }
        let kept = self.control.get::<BucketDocument>(&[tenant, name]).await?;
        Ok(kept.map_or_else(Arc::default, |kept| Arc::new(kept.value.clone())))
    }

    /// What the configuration declares of a bucket.
    pub fn declared_bucket(&self, tenant: &str, name: &str) -> Option<&Arc<BucketDocument>> {
        self.buckets.get(tenant)?.get(name)
    }

    /// Everything that is declared of a tenant's buckets, as it is now.
    pub async fn declared_buckets(
        &self,
        tenant: &str,
    ) -> Result<BTreeMap<String, DeclaredBucket>, ControlError> {
        let kept = self.control.list::<BucketDocument>(&[tenant]).await?;
        let of_document = |kept: Kept<BucketDocument>| {
            let found = DeclaredBucket {
                value: kept.value,
                version: kept.version,
                in_configuration: false,
            };
            Some((kept.name.get(1)?.clone(), found))
        };
        let mut found: BTreeMap<String, DeclaredBucket> =
            kept.into_iter().filter_map(of_document).collect();
        for (name, value) in self.buckets.get(tenant).into_iter().flatten() {
            let declared = DeclaredBucket {
                value: BucketDocument::clone(value),
                version: 0,
                in_configuration: true,
            };
            found.insert(name.clone(), declared);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(class: &str, residency: &[&str]) -> BucketDocument {
        BucketDocument {
            class: Some(class.to_owned()),
            residency: residency.iter().map(|&region| region.to_owned()).collect(),
            ..BucketDocument::default()
        }
    }

    #[test]
    fn what_lets_more_happen_is_weaker() {
        let contract = bucket("contract", &["eu-1", "eu-2"]);
        for (next, weaker) in [
            (bucket("attestation", &["eu-1"]), false),
            (bucket("contract", &["eu-2", "eu-1"]), false),
            (bucket("general", &["eu-1"]), true),
            (bucket("contract", &["eu-1", "us-1"]), true),
            (bucket("contract", &[]), true),
            (BucketDocument::default(), true),
        ] {
            assert_eq!(contract.is_weakened_by(&next), weaker, "{next:?}");
        }
        assert!(!BucketDocument::default().is_weakened_by(&contract));
        let own = BucketDocument {
            key_mode: KeyMode::KmsPerObject,
            ..contract.clone()
        };
        assert!(own.is_weakened_by(&contract));
        assert!(!contract.is_weakened_by(&own));
    }

    #[test]
    fn what_means_nothing_is_told_by_its_name() {
        assert_eq!(bucket("clinical", &["eu-central-1"]).check(), Ok(()));
        let wrong = |document: BucketDocument| document.check().unwrap_err().0;
        assert_eq!(wrong(bucket("", &[])), "class");
        assert_eq!(wrong(bucket("clinical", &["eu central"])), "residency");
        let scoped = |template: &str| BucketDocument {
            key_scope: Some(template.to_owned()),
            ..BucketDocument::default()
        };
        assert_eq!(scoped("clinics/{scope}/").check(), Ok(()));
        assert_eq!(wrong(scoped("clinics/")), "key_scope");
    }
}
