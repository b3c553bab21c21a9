//! What is proved of the product's own policies, for every request and whatever else a deployment, a tenant or a
//! bucket permits. Needs cvc5: `cargo xtask proofs` runs it.
#![cfg(feature = "proofs")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use policies::cases::Cases;
use policies::proofs::{Change, Example, Finding, Prover};
use policies::{Action, Group, PolicySet, Source, TEMPLATES};

/// The product's policies beside one that permits everybody everything: nobody can permit more.
fn strongest() -> PolicySet {
    PolicySet::with_shipped(true, &[permit_all()]).unwrap()
}

fn permit_all() -> Source {
    Source::new("all.cedar", "permit (principal, action, resource);")
}

fn described(text: &str) -> PolicySet {
    PolicySet::load(&[Source::new("described.cedar", text)]).unwrap()
}

/// That nothing of what is described is permitted, for these actions; and that this can fail: the same prover finds
/// something where the product's policies are left out.
async fn hold(described_as: &str, actions: &[Action]) {
    let mut prover = Prover::start().unwrap();
    let described = described(described_as);
    let strongest = strongest();
    assert!(!actions.is_empty());
    for &action in actions {
        let found = prover.permits_any(&strongest, &described, action).await;
        assert_eq!(found.unwrap(), Finding::None, "{}", action.name());
    }
    let without = PolicySet::load(&[permit_all()]).unwrap();
    let found = prover.permits_any(&without, &described, actions[0]).await;
    assert!(matches!(found.unwrap(), Finding::Some(_)));
}

fn data() -> Vec<Action> {
    let groups = [
        Group::Read,
        Group::List,
        Group::Write,
        Group::Change,
        Group::Protect,
        Group::Delete,
        Group::ManageBucket,
    ];
    let all = Action::ALL.iter().copied();
    all.filter(|action| groups.contains(&action.group()))
        .collect()
}

#[tokio::test]
async fn operators_never_see_or_touch_data() {
    let mut actions = data();
    actions.push("audit:ReadSealed".parse().unwrap());
    hold(
        r#"permit (principal in Role::"operator", action, resource);"#,
        &actions,
    )
    .await;
}

#[tokio::test]
async fn nobody_does_anything_to_another_tenant() {
    hold(
        "permit (principal, action, resource) when { principal.tenant != resource.tenant };",
        Action::ALL,
    )
    .await;
}

#[tokio::test]
async fn what_is_retained_is_neither_replaced_nor_deleted() {
    let actions: Vec<Action> = [
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:BypassGovernanceRetention",
    ]
    .iter()
    .map(|name| name.parse().unwrap())
    .collect();
    hold(
        r#"permit (principal, action, resource is Object)
        when { resource has class && ["attestation", "contract"].contains(resource.class) }
        when
        {
          (resource has legalHold && resource.legalHold) ||
          (resource has retainUntil && resource.retainUntil > context.now)
        };"#,
        &actions,
    )
    .await;
}

#[tokio::test]
async fn no_shipped_policy_fails_whatever_is_asked() {
    let mut prover = Prover::start().unwrap();
    let mut sources: Vec<Source> = Vec::new();
    for template in TEMPLATES {
        sources.push(Source::new(
            format!("{}.cedar", template.name),
            template.text,
        ));
    }
    let set = PolicySet::with_shipped(true, &sources).unwrap();
    assert_eq!(prover.failing(&set).await.unwrap(), []);
}

/// The policies of a tenant's file, among the product's.
fn tenant(text: &str) -> PolicySet {
    PolicySet::with_shipped(false, &[Source::new("tenant.cedar", text)]).unwrap()
}

async fn compared(old: &str, new: &str) -> Vec<Change> {
    let mut prover = Prover::start().unwrap();
    prover.compare(&tenant(old), &tenant(new)).await.unwrap()
}

/// Whether policies answer as the example expects, as a person would try it out: with `sealgate policy test`.
fn answer(text: &str, policies: &str) -> bool {
    let cases = Cases::parse(text).unwrap();
    assert_eq!(cases.cases.len(), 1, "{text}");
    cases.surprises(&tenant(policies)).is_empty()
}

fn confirmed(finding: &Finding) -> &Example {
    match finding {
        Finding::Some(example) if example.confirmed => example,
        other => panic!("{other:?}"),
    }
}

const IN_THEIR_CLINIC: &str = r#"permit (
  principal in Role::"clinician",
  action in [Action::"s3:GetObject", Action::"s3:PutObject"],
  resource in Bucket::"records"
)
when { principal has clinicId && resource has seg1 && resource.seg1 == principal.clinicId }
when { context has mfaAge && context.mfaAge <= duration("15m") };"#;

#[tokio::test]
async fn what_a_change_newly_permits_is_shown_by_a_request() {
    // The second factor is forgotten.
    let new = IN_THEIR_CLINIC.replace(
        "context has mfaAge && context.mfaAge <= duration(\"15m\")",
        "true",
    );
    for (old, new, wider) in [
        (IN_THEIR_CLINIC, &*new, true),
        (&*new, IN_THEIR_CLINIC, false),
    ] {
        let changes = compared(old, new).await;
        let names: Vec<&str> = changes.iter().map(|change| change.action.name()).collect();
        assert_eq!(names, ["s3:GetObject", "s3:PutObject"]);
        for change in changes {
            let (some, none) = if wider {
                (change.gained, change.lost)
            } else {
                (change.lost, change.gained)
            };
            assert_eq!(none, Finding::None);
            let text = &confirmed(&some).text;
            assert!(answer(text, new) && !answer(text, old), "{text}");
            // Only what matters is said: of 30 circumstances none here but, perhaps, a factor that is too old.
            assert!(
                !text.contains("authType") && !text.contains("lockMode"),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn the_same_said_in_other_words_is_the_same() {
    let other = r#"permit (principal, action, resource)
    when { action == Action::"s3:GetObject" || action == Action::"s3:PutObject" }
    when { principal in Role::"clinician" && resource in Bucket::"records" }
    when { if principal has clinicId && resource has seg1 then principal.clinicId == resource.seg1 else false }
    unless { !(context has mfaAge && !(context.mfaAge > duration("900s"))) };"#;
    assert_eq!(compared(IN_THEIR_CLINIC, other).await, []);
}

#[tokio::test]
async fn what_the_product_forbids_is_no_difference() {
    let wider = format!(
        r#"{IN_THEIR_CLINIC}
        permit (principal in Role::"operator", action in Action::"read", resource);"#
    );
    assert_eq!(compared(IN_THEIR_CLINIC, &wider).await, []);
}

#[tokio::test]
async fn a_change_both_ways_is_shown_both_ways() {
    let old = r#"permit (principal, action == Action::"s3:GetObject", resource)
    when { resource has seg1 && resource.seg1 == "a" };"#;
    let new = r#"permit (principal, action == Action::"s3:GetObject", resource)
    when { resource.key like "b/*" };"#;
    let changes = compared(old, new).await;
    assert_eq!(changes.len(), 1);
    let (gained, lost) = (confirmed(&changes[0].gained), confirmed(&changes[0].lost));
    assert!(answer(&gained.text, new) && !answer(&gained.text, old));
    assert!(answer(&lost.text, new) && !answer(&lost.text, old));
}

#[tokio::test]
async fn a_policy_that_can_fail_is_found() {
    let set = tenant(
        r#"@id("sum") forbid (principal, action == Action::"s3:PutObject", resource)
        when { context has size && context.size + 1 > 5000 };
        @id("plain") permit (principal, action, resource);"#,
    );
    let failing = Prover::start().unwrap().failing(&set).await.unwrap();
    assert_eq!(failing.len(), 1);
    assert_eq!(failing[0].policy, "tenant/sum");
    // 2^63 - 1, the largest number that there is.
    assert!(
        confirmed(&failing[0].finding)
            .text
            .contains("9223372036854775807")
    );
}
