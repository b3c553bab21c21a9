//! What the compiler of bucket policies understands, what it refuses, and what comes of it.

use super::*;
use crate::{Action, Context, Decision, Layers, Principal, Reason, Request, Resource, decide};

const BUCKET: &str = "records";
const TENANT: &str = "clinic";

fn compile(statement: &str) -> Result<Compiled, Malformed> {
    let text = format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{statement}]}}");
    compile_bucket_policy(text.as_bytes(), TENANT, BUCKET)
}

fn refused(statement: &str) -> Malformed {
    match compile(statement) {
        Ok(compiled) => panic!("{statement} became {}", compiled.cedar),
        Err(malformed) => malformed,
    }
}

fn principal(name: &str, roles: &[&str]) -> Principal {
    Principal::with_roles(TENANT, name, roles.iter().copied())
}

fn decided(compiled: &Compiled, who: &Principal, action: Action, key: &str) -> Decision {
    let resource = Resource {
        tenant: TENANT.to_owned(),
        bucket: Some(BUCKET.to_owned()),
        key: Some(key.to_owned()),
        ..Resource::default()
    };
    let context = Context::at(std::time::SystemTime::UNIX_EPOCH, "eu-central-1");
    let request = Request {
        principal: who,
        action,
        resource: &resource,
        context: &context,
    };
    decide(Layers::of(&compiled.set), &request)
}

#[test]
fn a_user_a_role_and_everybody_are_granted_what_is_written() {
    for (principals, grants) in [
        ("\"*\"", [true, true, true]),
        ("{\"AWS\":\"*\"}", [true, true, true]),
        (
            "{\"AWS\":\"arn:aws:iam::clinic:user/alice\"}",
            [true, false, false],
        ),
        (
            "{\"AWS\":[\"arn:aws:iam::clinic:role/reader\"]}",
            [false, true, false],
        ),
        (
            "{\"AWS\":[\"arn:aws:iam::clinic:role/reader\",\"arn:aws:iam::clinic:user/alice\"]}",
            [true, true, false],
        ),
    ] {
        let compiled = compile(&format!(
            "{{\"Effect\":\"Allow\",\"Principal\":{principals},\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::records/*\"}}"
        ))
        .unwrap();
        let asked = [
            principal("alice", &[]),
            principal("bob", &["reader"]),
            principal("eve", &[]),
        ];
        let granted = asked.map(|who| decided(&compiled, &who, Action::GetObject, "k").is_permit());
        assert_eq!(granted, grants, "{principals}");
        assert!(!decided(&compiled, &principal("alice", &[]), Action::PutObject, "k").is_permit());
    }
}

#[test]
fn a_denial_wins_and_names_its_statement() {
    let compiled = compile(
        "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\"},
         {\"Sid\":\"NoDeletion\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:Delete*\",\"Resource\":[\"arn:aws:s3:::records\",\"arn:aws:s3:::records/kept/*\"]}",
    )
    .unwrap();
    let alice = principal("alice", &[]);
    assert!(decided(&compiled, &alice, Action::DeleteObject, "other").is_permit());
    for (action, key, by) in [
        (Action::DeleteObject, "kept/x", "bucket-policy/NoDeletion"),
        (Action::DeleteBucket, "", "bucket-policy/NoDeletion/bucket"),
    ] {
        let Decision::Deny(denial) = decided(&compiled, &alice, action, key) else {
            panic!("{action}");
        };
        assert_eq!(
            (denial.reason, denial.policies),
            (Reason::Forbidden, vec![by.to_owned()])
        );
    }
}

#[test]
fn a_variable_is_a_whole_segment_and_a_slash_in_a_name_grants_nothing() {
    let of = |effect: &str| {
        let allow = "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"},";
        compile(&format!(
            "{}{{\"Effect\":\"{effect}\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::records/desk/${{aws:username}}/*\"}}",
            if effect == "Deny" { allow } else { "" }
        ))
        .unwrap()
    };
    let allowed = of("Allow");
    let may =
        |name, key| decided(&allowed, &principal(name, &[]), Action::GetObject, key).is_permit();
    assert!(
        may("alice", "desk/alice/x")
            && may("alice", "desk/alice/")
            && may("alice", "desk/alice/x/y/z")
    );
    assert!(
        !may("alice", "desk/bob/x")
            && !may("alice", "desk/alice")
            && !may("alice", "desk/alicex/y")
    );
    assert!(!may("a/b", "desk/a/b/x"));
    let denied = of("Deny");
    let may =
        |name, key| decided(&denied, &principal(name, &[]), Action::GetObject, key).is_permit();
    assert!(may("alice", "desk/bob/x") && !may("alice", "desk/alice/x"));
    assert!(!may("a/b", "desk/a/b/x"));
}

/// Only `${` begins a variable: a brace that does not is a letter of the key, and the slash behind it parts segments.
#[test]
fn a_brace_without_a_dollar_is_a_letter_of_the_key() {
    let of = |pattern: &str| {
        compile(&format!(
            "{{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}},
             {{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::records/{pattern}\"}}"
        ))
        .unwrap()
    };
    for (pattern, denied, others) in [
        ("{x/y}/${aws:username}/*", "{x/y}/alice/1", "{x/y}/bob/1"),
        ("{x/${aws:username}/*", "{x/alice/1", "{x/bob/1"),
        ("$/{/${aws:username}", "$/{/alice", "$/{/bob"),
    ] {
        let set = of(pattern);
        let may = |key| decided(&set, &principal("alice", &[]), Action::GetObject, key).is_permit();
        assert!(!may(denied), "{pattern}: {}", set.cedar);
        assert!(may(others), "{pattern}: {}", set.cedar);
    }
}

#[test]
fn a_tag_of_the_principal_stands_for_a_segment() {
    let compiled = compile(
        "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::records/team/${aws:PrincipalTag/team}/*\"}",
    )
    .unwrap();
    let mut alice = principal("alice", &[]);
    let may =
        |alice: &Principal, key| decided(&compiled, alice, Action::GetObject, key).is_permit();
    assert!(!may(&alice, "team/ward/x"));
    alice.tags = [("team".to_owned(), "ward".to_owned())].into();
    assert!(may(&alice, "team/ward/x") && may(&alice, "team/ward/x/y"));
    for key in [
        "team/wards/x",
        "team/ward",
        "other/ward/x",
        "ward/x",
        "team/team/x",
    ] {
        assert!(!may(&alice, key), "{key}");
    }
    // A slash in the value reaches over no segments, as one in a name does not.
    alice.tags = [("team".to_owned(), "a/b".to_owned())].into();
    assert!(!may(&alice, "team/a/b/x"));
}

#[test]
fn what_is_not_understood_in_full_is_refused_by_name() {
    let good = "\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::records/*\"";
    assert!(compile(&format!("{{{good}}}")).is_ok());
    for (element, statement) in [
        (
            "Statement[0].NotPrincipal",
            "{\"Effect\":\"Allow\",\"NotPrincipal\":\"*\"}".to_owned(),
        ),
        ("Statement[0].Principal", good.replace("\"*\"", "\"alice\"")),
        (
            "Statement[0].Principal.Service",
            good.replace("\"*\"", "{\"Service\":\"x\"}"),
        ),
        (
            "Statement[0].Principal.AWS",
            good.replace("\"*\"", "{\"AWS\":\"arn:aws:iam::lab:user/alice\"}"),
        ),
        (
            "Statement[0].Principal.AWS",
            good.replace("\"*\"", "{\"AWS\":\"arn:aws:iam::clinic:root\"}"),
        ),
        (
            "Statement[0].Effect",
            good.replace("\"Allow\"", "\"allow\""),
        ),
        (
            "Statement[0].Action",
            good.replace("s3:GetObject", "s3:GetObjekt"),
        ),
        (
            "Statement[0].Action",
            good.replace("s3:GetObject", "s3:ListBucket"),
        ),
        ("Statement[0].Action", good.replace("s3:GetObject", "ec2:*")),
        (
            "Statement[0].Resource",
            good.replace("records/*", "other/*"),
        ),
        (
            "Statement[0].Resource",
            good.replace("records/*", "records/a?b"),
        ),
        (
            "Statement[0].Resource",
            good.replace("records/*", "records/x${aws:username}"),
        ),
        (
            "Statement[0].Resource",
            good.replace("records/*", "records/${aws:userid}/*"),
        ),
        ("Statement[0].Sidd", format!("{good},\"Sidd\":\"x\"")),
        (
            "Statement[0].Condition.StringEquls",
            format!("{good},\"Condition\":{{\"StringEquls\":{{\"aws:Referer\":\"x\"}}}}"),
        ),
        (
            "Statement[0].Condition.ForAllValues:StringEquals",
            format!(
                "{good},\"Condition\":{{\"ForAllValues:StringEquals\":{{\"aws:Referer\":\"x\"}}}}"
            ),
        ),
        (
            "Statement[0].Condition.StringEquals.aws:Nonsense",
            format!("{good},\"Condition\":{{\"StringEquals\":{{\"aws:Nonsense\":\"x\"}}}}"),
        ),
        (
            "Statement[0].Condition.StringEquals.s3:prefix",
            format!("{good},\"Condition\":{{\"StringEquals\":{{\"s3:prefix\":\"x\"}}}}"),
        ),
        (
            "Statement[0].Condition.StringEquals.aws:SourceIp",
            format!("{good},\"Condition\":{{\"StringEquals\":{{\"aws:SourceIp\":\"10.0.0.1\"}}}}"),
        ),
        (
            "Statement[0].Condition.IpAddress.aws:SourceIp",
            format!("{good},\"Condition\":{{\"IpAddress\":{{\"aws:SourceIp\":\"10.0.0.1/8\"}}}}"),
        ),
        (
            "Statement[0].Condition.StringLike.aws:Referer",
            format!("{good},\"Condition\":{{\"StringLike\":{{\"aws:Referer\":\"a?\"}}}}"),
        ),
        (
            "Statement[0].Condition.Bool.aws:SecureTransport",
            format!("{good},\"Condition\":{{\"Bool\":{{\"aws:SecureTransport\":\"yes\"}}}}"),
        ),
        (
            "Statement[0].Condition.Null.aws:SourceIp",
            format!("{good},\"Condition\":{{\"Null\":{{\"aws:SourceIp\":[\"true\",\"false\"]}}}}"),
        ),
        ("Statement[0].Condition", format!("{good},\"Condition\":[]")),
    ] {
        let statement = if statement.starts_with('{') {
            statement
        } else {
            format!("{{{statement}}}")
        };
        let malformed = refused(&statement);
        assert_eq!(malformed.element, element, "{malformed}");
    }
}

#[test]
fn a_document_is_one_policy_and_every_name_stands_once() {
    for (element, text) in [
        ("Policy", "nothing"),
        ("Policy", "[]"),
        ("Statement", "{}"),
        ("Statement", "{\"Statement\":[]}"),
        ("Version", "{\"Version\":\"2020-01-01\",\"Statement\":[]}"),
        (
            "Policy",
            "{\"Version\":\"2012-10-17\",\"Version\":\"2012-10-17\",\"Statement\":[]}",
        ),
        (
            "Policy",
            "{\"Statement\":[{\"Effect\":\"Deny\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\"}]}",
        ),
        (
            "Version",
            "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::records/${aws:username}/*\"}]}",
        ),
    ] {
        let malformed = compile_bucket_policy(text.as_bytes(), TENANT, BUCKET).unwrap_err();
        assert_eq!(malformed.element, element, "{text}: {malformed}");
    }
    let long = format!("{{\"Id\":\"{}\"}}", "x".repeat(20 * 1024));
    assert!(compile_bucket_policy(long.as_bytes(), TENANT, BUCKET).is_err());
    let twice = "{\"Sid\":\"a\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\"}";
    assert_eq!(
        refused(&format!("{twice},{twice}")).element,
        "Statement[0].Sid"
    );
}

#[test]
fn what_is_public_says_neither_who_nor_from_where() {
    let is_public = |principal: &str, condition: &str| {
        compile(&format!(
            "{{\"Effect\":\"Allow\",\"Principal\":{principal},\"Action\":\"s3:ListBucket\",\"Resource\":\"*\"{condition}}}"
        ))
        .unwrap()
        .is_public
    };
    assert!(is_public("\"*\"", ""));
    assert!(is_public(
        "\"*\"",
        ",\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"true\"}}"
    ));
    assert!(is_public(
        "\"*\"",
        ",\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":\"0.0.0.0/0\"}}"
    ));
    assert!(!is_public(
        "\"*\"",
        ",\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}"
    ));
    assert!(!is_public(
        "{\"AWS\":\"arn:aws:iam::clinic:user/alice\"}",
        ""
    ));
}

/// Quotes, backslashes, stars and letters of any alphabet stay what they are.
#[test]
fn texts_cannot_break_out_of_their_quotes() {
    for text in [
        "a\"b",
        "a\\",
        "\\\"",
        "ä\u{0}\u{200b}",
        "x\"; } permit (principal, action, resource); //",
    ] {
        let quoted_json = serde_json::to_string(&format!("arn:aws:s3:::records/{text}")).unwrap();
        let compiled = compile(&format!(
            "{{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":{quoted_json}}}"
        ))
        .unwrap();
        assert_eq!(compiled.set.len(), 1);
        let alice = principal("alice", &[]);
        assert!(decided(&compiled, &alice, Action::GetObject, text).is_permit());
        assert!(!decided(&compiled, &alice, Action::GetObject, "other").is_permit());
    }
}

#[test]
fn a_session_policy_names_buckets_and_no_principal() {
    let compile = |statement: &str| {
        let text = format!("{{\"Version\":\"2012-10-17\",\"Statement\":{statement}}}");
        compile_session_policy(text.as_bytes())
    };
    let compiled = compile(
        "{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":[\"arn:aws:s3:::records\",\"arn:aws:s3:::records/a/*\"]}",
    )
    .unwrap();
    let alice = principal("alice", &[]);
    assert!(decided(&compiled, &alice, Action::GetObject, "a/x").is_permit());
    assert!(decided(&compiled, &alice, Action::ListBucket, "").is_permit());
    assert!(!decided(&compiled, &alice, Action::GetObject, "b/x").is_permit());
    assert!(!decided(&compiled, &alice, Action::ListAllMyBuckets, "").is_permit());
    let elsewhere =
        compile("{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::other/*\"}")
            .unwrap();
    assert!(!decided(&elsewhere, &alice, Action::GetObject, "a/x").is_permit());
    let all = compile("{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}").unwrap();
    assert!(decided(&all, &alice, Action::ListAllMyBuckets, "").is_permit());
    assert!(
        compile(
            "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\"}"
        )
        .is_err()
    );
}
