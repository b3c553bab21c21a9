//! How policy files are loaded, and what is told of those that cannot be.

use super::*;

fn problems(text: &str) -> Vec<String> {
    let found = PolicySet::load(&[Source::new("clinic.cedar", text)]).unwrap_err();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_problem_names_file_line_and_remedy() {
    for (text, line, message, remedy) in [
        (
            "\n\npermit (principal, action, resource",
            3,
            "unexpected end of input",
            "",
        ),
        (
            "permit (principal, action, resource)\nwhen { context.color == 1 };",
            2,
            "attribute `color`",
            "",
        ),
        (
            "permit (principal, action == Action::\"s3:GetObjekt\", resource);",
            1,
            "s3:GetObjekt",
            "did you mean",
        ),
        (
            "permit (principal, action, resource)\n\n\nwhen { context.mfaAge < duration(\"1h\") };",
            4,
            "mfaAge",
            "has",
        ),
        (
            "permit (principal == ?principal, action, resource);",
            1,
            "template",
            "write the principal",
        ),
        (
            "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);",
            2,
            "used twice",
            "rename",
        ),
    ] {
        let found = problems(text);
        let first = found.first().unwrap();
        assert!(
            first.starts_with(&format!("clinic.cedar:{line}: ")),
            "{first}"
        );
        assert!(first.contains(message) && first.contains(remedy), "{first}");
        let (_, told) = first.split_once("; ").unwrap();
        assert!(!told.is_empty(), "{first}");
    }
}

#[test]
fn all_problems_of_all_files_are_told() {
    let found = PolicySet::load(&[
        Source::new(
            "a.cedar",
            "permit (principal, action, resource) when { context.x };",
        ),
        Source::new("b.cedar", "permit (principal, action, nothing);"),
        Source::new("c.cedar", "permit (principal, action, resource);"),
    ])
    .unwrap_err();
    let files: Vec<&str> = found.iter().map(|problem| problem.file.as_str()).collect();
    assert_eq!(files, ["a.cedar", "b.cedar"]);
}

#[test]
fn slices_hold_what_can_apply_and_nothing_else() {
    let set = PolicySet::load(&[Source::new(
        "t.cedar",
        "permit (principal, action == Action::\"s3:GetObject\", resource);
         permit (principal, action in Action::\"read\", resource in Bucket::\"one\");
         permit (principal, action in [Action::\"write\", Action::\"s3:GetObject\"], resource is Object in Bucket::\"two\");
         forbid (principal, action, resource == Object::\"one/key\");
         permit (principal, action, resource == Bucket::\"one\");",
    )])
    .unwrap();
    let ids = |action, bucket| {
        let mut ids: Vec<String> = set
            .slices(action, bucket)
            .flat_map(|slice| slice.policies.policies())
            .map(|policy| policy.id().to_string())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(Action::GetObject, None), ["t/policy1", "t/policy4"]);
    assert_eq!(
        ids(Action::GetObject, Some("one")),
        ["t/policy1", "t/policy2", "t/policy4", "t/policy5"]
    );
    assert_eq!(
        ids(Action::GetObject, Some("two")),
        ["t/policy1", "t/policy3", "t/policy4"]
    );
    assert_eq!(
        ids(Action::PutObject, Some("two")),
        ["t/policy3", "t/policy4"]
    );
    assert_eq!(ids(Action::DeleteObject, Some("two")), ["t/policy4"]);
}

#[test]
fn what_a_decision_needs_is_known_beforehand() {
    let needs = |text: &str| {
        let set = PolicySet::load(&[Source::new("t.cedar", text)]).unwrap();
        let needs = set.needs(Action::GetObject, &bucket(None));
        (needs.tags, needs.lock, needs.overwrites)
    };
    let when = |condition: &str| {
        needs(&format!(
            "permit (principal, action == Action::\"s3:GetObject\", resource) when {{ {condition} }};"
        ))
    };
    assert_eq!(when("resource.key like \"a*\""), (false, false, false));
    assert_eq!(when("resource.hasTag(\"a\")"), (true, false, false));
    assert_eq!(
        when("(if context.tls > 1 then resource else resource).hasTag(\"a\")"),
        (true, false, false)
    );
    assert_eq!(when("principal.hasTag(\"a\")"), (false, false, false));
    assert_eq!(when("context.reqTags.hasTag(\"a\")"), (false, false, false));
    assert_eq!(
        when("resource has legalHold && resource.legalHold"),
        (false, true, false)
    );
    assert_eq!(
        when("context has overwrites && !context.overwrites"),
        (false, false, true)
    );
    assert_eq!(
        needs(
            "permit (principal, action == Action::\"s3:PutObject\", resource) when { resource.hasTag(\"a\") };"
        ),
        (false, false, false)
    );
    let sniffed = |condition: &str| {
        let text = format!(
            "forbid (principal, action == Action::\"s3:PutObject\", resource) when {{ {condition} }};"
        );
        let set = PolicySet::load(&[Source::new("t.cedar", text)]).unwrap();
        let needs = |action| set.needs(action, &bucket(None));
        // The store has nothing to tell about it.
        assert!(needs(Action::PutObject).is_nothing());
        (
            needs(Action::PutObject).sniffed,
            needs(Action::GetObject).sniffed,
        )
    };
    assert_eq!(
        sniffed("context has sniffedType && context.sniffedType == \"text/html\""),
        (true, false)
    );
    assert_eq!(sniffed("{ c: context } has c.sniffedType"), (true, false));
    assert_eq!(
        sniffed("context has contentType && context.contentType == \"sniffedType\""),
        (false, false)
    );
    let shipped = PolicySet::shipped(true);
    assert!(!shipped.needs(Action::PutObject, &bucket(None)).sniffed);
    for (action, class, needed) in [
        (Action::GetObject, Some("contract"), false),
        (Action::PutObject, None, false),
        (Action::PutObject, Some("clinical"), false),
        (Action::PutObject, Some("contract"), true),
        (Action::DeleteObject, Some("attestation"), true),
    ] {
        let needs = shipped.needs(action, &bucket(class));
        assert_eq!(
            (needs.lock, !needs.is_nothing()),
            (needed, needed),
            "{action} {class:?}"
        );
    }
}

fn bucket(class: Option<&str>) -> Resource {
    Resource {
        bucket: Some("b".to_owned()),
        class: class.map(str::to_owned),
        ..Resource::default()
    }
}
