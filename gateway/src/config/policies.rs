//! `[guardrails]` and a tenant's `[tenants.policies]`: files of Cedar policies, read, validated and put together.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ::policies::{PolicySet, Source};

use super::reader::{Problems, Section};

/// What decides about the requests of a tenant whose policies are declared.
#[derive(Debug, Clone)]
pub struct PoliciesConfig {
    /// The product's, the deployment's and the tenant's policies.
    pub set: Arc<PolicySet>,
    /// What the tenant's buckets are for, by name.
    pub classes: BTreeMap<String, String>,
    /// The deployment's and the tenant's files.
    pub sources: Vec<Source>,
}

/// The deployment's guardrails, which are among every tenant's policies.
#[derive(Debug, Clone, Default)]
pub struct Guardrails(Vec<Source>);

impl Guardrails {
    /// Reads `[guardrails]`, which may be left out.
    pub(super) fn read(root: &mut Section, base: &Path, problems: &mut Problems) -> Self {
        let Some(mut section) = root.section("guardrails", problems) else {
            return Self::default();
        };
        let sources = read_files(&mut section, base, problems);
        let path = section.at("files");
        section.finish(problems);
        if let Err(found) = PolicySet::with_shipped(true, &sources) {
            for problem in found {
                problems.add(&path, problem.to_string());
            }
            return Self::default();
        }
        // So that no tenant's file has the same name.
        let named =
            |source: Source| Source::new(format!("guardrails:{}", source.name), source.text);
        Self(sources.into_iter().map(named).collect())
    }

    /// The files.
    pub fn sources(&self) -> &[Source] {
        &self.0
    }

    /// What decides about a tenant that has nothing of its own.
    pub fn alone(&self) -> Arc<PolicySet> {
        Arc::new(
            PolicySet::with_shipped(true, &self.0).unwrap_or_else(|_| PolicySet::shipped(false)),
        )
    }

    /// Reads `policies` of a tenant, which may be left out.
    pub(super) fn of_tenant(
        &self,
        tenant: &mut Section,
        base: &Path,
        problems: &mut Problems,
    ) -> Option<PoliciesConfig> {
        let mut section = tenant.section("policies", problems)?;
        let own = read_files(&mut section, base, problems);
        let roles = section.switch("shipped_roles", problems);
        let classes = section.section("classes", problems).map(|mut classes| {
            let read = classes.remaining_texts(problems);
            classes.finish(problems);
            read
        });
        let path = section.at("files");
        section.finish(problems);
        let sources: Vec<Source> = self.0.iter().cloned().chain(own).collect();
        let set = PolicySet::with_shipped(roles, &sources).unwrap_or_else(|found| {
            for problem in found {
                problems.add(&path, problem.to_string());
            }
            PolicySet::shipped(false)
        });
        Some(PoliciesConfig {
            set: Arc::new(set),
            classes: classes.unwrap_or_default(),
            sources,
        })
    }
}

/// `files`: paths relative to the configuration's. A file's name, without its folder, begins its policies' ids.
fn read_files(section: &mut Section, base: &Path, problems: &mut Problems) -> Vec<Source> {
    let path = section.at("files");
    let mut sources = Vec::new();
    for file in section.texts("files", problems) {
        match read_policy_file(&base.join(&file)) {
            Ok(source) => sources.push(source),
            Err(problem) => problems.add(&path, problem),
        }
    }
    sources
}

/// A file of policies, under its name.
pub fn read_policy_file(file: &Path) -> Result<Source, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let name = file.file_name().unwrap_or(file.as_os_str());
    Ok(Source::new(name.to_string_lossy(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        guardrails: &str,
        tenant: &str,
        files: &[(&str, &str)],
    ) -> Result<PoliciesConfig, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut problems = Problems::default();
        let mut root = Section::root(guardrails.parse().unwrap());
        let rails = Guardrails::read(&mut root, folder.path(), &mut problems);
        let mut section = Section::root(tenant.parse().unwrap());
        let config = rails.of_tenant(&mut section, folder.path(), &mut problems);
        section.finish(&mut problems);
        let problems: Vec<String> = problems
            .into_vec()
            .iter()
            .map(ToString::to_string)
            .collect();
        let alone = || PoliciesConfig {
            set: rails.alone(),
            classes: BTreeMap::new(),
            sources: rails.sources().to_vec(),
        };
        if problems.is_empty() {
            Ok(config.unwrap_or_else(alone))
        } else {
            Err(problems)
        }
    }

    #[test]
    fn guardrails_and_a_tenants_files_are_put_together() {
        let permit = ("clinic.cedar", "permit (principal, action, resource);");
        let forbid = ("rails.cedar", "forbid (principal, action, resource);");
        let shipped = PolicySet::shipped(true).len();
        let none = PolicySet::shipped(false).len();
        let rails = "[guardrails]\nfiles = [\"rails.cedar\"]";
        let files = &[permit, forbid];
        for (guardrails, tenant, count) in [
            ("", "", shipped),
            (rails, "", shipped + 1),
            (rails, "[policies]\nfiles = [\"clinic.cedar\"]", shipped + 2),
            (
                "",
                "[policies]\nfiles = [\"clinic.cedar\"]\nshipped_roles = false",
                none + 1,
            ),
        ] {
            assert_eq!(
                read(guardrails, tenant, files).unwrap().set.len(),
                count,
                "{tenant}"
            );
        }
        let config = read("", "[policies.classes]\nrecords = \"clinical\"", files).unwrap();
        assert_eq!(
            config.classes.get("records").map(String::as_str),
            Some("clinical")
        );
    }

    #[test]
    fn a_problem_names_the_setting_the_file_and_the_line() {
        let bad = (
            "bad.cedar",
            "permit (principal, action, resource)\nwhen { context.color };",
        );
        let found = read(
            "",
            "[policies]\nfiles = [\"bad.cedar\", \"gone.cedar\"]",
            &[bad],
        )
        .unwrap_err();
        assert!(
            found[0].starts_with("policies.files: ") && found[0].contains("gone.cedar"),
            "{found:?}"
        );
        assert!(
            found[1].starts_with("policies.files: bad.cedar:2: "),
            "{found:?}"
        );
        let found = read("[guardrails]\nfiles = [\"bad.cedar\"]", "", &[bad]).unwrap_err();
        assert!(
            found[0].starts_with("guardrails.files: bad.cedar:2: "),
            "{found:?}"
        );
        let found = read("", "[policies]\nfile = \"x\"\nclasses = { a = 1 }", &[]).unwrap_err();
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
