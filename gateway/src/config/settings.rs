//! What a tenant that the admin API made says in the configuration's own words: its limits and its identity providers.

use std::path::Path;

use super::identity::read_identity_providers;
use super::reader::{Problem, Problems, Section};
use super::{IdentityProviderConfig, TenantLimits};

/// Limits and identity providers of a tenant.
#[derive(Debug, Clone, Default)]
pub struct TenantSettings {
    /// How much of the gateway it may take.
    pub limits: TenantLimits,
    /// Who vouches for its people and programs.
    pub identity_providers: Vec<IdentityProviderConfig>,
}

impl TenantSettings {
    /// Whether `next` has an identity provider that these do not, or do not have like that. To take one away lets
    /// nobody in.
    pub fn are_widened_by(&self, next: &Self) -> bool {
        let known = &self.identity_providers;
        next.identity_providers
            .iter()
            .any(|one| !known.contains(one))
    }

    /// Reads TOML: `limits` and `[[identity_providers]]` as they stand in a `[[tenants]]`, or everything that is wrong
    /// with it. What is left out of the limits is inherited.
    pub fn parse(text: &str, inherited: TenantLimits) -> Result<Self, Vec<Problem>> {
        let problem = |path: &str, message: String| {
            let path = path.to_owned();
            vec![Problem { path, message }]
        };
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| problem("", error.to_string()))?;
        let providers = table
            .get("identity_providers")
            .and_then(toml::Value::as_array);
        let names_a_file = |one: &toml::Value| one.get("ca_file").is_some();
        if providers.is_some_and(|providers| providers.iter().any(names_a_file)) {
            return Err(problem(
                "identity_providers.ca_file",
                "is for the configuration only: replicas have no common files".to_owned(),
            ));
        }
        let mut problems = Problems::default();
        let mut root = Section::root(table);
        let read = Self {
            limits: TenantLimits::read(&mut root, inherited, &mut problems),
            identity_providers: if root.has("identity_providers") {
                read_identity_providers(&mut root, Path::new("/"), &mut problems)
            } else {
                Vec::new()
            },
        };
        root.finish(&mut problems);
        let problems = problems.into_vec();
        if problems.is_empty() {
            Ok(read)
        } else {
            Err(problems)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::identity::tests::GOOD;

    #[test]
    fn settings_are_those_of_a_tenant_in_the_configuration() {
        let inherited = TenantLimits {
            requests_at_once: Some(7),
            ..TenantLimits::default()
        };
        let text = format!("limits = {{ requests_per_second = 5 }}\n{GOOD}");
        let read = TenantSettings::parse(&text, inherited).unwrap();
        assert_eq!(read.limits.requests_per_second, Some(5));
        assert_eq!(read.limits.requests_at_once, Some(7));
        assert_eq!(read.identity_providers.len(), 1);
        assert_eq!(
            TenantSettings::parse("", inherited).unwrap().limits,
            inherited
        );
        for (text, path) in [
            (
                text.replace("https://", "http://"),
                "identity_providers[0].issuer",
            ),
            (
                text.replace("requests_per", "wishes_per"),
                "limits.wishes_per_second",
            ),
            (
                text.replace("kind =", "ca_file = \"/etc/passwd\"\nkind ="),
                "identity_providers.ca_file",
            ),
            (format!("credentials = 1\n{text}"), "credentials"),
            ("=".to_owned(), ""),
        ] {
            let problems = TenantSettings::parse(&text, inherited).unwrap_err();
            assert_eq!(problems[0].path, path, "{problems:?}");
        }
    }
}
