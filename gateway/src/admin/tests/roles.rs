//! What is said of roles: checked, never in a circle, and gone when it is taken away; and whether a role that must be
//! held is.

use super::*;

#[tokio::test]
async fn roles_include_others_and_never_themselves() {
    let world = World::new().await;
    let officer = world.token("ada", AdminRole::SecurityOfficer, None).await;
    let owner = world
        .token("owner", AdminRole::TenantOwner, Some("acme"))
        .await;
    let tenant = json!({ "value": {} });
    let made = world
        .call(&officer, Method::PUT, "/v1/tenants/acme", tenant)
        .await;
    assert_eq!(made.0, 200, "{made:?}");
    let set = async |role: &str, value: Value| {
        let path = format!("/v1/tenants/acme/roles/{role}");
        let (status, body) = world
            .call(&owner, Method::PUT, &path, json!({ "value": value }))
            .await;
        (status, body.to_string())
    };
    assert_eq!(set("ward", json!({ "includes": ["night"] })).await.0, 200);
    assert_eq!(
        set(
            "night",
            json!({ "includes": ["reader"], "idle_minutes": 5 })
        )
        .await
        .0,
        200
    );
    for (role, value, why) in [
        ("ward", json!({ "includes": ["ward"] }), "include itself"),
        ("night", json!({ "includes": ["ward"] }), "include itself"),
        ("writer", json!({ "includes": ["reader"] }), "shipped"),
        ("ward", json!({ "session_minutes": 5 }), "from 15"),
        ("ward", json!({ "permits": ["s3:*"] }), "permits"),
    ] {
        let (status, told) = set(role, value).await;
        assert!(
            status == 400 && told.contains(why),
            "{role} {status} {told}"
        );
    }
    let roles = async |held: &str| {
        let held = [held.to_owned()].into();
        let all = world
            .admin
            .directory
            .with_included("acme", &held)
            .await
            .unwrap();
        all.into_iter().collect::<Vec<_>>()
    };
    world.pass(Duration::from_secs(6));
    assert_eq!(roles("ward").await, ["night", "reader", "ward"]);
    assert_eq!(roles("reader").await, ["reader"]);
    let held = ["ward".to_owned()].into();
    let bounds = world
        .admin
        .directory
        .role_bounds("acme", &held)
        .await
        .unwrap();
    assert_eq!(bounds.idle, Some(Duration::from_mins(5)));

    let path = "/v1/tenants/acme/roles/night";
    assert_eq!(
        world.call(&owner, Method::DELETE, path, json!({})).await.0,
        200
    );
    assert_eq!(
        world.call(&owner, Method::GET, path, json!({})).await.0,
        404
    );
    world.pass(Duration::from_secs(6));
    assert_eq!(roles("ward").await, ["night", "ward"]);
    // Others of the tenant look at roles and do not change them.
    let admin = world
        .token("admin", AdminRole::TenantAdmin, Some("acme"))
        .await;
    let value = json!({ "value": { "includes": ["tenant-admin"] } });
    let path = "/v1/tenants/acme/roles/ward";
    assert_eq!(world.call(&admin, Method::PUT, path, value).await.0, 403);
    assert_eq!(
        world.call(&admin, Method::GET, path, json!({})).await.0,
        200
    );
}

/// A circle, or a crowd, that two writers made at once.
#[tokio::test]
async fn circles_do_no_harm_and_crowds_decide_nothing() {
    let world = World::new().await;
    let (control, directory) = (&world.admin.control, &world.admin.directory);
    let includes = |names: Vec<String>| crate::directory::RoleDocument {
        includes: names.into_iter().collect(),
        ..Default::default()
    };
    for (role, other) in [("a", "b"), ("b", "a")] {
        let said = includes(vec![other.to_owned()]);
        control.create(&["acme", role], &said).await.unwrap();
    }
    let held = ["a".to_owned()].into();
    let all = directory.with_included("acme", &held).await.unwrap();
    assert_eq!(all.len(), 2);
    let many = (0..33).map(|number| format!("r{number}")).collect();
    control
        .create(&["acme", "crowd"], &includes(many))
        .await
        .unwrap();
    let held = ["crowd".to_owned()].into();
    assert!(directory.with_included("acme", &held).await.is_err());
}

#[tokio::test]
async fn it_is_known_whether_anybody_is_security_officer() {
    let world = World::new().await;
    let has_one = async || world.admin.has_security_officer().await.unwrap();
    assert!(!has_one().await);
    world.token("op", AdminRole::Operator, None).await;
    assert!(!has_one().await);
    world.token("ada", AdminRole::SecurityOfficer, None).await;
    assert!(has_one().await);
    let kept = world
        .admin
        .control
        .list::<AdminCredential>(&[])
        .await
        .unwrap();
    for kept in kept {
        let revoked = AdminCredential {
            revoked: Some(world.admin.clock.now().into()),
            ..kept.value.clone()
        };
        world.admin.control.replace(&kept, &revoked).await.unwrap();
    }
    assert!(!has_one().await);
}
