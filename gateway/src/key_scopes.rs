//! Which key scope an object belongs to, by its bucket's template, and whether it gets a key of its own. It knows keys
//! of objects and no keys that seal them.

use std::str::FromStr;
use std::sync::Arc;

use kms_keys::Scope;

use crate::buckets::Bucket;
use crate::control::ControlError;
use crate::directory::{Directory, KeyMode};

/// A path with one place in it: `clinics/{scope}/`, `{scope}/`, `sites/{scope}/files/`. An object whose key
/// begins so belongs to the scope of that beginning, for example `clinics/17/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeTemplate {
    before: String,
    after: String,
}

/// Why a text is no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have {{scope}} once, as a whole part of the path, and end in a slash")]
pub struct NoTemplate;

/// The templates of all buckets; without a directory nothing is split.
#[derive(Debug, Clone, Default)]
pub struct KeyScopes(Option<Arc<Directory>>);

impl ScopeTemplate {
    /// The scope of an object of that key.
    pub fn scope_of(&self, key: &str) -> Scope {
        self.prefix_of(key)
            .and_then(Scope::of_prefix)
            .unwrap_or_else(Scope::tenant)
    }

    fn prefix_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        let rest = key.strip_prefix(self.before.as_str())?;
        let (part, rest) = rest.split_once('/')?;
        let rest = rest.strip_prefix(self.after.as_str())?;
        if part.is_empty() {
            return None;
        }
        key.get(..key.len().checked_sub(rest.len())?)
    }
}

impl FromStr for ScopeTemplate {
    type Err = NoTemplate;

    fn from_str(text: &str) -> Result<Self, NoTemplate> {
        let (before, after) = text.split_once(PLACE).ok_or(NoTemplate)?;
        let after = after.strip_prefix('/').ok_or(NoTemplate)?;
        let is_whole = |text: &str| text.is_empty() || text.ends_with('/');
        let is_good = is_whole(before) && is_whole(after) && !after.contains(['{', '}']);
        if is_good && !before.contains(['{', '}']) {
            Ok(Self {
                before: before.to_owned(),
                after: after.to_owned(),
            })
        } else {
            Err(NoTemplate)
        }
    }
}

impl KeyScopes {
    /// As declared of buckets.
    pub fn declared(directory: Arc<Directory>) -> Self {
        Self(Some(directory))
    }

    /// The scope of an object.
    pub async fn of(&self, bucket: &Bucket, key: &str) -> Result<Scope, ControlError> {
        let Some(directory) = &self.0 else {
            return Ok(Scope::tenant());
        };
        let declared = directory.bucket(&bucket.tenant, &bucket.name).await?;
        // What is no template was refused when it was declared.
        let template = declared.template().and_then(Result::ok);
        Ok(template.map_or_else(Scope::tenant, |template| template.scope_of(key)))
    }

    /// Which keys a bucket's new objects are sealed under.
    pub async fn mode_of(&self, bucket: &Bucket) -> Result<KeyMode, ControlError> {
        let Some(directory) = &self.0 else {
            return Ok(KeyMode::default());
        };
        Ok(directory
            .bucket(&bucket.tenant, &bucket.name)
            .await?
            .key_mode)
    }
}

const PLACE: &str = "{scope}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_the_beginning_that_the_template_names() {
        let scope = |template: &str, key: &str| {
            let template: ScopeTemplate = template.parse().unwrap();
            template.scope_of(key).name().to_owned()
        };
        assert_eq!(
            scope("clinics/{scope}/", "clinics/17/a/b.pdf"),
            "clinics/17/"
        );
        assert_eq!(scope("clinics/{scope}/", "clinics/17/"), "clinics/17/");
        assert_eq!(scope("{scope}/", "17/x"), "17/");
        assert_eq!(scope("a/{scope}/b/", "a/ü/b/c"), "a/ü/b/");
        for outside in [
            "clinics/17",
            "clinics//x",
            "clinic/17/x",
            "x",
            "Clinics/17/x",
        ] {
            assert_eq!(scope("clinics/{scope}/", outside), "default", "{outside}");
        }
        assert_eq!(scope("a/{scope}/b/", "a/1/c/b/"), "default");
    }

    #[test]
    fn a_template_has_one_whole_place() {
        for bad in [
            "",
            "clinics/",
            "clinics/{scope}",
            "clinic-{scope}/",
            "{scope}/{scope}/",
            "{scope}/a",
            "{tenant}/{scope}/",
        ] {
            assert_eq!(bad.parse::<ScopeTemplate>(), Err(NoTemplate), "{bad}");
        }
    }
}
