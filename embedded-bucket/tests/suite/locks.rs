//! Object lock: retention, legal hold, defaults, and deletions they stop.

use std::time::Duration;

use http::Method;

use crate::client::{Answer, World};

const DAY: Duration = Duration::from_hours(24);

async fn locked() -> World {
    let world = World::new().await;
    let headers = [("x-amz-bucket-object-lock-enabled", "true")];
    world
        .send(Method::PUT, "/locked", &headers, "")
        .await
        .expect(200);
    world
}

async fn put(world: &World, headers: &[(&str, &str)]) -> String {
    let answer = world
        .send(Method::PUT, "/locked/key", headers, "x")
        .await
        .expect(200);
    answer.header("x-amz-version-id").to_owned()
}

async fn delete(world: &World, id: &str, headers: &[(&str, &str)]) -> Answer {
    world
        .send(
            Method::DELETE,
            &format!("/locked/key?versionId={id}"),
            headers,
            "",
        )
        .await
}

#[tokio::test]
async fn a_retained_version_stays_until_its_time_is_over() {
    let world = locked().await;
    let id = put(
        &world,
        &[
            ("x-amz-object-lock-mode", "COMPLIANCE"),
            (
                "x-amz-object-lock-retain-until-date",
                "2026-01-03T03:04:05Z",
            ),
        ],
    )
    .await;
    let bypass = [("x-amz-bypass-governance-retention", "true")];
    delete(&world, &id, &[]).await.refused(403, "AccessDenied");
    delete(&world, &id, &bypass)
        .await
        .refused(403, "AccessDenied");
    // A marker hides it; the version stays.
    world
        .send(Method::DELETE, "/locked/key", &[], "")
        .await
        .expect(204);
    let got = world
        .send(Method::GET, &format!("/locked/key?versionId={id}"), &[], "")
        .await
        .expect(200);
    assert_eq!(got.header("x-amz-object-lock-mode"), "COMPLIANCE");
    assert_eq!(
        got.header("x-amz-object-lock-retain-until-date"),
        "2026-01-03T03:04:05.000Z"
    );
    let world = world.reopened();
    world.pass(Duration::from_hours(23) + Duration::from_mins(59));
    delete(&world, &id, &[]).await.refused(403, "AccessDenied");
    world.pass(Duration::from_mins(1));
    delete(&world, &id, &[]).await.expect(204);
}

#[tokio::test]
async fn governance_is_bypassed_only_when_asked() {
    let world = locked().await;
    let id = put(&world, &[]).await;
    let target = format!("/locked/key?retention&versionId={id}");
    world
        .send(Method::GET, &target, &[], "")
        .await
        .refused(404, "NoSuchObjectLockConfiguration");
    let until = |date: &str| {
        format!(
            "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{date}</RetainUntilDate></Retention>"
        )
    };
    let bypass = [("x-amz-bypass-governance-retention", "true")];
    let set = |document: String, headers: &'static [(&str, &str)]| {
        world.send(Method::PUT, &target, headers, document)
    };
    set(until("2026-01-05T00:00:00Z"), &[]).await.expect(200);
    set(until("2026-01-06T00:00:00Z"), &[]).await.expect(200);
    set(until("2026-01-04T00:00:00Z"), &[])
        .await
        .refused(403, "AccessDenied");
    let shown = world.send(Method::GET, &target, &[], "").await.expect(200);
    assert_eq!(shown.one("RetainUntilDate"), "2026-01-06T00:00:00.000Z");
    world
        .send(Method::PUT, &target, &bypass, until("2026-01-04T00:00:00Z"))
        .await
        .expect(200);
    set(until("2025-01-01T00:00:00Z"), &[])
        .await
        .refused(400, "InvalidArgument");
    let compliance = until("2026-01-05T00:00:00Z").replace("GOVERNANCE", "COMPLIANCE");
    set(compliance, &[]).await.refused(403, "AccessDenied");
    delete(&world, &id, &[]).await.refused(403, "AccessDenied");
    delete(&world, &id, &bypass).await.expect(204);
}

#[tokio::test]
async fn a_legal_hold_stops_deletion_until_it_is_lifted() {
    let world = locked().await;
    let id = put(&world, &[("x-amz-object-lock-legal-hold", "ON")]).await;
    let target = format!("/locked/key?legal-hold&versionId={id}");
    assert_eq!(
        world
            .send(Method::GET, &target, &[], "")
            .await
            .expect(200)
            .one("Status"),
        "ON"
    );
    delete(
        &world,
        &id,
        &[("x-amz-bypass-governance-retention", "true")],
    )
    .await
    .refused(403, "AccessDenied");
    world.pass(DAY * 10_000);
    delete(&world, &id, &[]).await.refused(403, "AccessDenied");
    world
        .send(
            Method::PUT,
            &target,
            &[],
            "<LegalHold><Status>OFF</Status></LegalHold>",
        )
        .await
        .expect(200);
    delete(&world, &id, &[]).await.expect(204);
}

#[tokio::test]
async fn a_bucket_s_default_applies_to_what_is_written_after_it() {
    let world = locked().await;
    let before = put(&world, &[]).await;
    let rule = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
        <Mode>GOVERNANCE</Mode><Days>2</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
    world
        .send(Method::PUT, "/locked?object-lock", &[], rule)
        .await
        .expect(200);
    for (wrong, code) in [
        (rule.replace(">2<", ">0<"), "InvalidRetentionPeriod"),
        (rule.replace("Enabled<", "Disabled<"), "MalformedXML"),
    ] {
        world
            .send(Method::PUT, "/locked?object-lock", &[], wrong)
            .await
            .refused(400, code);
    }
    let shown = world
        .send(Method::GET, "/locked?object-lock", &[], "")
        .await
        .expect(200);
    assert_eq!(
        (shown.one("Mode"), shown.one("Days")),
        ("GOVERNANCE".into(), "2".into())
    );
    let after = put(&world, &[]).await;
    delete(&world, &before, &[]).await.expect(204);
    delete(&world, &after, &[])
        .await
        .refused(403, "AccessDenied");
    world.pass(DAY * 2);
    delete(&world, &after, &[]).await.expect(204);
}

#[tokio::test]
async fn a_bucket_without_lock_refuses_locks_and_a_locked_one_keeps_versioning() {
    let world = locked().await;
    let headers = [("x-amz-object-lock-legal-hold", "ON")];
    world
        .send(Method::PUT, "/box/key", &headers, "x")
        .await
        .refused(400, "InvalidRequest");
    world
        .send(Method::GET, "/box?object-lock", &[], "")
        .await
        .refused(404, "ObjectLockConfigurationNotFoundError");
    let over = [
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        (
            "x-amz-object-lock-retain-until-date",
            "2020-01-03T03:04:05Z",
        ),
    ];
    world
        .send(Method::PUT, "/locked/key", &over, "x")
        .await
        .refused(400, "InvalidArgument");
    let suspend = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
    world
        .send(Method::PUT, "/locked?versioning", &[], suspend)
        .await
        .refused(409, "InvalidBucketState");
}
