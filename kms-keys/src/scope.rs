//! Key scopes: the part of a tenant's objects that has KEK versions of its own. It must not know
//! templates or object keys.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A key scope of a tenant: the tenant itself, or the objects below one prefix, for example
/// `clinics/17/`. The name of a scope is that prefix, so that no two templates can mean one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope(Option<Arc<str>>);

impl Scope {
    /// The tenant's default scope: everything that is in no other.
    pub fn tenant() -> Self {
        Self(None)
    }

    /// The scope of that prefix: 2 to 1024 bytes (S3's longest key) that end in `/`; `None` for
    /// anything else.
    pub fn of_prefix(prefix: &str) -> Option<Self> {
        let fits = (2..=LONGEST).contains(&prefix.len()) && prefix.ends_with('/');
        fits.then(|| Self(Some(prefix.into())))
    }

    /// The prefix, or `None` for the tenant's default scope.
    pub fn prefix(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The name in documents and for people: the prefix, or `default`, which no prefix is.
    pub fn name(&self) -> &str {
        self.prefix().unwrap_or(DEFAULT)
    }

    /// The scope of that [`name`](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        if name == DEFAULT {
            Some(Self::tenant())
        } else {
            Self::of_prefix(name)
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| D::Error::custom("not the name of a key scope"))
    }
}

const DEFAULT: &str = "default";
const LONGEST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_prefix_and_none_is_the_default() {
        for good in ["a/", "default/", "clinics/17/", "clinics/ä/"] {
            let scope = Scope::of_prefix(good).unwrap();
            assert_eq!(Scope::named(scope.name()), Some(scope));
        }
        let long = format!("{}/", "x".repeat(1024));
        for bad in ["", "/", "default", "clinics/17", &long] {
            assert_eq!(Scope::of_prefix(bad), None, "{bad}");
        }
        assert_eq!(Scope::named("default"), Some(Scope::tenant()));
    }
}
