//! What reviews are told is held against what is decided.

use std::time::{Duration, SystemTime};

use super::*;
use crate::cases::Cases;
use crate::{
    BreakGlass, Context, Decision, Group, Kind, Layers, Request, Resource, Source, TEMPLATES,
    decide,
};

const REGION: &str = "eu-central-1";

fn place<'a>(of: &'a Resource, region: &'a str) -> Place<'a> {
    Place {
        tenant: &of.tenant,
        bucket: of.bucket.as_deref(),
        class: of.class.as_deref(),
        residency: &of.residency,
        upstream_region: region,
    }
}

fn known(principal: &Principal) -> Whom<'_> {
    Whom {
        principal,
        is_known: true,
    }
}

fn open(principal: &Principal) -> Whom<'_> {
    Whom {
        principal,
        is_known: false,
    }
}

/// What is permitted is told; what is always permitted is never denied, an emergency apart.
fn hold(set: &PolicySet, reach: &Reach, request: &Request<'_>) {
    let decision = decide(Layers::of(set), request);
    let place = place(request.resource, &request.context.upstream_region);
    for whom in [known(request.principal), open(request.principal)] {
        let grant = Reach::grant(&[reach], whom, request.action, place);
        let told = format!("{grant:?} {decision:?} {request:?}");
        if let Decision::Permit { policies } = &decision {
            let grant = grant.as_ref().expect(&told);
            let listed = policies.iter().all(|one| grant.permits.contains(one));
            // Of what is permitted always, those that permit under conditions need not be told.
            assert!(listed || grant.when == When::Always, "{told}");
        } else if request.context.break_glass.is_none() {
            assert!(
                grant.is_none_or(|grant| grant.when != When::Always),
                "{told}"
            );
        }
    }
}

#[test]
fn the_cases_of_the_templates_come_out_as_reviews_say() {
    let invariants = (
        "permit (principal, action, resource);",
        include_str!("../../policies/invariants.toml"),
    );
    let templates = TEMPLATES.iter().map(|one| (one.text, one.cases));
    for (text, cases) in templates.chain([invariants]) {
        let roles = !text.contains("shipped_roles = false");
        let set = PolicySet::with_shipped(roles, &[Source::new("t.cedar", text)]).unwrap();
        let reach = Reach::of(&set);
        let cases = Cases::parse(cases).unwrap();
        for case in &cases.cases {
            let request = Request {
                principal: &case.principal.read(&cases.tenant).unwrap(),
                action: case.action.parse().unwrap(),
                resource: &case.resource.read(&cases.tenant).unwrap(),
                context: &case.context.read().unwrap(),
            };
            if request.principal.tenant == request.resource.tenant {
                hold(&set, &reach, &request);
            }
        }
    }
}

fn principals() -> Vec<Principal> {
    let ana = Principal {
        clinic_id: Some("north".to_owned()),
        groups: ["ward".to_owned()].into(),
        tags: [("department".to_owned(), "x-ray".to_owned())].into(),
        ..Principal::with_roles("t", "ana", ["clinician", "reader"])
    };
    let robot = Principal {
        kind: Kind::Service,
        ..Principal::with_roles("t", "robot", ["writer"])
    };
    vec![
        ana,
        robot,
        Principal::with_roles("t", "bob", ["operator", "tenant-admin"]),
    ]
}

fn contexts() -> Vec<Context> {
    let plain = Context::at(
        SystemTime::UNIX_EPOCH + Duration::from_hours(500_000),
        REGION,
    );
    let glass = BreakGlass {
        id: "1".to_owned(),
        reason: "the patient is unconscious".to_owned(),
        expires: plain.now + Duration::from_mins(5),
    };
    let fresh = Context {
        src_ip: Some("10.0.0.7".parse().unwrap()),
        tls: 13,
        mfa_age: Some(Duration::from_mins(5)),
        size: Some(7),
        ..plain.clone()
    };
    let large = Context {
        size: Some(u64::MAX),
        ..plain.clone()
    };
    let emergency = Context {
        break_glass: Some(glass),
        ..fresh.clone()
    };
    vec![plain, fresh, large, emergency]
}

/// One of each operator of Cedar's, in permits and forbids.
const CONDITIONS: &[&str] = &[
    "true",
    "context.tls >= 12",
    "!(context.tls < 12)",
    "context has mfaAge && context.mfaAge < duration(\"10m\")",
    "!(context has mfaAge)",
    "context has srcIp && context.srcIp.isInRange(ip(\"10.0.0.0/8\"))",
    "context has size && context.size + 1 > 0",
    "context has size && context.size + 1 > 0 && principal.name == \"ana\"",
    "principal.name == \"ana\" || context.tls == 13",
    "context.tls == 13 || principal.name == \"ana\"",
    "principal == Principal::\"ana\"",
    "principal in [Role::\"writer\", Role::\"auditor\"] || principal in Group::\"ward\"",
    "principal.kind == \"human\"",
    "principal has clinicId && principal.clinicId == \"north\"",
    "principal.hasTag(\"department\") && principal.getTag(\"department\") == \"x-ray\"",
    "if principal.kind == \"service\" then context.tls > 0 else true",
    "if context.tls > 0 then true else true",
    "resource.tenant == principal.tenant",
    "resource has class && [\"clinical\", \"other\"].contains(resource.class)",
    "resource has residency && !resource.residency.contains(context.upstreamRegion)",
    "context has breakGlass",
    "context has breakGlass && context.breakGlass.reasonLength > 20",
    "!(context has breakGlass)",
    "context.upstreamRegion like \"eu-*\"",
    "principal.name like \"*n*\" && !(principal.name like \"a\")",
    "action == Action::\"s3:GetObject\" || action in Action::\"write\"",
    "context.now.toTime() < duration(\"12h\")",
    "resource in Tenant::\"t\" && resource in Bucket::\"records\"",
];

#[test]
fn what_is_told_is_what_some_request_is_permitted() {
    use Action as A;
    let resources =
        [("records", Some("clinical")), ("docs", None)].map(|(bucket, class)| Resource {
            tenant: "t".to_owned(),
            bucket: Some(bucket.to_owned()),
            key: Some("north/1.pdf".to_owned()),
            class: class.map(str::to_owned),
            residency: if class.is_some() {
                ["us-1".to_owned()].into()
            } else {
                BTreeSet::new()
            },
            legal_hold: Some(false),
            ..Resource::default()
        });
    let (principals, contexts) = (principals(), contexts());
    let everybody = "permit (principal, action in Action::\"read\", resource);";
    for condition in CONDITIONS {
        for text in [
            format!("permit (principal, action, resource) when {{ {condition} }};"),
            format!("permit (principal, action, resource) unless {{ {condition} }};"),
            format!("{everybody} forbid (principal, action, resource) when {{ {condition} }};"),
            format!(
                "{everybody} forbid (principal, action, resource in Bucket::\"docs\") unless {{ {condition} }};"
            ),
        ] {
            let set = PolicySet::with_shipped(true, &[Source::new("t.cedar", text)]).unwrap();
            let reach = Reach::of(&set);
            for principal in &principals {
                for (resource, context) in resources
                    .iter()
                    .flat_map(|one| contexts.iter().map(move |context| (one, context)))
                {
                    for action in [A::GetObject, A::PutObject, A::ListBucket, A::CreateBucket] {
                        hold(
                            &set,
                            &reach,
                            &Request {
                                principal,
                                action,
                                resource,
                                context,
                            },
                        );
                    }
                }
            }
        }
    }
}

fn told(text: &str, whom: Whom<'_>, action: Action, place: Place<'_>) -> Option<When> {
    let set = PolicySet::with_shipped(true, &[Source::new("t.cedar", text)]).unwrap();
    Reach::grant(&[&Reach::of(&set)], whom, action, place).map(|grant| grant.when)
}

#[test]
fn a_review_is_told_no_more_than_it_must() {
    let docs = Resource {
        tenant: "t".to_owned(),
        bucket: Some("docs".to_owned()),
        class: Some("clinical".to_owned()),
        ..Resource::default()
    };
    let docs = place(&docs, REGION);
    let other = Place {
        bucket: None,
        class: None,
        ..docs
    };
    let [reader, uploader, nobody] =
        ["reader", "uploader", "clinician"].map(|role| Principal::with_roles("t", "p", [role]));
    let get = Action::GetObject;
    assert_eq!(told("", known(&reader), get, docs), Some(When::Always));
    assert_eq!(told("", known(&uploader), get, docs), None);
    assert_eq!(
        told("", known(&uploader), Action::PutObject, docs),
        Some(When::Always)
    );
    assert_eq!(told("", open(&nobody), get, docs), None);

    let networks = "forbid (principal, action, resource) unless { context has srcIp && context.srcIp.isInRange(ip(\"10.0.0.0/8\")) };";
    assert_eq!(told(networks, known(&reader), get, docs), Some(When::If));
    let clinical = "permit (principal in Role::\"clinician\", action == Action::\"s3:GetObject\", resource in Bucket::\"docs\");";
    assert_eq!(
        told(clinical, known(&nobody), get, docs),
        Some(When::Always)
    );
    assert_eq!(told(clinical, known(&nobody), get, other), None);
    assert_eq!(
        told(clinical, known(&nobody), Action::PutObject, docs),
        None
    );
    let glass = "permit (principal in Role::\"clinician\", action, resource) when { context has breakGlass };";
    assert_eq!(
        told(glass, known(&nobody), get, docs),
        Some(When::Emergency)
    );
    // What nobody may do in an emergency is not told of one.
    assert_eq!(
        told(glass, known(&nobody), Action::DeleteObject, docs),
        None
    );
    let ward = "permit (principal in Group::\"ward\", action in Action::\"read\", resource);";
    assert_eq!(told(ward, known(&nobody), get, docs), None);
    assert_eq!(told(ward, open(&nobody), get, docs), Some(When::If));
    for kept in Action::ALL
        .iter()
        .filter(|one| one.group() == Group::Administer)
    {
        assert_eq!(
            told(
                "permit (principal, action, resource);",
                known(&reader),
                *kept,
                docs
            ),
            None
        );
    }
}
