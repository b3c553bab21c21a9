//! Policies to copy and edit, each with cases that show what it permits and what it denies. What a deployment
//! cannot do without is no template but compiled in (`policies/invariants.cedar`).

/// Where a template belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Among the guardrails of the deployment.
    Guardrails,
    /// Among the policies of a tenant.
    Tenant,
}

/// A policy to copy and edit.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    /// Its name.
    pub name: &'static str,
    /// Where it belongs.
    pub layer: Layer,
    /// The policies, in Cedar.
    pub text: &'static str,
    /// Cases that show what it does ([`crate::cases`]).
    pub cases: &'static str,
}

macro_rules! template {
    ($name:literal, $layer:expr) => {
        Template {
            name: $name,
            layer: $layer,
            text: include_str!(concat!("../templates/", $name, ".cedar")),
            cases: include_str!(concat!("../templates/", $name, ".toml")),
        }
    };
}

/// All templates.
pub const TEMPLATES: &[Template] = &[
    template!("modern-fresh-strong", Layer::Guardrails),
    template!("known-places", Layer::Tenant),
    template!("clinicians", Layer::Tenant),
    template!("attestation-intake", Layer::Tenant),
    template!("stay-home", Layer::Guardrails),
    template!("break-glass", Layer::Guardrails),
    template!("service-accounts", Layer::Tenant),
    template!("de-identified", Layer::Tenant),
    template!("business-hours", Layer::Tenant),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{Cases, Expected};
    use crate::{PolicySet, Source};

    fn hold(name: &str, set: &PolicySet, cases: &str) {
        let cases = Cases::parse(cases).unwrap();
        for wanted in [Expected::Permit, Expected::Deny] {
            assert!(
                cases.cases.iter().any(|case| case.expect == wanted),
                "{name} needs a case of {wanted:?}"
            );
        }
        assert_eq!(cases.surprises(set), [], "{name}");
    }

    #[test]
    fn every_template_does_what_its_cases_say() {
        for template in TEMPLATES {
            let source = Source::new(format!("{}.cedar", template.name), template.text);
            // It says of itself that it needs the shipped roles turned off.
            let roles = !template.text.contains("shipped_roles = false");
            let set = PolicySet::with_shipped(roles, &[source]).unwrap();
            hold(template.name, &set, template.cases);
        }
    }

    #[test]
    fn every_invariant_holds_whatever_is_permitted() {
        let all = Source::new("all.cedar", "permit (principal, action, resource);");
        let set = PolicySet::with_shipped(false, &[all]).unwrap();
        hold(
            "invariants",
            &set,
            include_str!("../policies/invariants.toml"),
        );
    }

    #[test]
    fn a_case_that_comes_out_otherwise_is_told() {
        let set = PolicySet::shipped(true);
        let case = |name: &str, action: &str, expect: &str| {
            format!(
                "[[case]]\nname = \"{name}\"\nprincipal = {{ name = \"ana\", roles = [\"reader\"] }}\naction = \"{action}\"\nresource = {{ bucket = \"b\", key = \"k\" }}\nexpect = {expect}\n"
            )
        };
        let cases = [
            case("wrong", "s3:GetObject", "\"deny\""),
            case("by another", "s3:GetObject", "\"permit\"\nby = \"writer\""),
            case("no action", "s3:Get", "\"deny\""),
            case("right", "s3:GetObject", "\"permit\"\nby = \"reader\""),
        ];
        let told = Cases::parse(&cases.concat()).unwrap().surprises(&set);
        let told: Vec<(&str, &str)> = told
            .iter()
            .map(|surprise| (surprise.name.as_str(), surprise.came.as_str()))
            .collect();
        assert_eq!(
            told[..2],
            [
                ("wrong", "permitted by reader"),
                ("by another", "permitted by reader")
            ]
        );
        assert!(
            told.len() == 3 && told[2].1.contains("s3:GetObject"),
            "{told:?}"
        );
        assert!(Cases::parse("[[case]]\nnmae = 1").is_err());
    }
}
