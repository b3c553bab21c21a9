//! What decisions promise, whatever a policy says and whoever asks.

use std::time::{Duration, SystemTime};

use super::*;
use crate::cedar::Question;
use crate::set::SCHEMA;
use crate::{Action, Context, Group, Principal, Resource, Role, Source, Target};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn context() -> Context {
    Context::at(at(1_800_000_000), "eu-central-1")
}

fn object(tenant: &str) -> Resource {
    Resource {
        tenant: tenant.to_owned(),
        bucket: Some("docs".to_owned()),
        key: Some("a/b/c".to_owned()),
        legal_hold: Some(false),
        ..Resource::default()
    }
}

fn ask(
    set: &PolicySet,
    principal: &Principal,
    action: Action,
    resource: &Resource,
    context: &Context,
) -> Decision {
    let request = Request {
        principal,
        action,
        resource,
        context,
    };
    decide(Layers::of(set), &request)
}

fn with(text: &str) -> PolicySet {
    PolicySet::with_shipped(false, &[Source::new("t.cedar", text)]).unwrap()
}

fn alice() -> Principal {
    Principal::with_roles("clinic-a", "alice", ["clinician"])
}

#[test]
fn no_role_reaches_into_another_tenant_whatever_a_policy_permits() {
    let set = with("permit (principal, action, resource);");
    let nothing = PolicySet::default();
    for role in Role::ALL {
        let principal = Principal::with_roles("clinic-a", "p", [role.name()]);
        for &action in Action::ALL {
            for set in [&set, &nothing] {
                assert_eq!(
                    ask(set, &principal, action, &object("clinic-b"), &context()),
                    Decision::Deny(Denial::because(Reason::OtherTenant))
                );
            }
        }
    }
}

/// The roles of before the policies, with the meaning they had.
#[test]
fn each_data_role_permits_what_its_name_says_and_nothing_else() {
    use Group::{Change, Delete, List, ManageBucket, Protect, Read, Write};
    let set = PolicySet::shipped(true);
    let data = [
        Read,
        List,
        Write,
        Change,
        Protect,
        Delete,
        ManageBucket,
        Group::Administer,
    ];
    for (role, groups) in [
        (
            Role::TenantAdmin,
            &[Read, List, Write, Change, Protect, Delete, ManageBucket][..],
        ),
        (
            Role::TenantOwner,
            &[Read, List, Write, Change, Protect, Delete, ManageBucket],
        ),
        (Role::Writer, &[Read, List, Write, Change, Delete]),
        (Role::Reader, &[Read, List]),
        (Role::Uploader, &[Write]),
        (Role::Clinician, &[]),
        (Role::Auditor, &[]),
        (Role::SecurityOfficer, &[]),
        (Role::TenantHelpdesk, &[]),
        (Role::Operator, &[]),
    ] {
        let principal = Principal::with_roles("clinic-a", "p", [role.name()]);
        for &action in Action::ALL
            .iter()
            .filter(|action| data.contains(&action.group()))
        {
            let expected = if groups.contains(&action.group()) {
                Decision::Permit {
                    policies: vec![role.name().to_owned()],
                }
            } else {
                let decided = ask(&set, &principal, action, &object("clinic-a"), &context());
                assert!(!decided.is_permit(), "{role} {action}");
                continue;
            };
            assert_eq!(
                ask(&set, &principal, action, &object("clinic-a"), &context()),
                expected,
                "{role} {action}"
            );
        }
    }
}

#[test]
fn operators_are_blind_and_the_shared_store_is_nobodys_whatever_a_policy_permits() {
    let set = with("permit (principal, action, resource);");
    let operator = Principal::with_roles("clinic-a", "op", ["operator", "tenant-owner"]);
    for &action in Action::ALL {
        let decision = ask(&set, &operator, action, &object("clinic-a"), &context());
        let blind = action.target() != Target::Tenant || action.group() == Group::List;
        if blind || action == Action::AuditReadSealed {
            assert!(!decision.is_permit(), "{action}");
        }
        if action.group() == Group::Administer {
            let decision = ask(&set, &alice(), action, &object("clinic-a"), &context());
            assert!(!decision.is_permit(), "{action}");
        }
    }
    assert!(
        ask(
            &set,
            &operator,
            Action::AdminUnlock,
            &object("clinic-a"),
            &context()
        )
        .is_permit()
    );
}

#[test]
fn a_forbid_that_cannot_be_evaluated_denies() {
    // Passes strict validation; Cedar by itself skips it and permits.
    let set = with(
        "permit (principal, action, resource);
         forbid (principal, action == Action::\"s3:PutObject\", resource)
         when { context has size && context.size + 1 > 5000000000 };",
    );
    let put = |size| {
        let context = Context {
            size: Some(size),
            ..context()
        };
        ask(
            &set,
            &alice(),
            Action::PutObject,
            &object("clinic-a"),
            &context,
        )
    };
    assert!(put(1).is_permit());
    assert_eq!(
        put(u64::MAX),
        Decision::Deny(Denial {
            reason: Reason::Failed,
            policies: vec!["t/policy2".to_owned()]
        })
    );
}

#[test]
fn a_permit_that_cannot_be_evaluated_denies_though_another_permits() {
    let set = with(
        "permit (principal, action, resource);
         permit (principal, action == Action::\"s3:PutObject\", resource)
         when { context has size && context.size * 2 > 0 };",
    );
    let context = Context {
        size: Some(u64::MAX),
        ..context()
    };
    let decision = ask(
        &set,
        &alice(),
        Action::PutObject,
        &object("clinic-a"),
        &context,
    );
    assert!(matches!(
        decision,
        Decision::Deny(Denial {
            reason: Reason::Failed,
            ..
        })
    ));
}

#[test]
fn any_forbid_of_any_layer_wins_and_any_permit_suffices_otherwise() {
    let permits = with("permit (principal, action == Action::\"s3:GetObject\", resource);");
    let forbids = PolicySet::load(&[Source::new(
        "b.cedar",
        "@id(\"no\") forbid (principal, action, resource);",
    )])
    .unwrap();
    let (alice, resource, context) = (alice(), object("clinic-a"), context());
    let request = Request {
        principal: &alice,
        action: Action::GetObject,
        resource: &resource,
        context: &context,
    };
    let nothing = PolicySet::shipped(false);
    let decided = |tenant, bucket, session: &[Arc<PolicySet>]| {
        decide(
            Layers {
                tenant,
                bucket,
                session,
            },
            &request,
        )
    };
    let permit = Decision::Permit {
        policies: vec!["t/policy1".to_owned()],
    };
    let denied = |reason, policies: &[&str]| {
        Decision::Deny(Denial {
            reason,
            policies: policies.iter().map(|&name| name.to_owned()).collect(),
        })
    };
    assert_eq!(decided(&permits, None, &[]), permit);
    assert_eq!(decided(&nothing, Some(&permits), &[]), permit);
    assert_eq!(
        decided(&permits, Some(&forbids), &[]),
        denied(Reason::Forbidden, &["b/no"])
    );
    assert_eq!(
        decided(&nothing, None, &[]),
        denied(Reason::NotPermitted, &[])
    );
    let [wide, narrow, against] = [&permits, &nothing, &forbids].map(|set| Arc::new(set.clone()));
    let session = |policies: &[&Arc<PolicySet>]| {
        let policies: Vec<_> = policies.iter().map(|&set| Arc::clone(set)).collect();
        decided(&permits, None, &policies)
    };
    assert_eq!(session(&[&wide]), permit);
    assert_eq!(session(&[&wide, &wide]), permit);
    assert_eq!(session(&[&narrow]), denied(Reason::NotInSession, &[]));
    // Each must permit: one that does makes up for none that does not.
    for policies in [[&wide, &narrow], [&narrow, &wide]] {
        assert_eq!(session(&policies), denied(Reason::NotInSession, &[]));
    }
    assert_eq!(
        session(&[&wide, &against]),
        denied(Reason::Forbidden, &["b/no"])
    );
    // A session adds nothing.
    assert_eq!(
        decided(&nothing, None, &[wide]),
        denied(Reason::NotPermitted, &[])
    );
}

#[test]
fn what_is_worm_stays() {
    let set = with("permit (principal, action, resource);");
    let now = context();
    let resource = |class: &str, hold, until: Option<u64>| Resource {
        class: Some(class.to_owned()),
        legal_hold: Some(hold),
        retain_until: until.map(at),
        ..object("clinic-a")
    };
    let (past, future) = (Some(1_700_000_000), Some(1_900_000_000));
    for (class, hold, until, may) in [
        ("attestation", false, None, true),
        ("attestation", false, past, true),
        ("attestation", true, None, false),
        ("contract", false, future, false),
        // The store keeps it; no invariant of ours.
        ("clinical", true, future, true),
    ] {
        for action in [
            Action::DeleteObject,
            Action::PutObject,
            Action::BypassGovernanceRetention,
        ] {
            let decision = ask(&set, &alice(), action, &resource(class, hold, until), &now);
            assert_eq!(
                decision.is_permit(),
                may,
                "{class} {hold} {until:?} {action}"
            );
        }
        assert!(
            ask(
                &set,
                &alice(),
                Action::GetObject,
                &resource(class, hold, until),
                &now
            )
            .is_permit()
        );
    }
}

#[test]
fn keys_are_destroyed_by_two_more_people_after_the_hold_only() {
    let set = with("permit (principal, action, resource);");
    let destroy = |approvals, hold, until| {
        let resource = Resource {
            tenant: "clinic-a".to_owned(),
            legal_hold: hold,
            retain_until: until,
            ..Resource::default()
        };
        let context = Context {
            approvals,
            ..context()
        };
        ask(&set, &alice(), Action::KeysDestroy, &resource, &context).is_permit()
    };
    let (past, future) = (Some(at(1_700_000_000)), Some(at(1_900_000_000)));
    assert!(destroy(2, Some(false), past));
    assert!(!destroy(1, Some(false), past));
    assert!(!destroy(2, Some(true), past));
    assert!(!destroy(2, None, past));
    assert!(!destroy(2, Some(false), future));
    assert!(!destroy(2, Some(false), None));
}

/// Strict validation promises no type error only for requests that keep to the schema.
#[test]
fn every_question_keeps_to_the_schema() {
    let full = Context {
        src_ip: Some("10.1.2.3".parse().unwrap()),
        tls: 13,
        auth_type: crate::AuthType::Post,
        mfa_age: Some(Duration::from_secs(1)),
        auth_age: Some(Duration::MAX),
        idle: Some(Duration::ZERO),
        sig_age: Some(Duration::from_millis(3)),
        client_cert_fp: Some("ab".to_owned()),
        user_agent: Some("\"\\*\u{0}".to_owned()),
        referer: Some(String::new()),
        list_prefix: Some("a/".to_owned()),
        delimiter: Some("/".to_owned()),
        max_keys: Some(1000),
        size: Some(u64::MAX),
        content_type: Some("video/mp4".to_owned()),
        sniffed_type: Some("application/pdf".to_owned()),
        checksum_alg: Some("SHA256".to_owned()),
        request_tags: [("a".to_owned(), "b".to_owned())].into(),
        copy_source: Some("b/k".to_owned()),
        metadata_directive: Some("COPY".to_owned()),
        acl: Some("private".to_owned()),
        storage_class: Some("STANDARD".to_owned()),
        version_id: Some("v".to_owned()),
        upload: Some("part".to_owned()),
        part_number: Some(1),
        overwrites: Some(true),
        lock_mode: Some("GOVERNANCE".to_owned()),
        remaining_retention_days: Some(3),
        break_glass: Some(crate::BreakGlass {
            id: "1".to_owned(),
            reason: "r".to_owned(),
            expires: at(0),
        }),
        approvals: u32::MAX,
        purpose: Some("TREAT".to_owned()),
        ..context()
    };
    let principal = Principal {
        kind: crate::Kind::Service,
        groups: ["g".to_owned()].into(),
        clinic_id: Some("c".to_owned()),
        hipaa_trained_until: Some(at(1)),
        tags: [("x".to_owned(), "y".to_owned())].into(),
        ..alice()
    };
    let known = Resource {
        class: Some("clinical".to_owned()),
        tags: [("patient".to_owned(), "7".to_owned())].into(),
        retain_until: Some(at(5)),
        ..object("clinic-a")
    };
    for context in [&full, &context()] {
        for (principal, resource) in [(&principal, &known), (&alice(), &object("clinic-a"))] {
            for &action in Action::ALL {
                let request = Request {
                    principal,
                    action,
                    resource,
                    context,
                };
                Question::validated(&request, &|_| true, Some(&SCHEMA)).unwrap();
            }
        }
    }
}

#[test]
fn the_schema_has_the_actions_and_no_others() {
    let mut declared: Vec<String> = SCHEMA
        .actions()
        .map(|uid| uid.id().unescaped().to_owned())
        .collect();
    let groups = Group::ALL.iter().map(|group| group.name());
    let actions = Action::ALL.iter().map(|action| action.name());
    let mut ours: Vec<String> = actions.chain(groups).map(str::to_owned).collect();
    declared.sort();
    ours.sort();
    assert_eq!(declared, ours);
    let entities = SCHEMA.action_entities().unwrap();
    for &action in Action::ALL {
        let (action_uid, group) = (
            crate::cedar::action_uid(action.name()),
            crate::cedar::action_uid(action.group().name()),
        );
        assert!(entities.is_ancestor_of(&group, &action_uid), "{action}");
        let resources: Vec<String> = SCHEMA
            .resources_for_action(&action_uid)
            .unwrap()
            .map(ToString::to_string)
            .collect();
        assert_eq!(resources, [format!("{:?}", action.target())]);
        assert_eq!(action.name().parse(), Ok(action));
    }
}

#[test]
fn nothing_is_written_where_its_bucket_may_not_lie() {
    let set = with("permit (principal, action, resource);");
    let bucket = |residency: &[&str]| Resource {
        residency: residency.iter().map(|&region| region.to_owned()).collect(),
        ..object("clinic-a")
    };
    let here = context();
    let elsewhere = Context {
        upstream_region: "us-east-1".to_owned(),
        ..here.clone()
    };
    let home = here.upstream_region.as_str();
    for action in [
        Action::PutObject,
        Action::PutObjectTagging,
        Action::CreateBucket,
    ] {
        let may = |residency: &[&str], context: &Context| {
            ask(&set, &alice(), action, &bucket(residency), context).is_permit()
        };
        assert!(may(&[home, "eu-west-9"], &here), "{action}");
        assert!(may(&[], &elsewhere), "{action}");
        assert!(!may(&[home, "eu-west-9"], &elsewhere), "{action}");
    }
    let read = ask(
        &set,
        &alice(),
        Action::GetObject,
        &bucket(&[home]),
        &elsewhere,
    );
    assert!(read.is_permit());
}
