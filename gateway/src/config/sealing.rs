//! The cipher suites a file asks for: `[sealing]` for the deployment, the same settings in a tenant.

use sealed_object::Suite;

use super::reader::{Problems, Section};

/// What new objects are sealed with, and what is still opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suites {
    /// New objects and uploads are sealed with this one.
    pub sealing: Suite,
    /// Nothing below this one is opened.
    pub minimum: Suite,
}

impl Default for Suites {
    fn default() -> Self {
        Self {
            sealing: Suite::GcmSivBlake3,
            minimum: Suite::GcmSivBlake3,
        }
    }
}

impl Suites {
    /// Reads `[sealing]`, which may be left out.
    pub(super) fn of_deployment(root: &mut Section, problems: &mut Problems) -> Self {
        let Some(mut section) = root.section("sealing", problems) else {
            return Self::default();
        };
        let read = Self::read(&mut section, Self::default(), problems);
        section.finish(problems);
        read
    }

    /// Reads `suite` and `minimum_suite` here; what is left out is inherited. A minimum is only ever raised.
    pub(super) fn read(section: &mut Section, inherited: Self, problems: &mut Problems) -> Self {
        let mut suite = |name| section.optional_parsed::<Suite>(name, "aes-256-gcm", problems);
        let read = Self {
            sealing: suite("suite").unwrap_or(inherited.sealing),
            minimum: suite("minimum_suite").unwrap_or(inherited.minimum),
        };
        if !read.minimum.satisfies(inherited.minimum) {
            problems.add(
                &section.at("minimum_suite"),
                format!("must not be below the deployment's, {}", inherited.minimum),
            );
        } else if !read.sealing.satisfies(read.minimum) {
            problems.add(
                &section.at("suite"),
                format!(
                    "is {}, below the minimum_suite {}, so what is sealed could not be read",
                    read.sealing, read.minimum
                ),
            );
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The suites of a tenant, or the first problem's path.
    fn read(deployment: &str, tenant: &str) -> Result<(Suite, Suite), String> {
        let mut problems = Problems::default();
        let text = format!("[sealing]\n{deployment}");
        let inherited =
            Suites::of_deployment(&mut Section::root(text.parse().unwrap()), &mut problems);
        let mut section = Section::root(tenant.parse().unwrap());
        let Suites { sealing, minimum } = Suites::read(&mut section, inherited, &mut problems);
        match problems.into_vec().first() {
            Some(problem) => Err(problem.path.clone()),
            None => Ok((sealing, minimum)),
        }
    }

    #[test]
    fn a_tenant_inherits_its_suites_and_may_only_raise_the_minimum() {
        let (siv, gcm) = (Suite::GcmSivBlake3, Suite::GcmHmacSha512);
        let suite = "suite = \"aes-256-gcm\"\n";
        let minimum = "minimum_suite = \"aes-256-gcm\"\n";
        let both = format!("{suite}{minimum}");
        assert_eq!(read("", ""), Ok((siv, siv)));
        assert_eq!(read(suite, ""), Ok((gcm, siv)));
        assert_eq!(read("", suite), Ok((gcm, siv)));
        assert_eq!(read("", &both), Ok((gcm, gcm)));
        assert_eq!(read(&both, ""), Ok((gcm, gcm)));
        assert_eq!(read(suite, minimum), Ok((gcm, gcm)));
        assert_eq!(read(suite, "suite = \"aes-256-gcm-siv\""), Ok((siv, siv)));
        for (deployment, tenant, path) in [
            (minimum, "", "sealing.suite"),
            ("", minimum, "suite"),
            (&both, "suite = \"aes-256-gcm-siv\"", "suite"),
            (
                &both,
                "minimum_suite = \"aes-256-gcm-siv\"",
                "minimum_suite",
            ),
            ("suite = \"fips\"", "", "sealing.suite"),
        ] {
            assert_eq!(read(deployment, tenant), Err(path.to_owned()));
        }
    }
}
