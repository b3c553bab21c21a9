//! docs/policies.md shows nothing that is not so: every section's policies are loaded, and its cases asked.

use policies::cases::{Cases, Expected};
use policies::{PolicySet, Source};

/// The blocks of a section that begin with this mark.
fn blocks(section: &str, mark: &str) -> Vec<String> {
    let fence = format!("```{mark}\n");
    section
        .split(&fence)
        .skip(1)
        .filter_map(|rest| rest.split("```").next().map(str::to_owned))
        .collect()
}

#[test]
fn every_set_up_of_the_tutorial_does_what_its_cases_say() {
    let page = include_str!("../../docs/policies.md");
    let mut set_ups = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let (title, _) = section.split_once('\n').expect("a section has a title");
        let (cases, settings): (Vec<String>, Vec<String>) = blocks(section, "toml")
            .into_iter()
            .partition(|block| block.contains("[[case]]"));
        let Some(cases) = cases.first() else { continue };
        let policies = blocks(section, "cedar").concat();
        let roles = !settings.concat().contains("shipped_roles = false");
        let set = PolicySet::with_shipped(roles, &[Source::new("tutorial.cedar", policies)]);
        let set = set.unwrap_or_else(|problems| panic!("{title}: {problems:?}"));
        let cases = Cases::parse(cases).unwrap_or_else(|error| panic!("{title}: {error}"));
        for wanted in [Expected::Permit, Expected::Deny] {
            assert!(
                cases.cases.iter().any(|case| case.expect == wanted),
                "{title}"
            );
        }
        assert_eq!(cases.surprises(&set), [], "{title}");
        set_ups.push(title.to_owned());
    }
    assert_eq!(
        set_ups,
        [
            "A clinic with roles",
            "Attestation intake",
            "An analyst on de-identified data",
            "A service account",
            "An auditor"
        ]
    );
}
