//! What one person does not decide alone: who vouches for a tenant's people, what a bucket is no longer for, and
//! whether an emergency was one.

use super::*;

/// A tenant's settings with an identity provider of this issuer, and more.
fn vouched_for_by(issuer: &str, more: &str) -> Value {
    let settings = format!(
        "{more}\n[[identity_providers]]\nname = \"sso\"\nissuer = \"{issuer}\"\naudiences = [\"x\"]\nkind = \"human\"\n\
         [[identity_providers.roles]]\nrole = \"reader\"\nclaim = \"groups\"\nvalues = [\"staff\"]\n"
    );
    json!({ "settings": settings })
}

impl World {
    /// Approves as two others what was asked for with this body, and asks for it again.
    async fn with_leave(
        &self,
        (asker, others): (&str, &[String]),
        path: &str,
        mut body: Value,
        asked: &Value,
    ) -> (u16, Value) {
        let approval = &asked["approval"];
        let id = approval["id"].as_str().unwrap();
        for other in others {
            let path = format!("/v1/approvals/{id}/approve");
            let word = json!({ "parameters_hash": approval["parameters_hash"] });
            assert_eq!(self.call(other, Method::POST, &path, word).await.0, 200);
        }
        body["approval"] = json!(id);
        self.call(asker, Method::PUT, path, body).await
    }
}

#[tokio::test]
async fn who_vouches_for_a_tenants_people_is_decided_by_three() {
    let world = World::new().await;
    let officers = world.with_a_tenant().await;
    let (asker, others) = (officers[0].as_str(), &officers[1..]);
    let path = "/v1/tenants/lab";
    let put = async |value: &Value| {
        let body = json!({ "value": value });
        world.call(asker, Method::PUT, path, body).await
    };
    let kept = async || {
        let shown = world.call(asker, Method::GET, path, json!({})).await.1;
        shown["value"]["settings"].clone()
    };
    let login = "https://login.example.org";
    let trusted = vouched_for_by(login, "");
    // A tenant that is new may have the name of one whose data is still there.
    assert_eq!(put(&trusted).await.0, 202);
    assert_eq!(world.call(asker, Method::GET, path, json!({})).await.0, 404);
    // What does not say who vouches for anybody is one officer's.
    let limits = "limits = { requests_per_second = 5 }";
    assert_eq!(put(&json!({ "settings": limits })).await.0, 200);
    let trial = json!({ "value": trusted, "dry_run": true });
    let shown = world.call(asker, Method::PUT, path, trial).await;
    assert_eq!(
        (shown.0, shown.1["changes"][0]["path"].as_str()),
        (200, Some("settings"))
    );
    let (status, asked) = put(&trusted).await;
    assert_eq!((status, kept().await), (202, json!(limits)), "{asked}");
    let body = json!({ "value": trusted });
    let done = world.with_leave((asker, others), path, body, &asked).await;
    assert_eq!((done.0, kept().await), (200, trusted["settings"].clone()));
    let by = world.recorded("SetTenant");
    let by = by.iter().filter(|line| line["approvals"].is_array());
    assert_eq!(
        by.count(),
        2,
        "in the line of the act, and in that of the call"
    );

    // With it as it is, the rest may change; in no detail may it change itself.
    assert_eq!(put(&vouched_for_by(login, limits)).await.0, 200);
    for (from, to) in [
        ("login.example.org", "login.example.net"),
        ("\"reader\"", "\"tenant-admin\""),
        ("[\"staff\"]", "[\"staff\", \"guests\"]"),
        ("kind = \"human\"", "kind = \"human\"\nmfa.required = false"),
    ] {
        let settings = trusted["settings"].as_str().unwrap();
        let other = json!({ "settings": settings.replace(from, to) });
        assert_ne!(other["settings"], trusted["settings"]);
        assert_eq!(put(&other).await.0, 202, "{to}");
    }
    // To have nobody vouch any more lets nobody in, and is done at once.
    assert_eq!(put(&json!({ "settings": "" })).await.0, 200);
    assert_eq!(put(&trusted).await.0, 202);
}

#[tokio::test]
async fn a_class_that_keeps_is_taken_away_from_policies_by_leave_only() {
    let world = World::new().await;
    let officers = world.with_a_tenant().await;
    let owner = world
        .token("owner", AdminRole::TenantOwner, Some("acme"))
        .await;
    let path = "/v1/tenants/acme/policies";
    let body = |version: u64, classes: Value| {
        let policies = json!({ "files": {}, "classes": classes });
        json!({ "policies": policies, "version": version })
    };
    let put = async |version: u64, classes: Value| {
        let body = body(version, classes);
        world.call(&owner, Method::PUT, path, body).await
    };
    let kept = json!({ "deals": "contract", "films": "attestation", "notes": "general" });
    assert_eq!(put(0, kept).await.0, 200);
    // From one that keeps to the other, and away from one that does not.
    let fewer = json!({ "deals": "attestation", "films": "attestation" });
    assert_eq!(put(1, fewer.clone()).await.0, 200);
    for weaker in [
        json!({}),
        json!({ "deals": "attestation" }),
        json!({ "deals": "general", "films": "attestation" }),
    ] {
        let (status, asked) = put(2, weaker.clone()).await;
        assert_eq!(status, 202, "{weaker} {asked}");
    }
    let shown = async || {
        let shown = world.call(&owner, Method::GET, path, json!({})).await.1;
        shown["policies"]["classes"].clone()
    };
    assert_eq!(shown().await, fewer);
    let asked = put(2, json!({})).await.1;
    let who = (owner.as_str(), &officers[1..]);
    let done = world
        .with_leave(who, path, body(2, json!({})), &asked)
        .await;
    assert_eq!((done.0, shown().await), (200, json!({})), "{done:?}");
}

#[tokio::test]
async fn nobody_reviews_an_emergency_of_their_own_by_another_of_their_names() {
    let world = World::new().await;
    let officer = world.token("a", AdminRole::SecurityOfficer, None).await;
    world.with_a_tenant().await;
    let tenant = json!({ "value": {} });
    world
        .call(&officer, Method::PUT, "/v1/tenants/acme", tenant)
        .await;
    let path = "/v1/tenants/acme/emergencies";
    let one = |id: &str, opened_by: &str| {
        let now = world.admin.clock.now();
        let emergency = crate::break_glass::Emergency {
            principal: "sso/pat".to_owned(),
            reason: "patient unconscious, no record in the ward".to_owned(),
            opened_by: opened_by.to_owned(),
            opened: now.into(),
            expires: now.into(),
            closed: None,
            reviewed: None,
        };
        (id.to_owned(), emergency)
    };
    // By an identity provider's word, with the credential that reviews, and by somebody else.
    let declared = [one("1", "staff/b"), one("2", "b"), one("3", "staff/a")];
    let declared = crate::break_glass::Emergencies(declared.into());
    let control = &world.admin.control;
    control.create(&["acme"], &declared).await.unwrap();
    let reviewer = world.token("b", AdminRole::SecurityOfficer, None).await;
    for (id, expected) in [("1", 403), ("2", 403), ("3", 200)] {
        let path = format!("{path}/{id}/review");
        let found = json!({ "finding": "the ward confirms it" });
        let (status, told) = world.call(&reviewer, Method::POST, &path, found).await;
        assert_eq!(status, expected, "{id} {told}");
    }
}
