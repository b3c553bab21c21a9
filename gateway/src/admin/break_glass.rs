//! Operations on emergencies: declare, end, look at and review them.

use std::time::Duration;

use http::{Method, StatusCode};
use kms_keys::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::credential::{AdminRole, person};
use super::routes::Route;
use super::tenants::known;
use super::{Admin, AdminError, Call, Effect, Reply};
use crate::break_glass::{Emergencies, Emergency, LONGEST, REVIEW_WITHIN, Review, SHORTEST_REASON};
use crate::control::ControlError;

pub(super) const ROUTES: &[Route] = &[
    Route {
        operation: "DeclareEmergency",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/emergencies",
        roles: &[
            AdminRole::TenantOwner,
            AdminRole::TenantAdmin,
            AdminRole::TenantHelpdesk,
            AdminRole::SecurityOfficer,
        ],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(declare(admin, call)),
    },
    Route {
        operation: "ListEmergencies",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/emergencies",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(list(admin, call)),
    },
    Route {
        operation: "EndEmergency",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/emergencies/{id}/end",
        roles: &[
            AdminRole::TenantOwner,
            AdminRole::TenantAdmin,
            AdminRole::TenantHelpdesk,
            AdminRole::SecurityOfficer,
        ],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(end(admin, call)),
    },
    Route {
        operation: "ReviewEmergency",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/emergencies/{id}/review",
        roles: &[AdminRole::SecurityOfficer, AdminRole::TenantOwner],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(review(admin, call)),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    principal: String,
    reason: String,
    minutes: u64,
}

async fn declare(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let new: New = call.body()?;
    let tenant = call.path("tenant");
    let settings = known(admin, tenant).await?;
    let reason = new.reason.trim();
    if reason.chars().count() < SHORTEST_REASON {
        return Err(AdminError::invalid(&format!(
            "reason: at least {SHORTEST_REASON} characters, so that whoever reviews it understands"
        )));
    }
    if new.principal.is_empty() {
        return Err(AdminError::invalid(
            "principal: for whom the emergency is declared",
        ));
    }
    let most = LONGEST.as_secs() / 60;
    if !(1..=most).contains(&new.minutes) {
        return Err(AdminError::invalid(&format!("minutes: from 1 to {most}")));
    }
    let now = admin.clock.now();
    let lasts = Duration::from_secs(new.minutes.saturating_mul(60));
    let emergency = Emergency {
        principal: new.principal,
        reason: reason.to_owned(),
        opened_by: call.principal.name.clone(),
        opened: now.into(),
        expires: now.checked_add(lasts).unwrap_or(now).into(),
        closed: None,
        reviewed: None,
    };
    let mut id = [0; 6];
    getrandom::fill(&mut id).map_err(|_| AdminError::internal())?;
    let id = hex::encode(id);
    change(admin, tenant, |all| {
        all.prune();
        all.0.insert(id.clone(), emergency.clone());
        Ok(())
    })
    .await?;
    // The notice: in the log at once, beside the trail and the list of what awaits review.
    tracing::warn!(
        tenant,
        emergency = id,
        contact = settings.security_contact,
        minutes = new.minutes,
        "an emergency was declared; tell the security officer"
    );
    let told = json!({ "emergency": shown(&id, &emergency, now.into()) });
    Ok(Reply::of(&told)?.with_status(StatusCode::CREATED))
}

async fn list(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let tenant = call.path("tenant");
    known(admin, tenant).await?;
    let now = Timestamp::from(admin.clock.now());
    let kept = admin.control.get_now::<Emergencies>(&[tenant]).await?;
    let all = kept.map(|kept| kept.value).unwrap_or_default();
    let wanted = call.query("state");
    let listed: Vec<Value> = all
        .0
        .iter()
        .filter(|(_, one)| wanted.is_none_or(|state| state_of(one, now) == state))
        .map(|(id, one)| shown(id, one, now))
        .collect();
    Reply::of(&json!({ "emergencies": listed }))
}

async fn end(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let now = Timestamp::from(admin.clock.now());
    let by = call.principal.name.clone();
    one_of(admin, call, |one| {
        if !one.is_on(now) {
            return Err(AdminError::conflict("It is over already.", "Review it."));
        }
        one.closed = Some((by.clone(), now));
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    finding: String,
}

async fn review(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let found: Found = call.body()?;
    let now = Timestamp::from(admin.clock.now());
    let by = call.principal.name.clone();
    if found.finding.trim().is_empty() {
        return Err(AdminError::invalid("finding: what you found"));
    }
    one_of(admin, call, |one| {
        // Whichever of their names they use now.
        if person(&one.opened_by) == call.principal.person() {
            return Err(AdminError::forbidden(
                "Who declared an emergency does not review it.",
                "Ask somebody else.",
            ));
        }
        if !one.awaits_review(now) {
            return Err(AdminError::conflict(
                "It is still on, or was reviewed already.",
                "End it first, or look at the review that there is.",
            ));
        }
        one.reviewed = Some(Review {
            by: by.clone(),
            at: now,
            finding: found.finding.clone(),
        });
        Ok(())
    })
    .await
}

async fn one_of(
    admin: &Admin,
    call: &Call,
    with: impl Fn(&mut Emergency) -> Result<(), AdminError>,
) -> Result<Reply, AdminError> {
    let (tenant, id) = (call.path("tenant"), call.path("id"));
    known(admin, tenant).await?;
    let all = change(admin, tenant, |all| {
        let one = all.0.get_mut(id);
        with(one.ok_or_else(|| AdminError::missing(&format!("emergency {id}")))?)
    })
    .await?;
    let now = Timestamp::from(admin.clock.now());
    let one = all.0.get(id).ok_or_else(AdminError::internal)?;
    Reply::of(&json!({ "emergency": shown(id, one, now) }))
}

/// Changes a tenant's emergencies, of which there may be none yet.
async fn change(
    admin: &Admin,
    tenant: &str,
    with: impl Fn(&mut Emergencies) -> Result<(), AdminError>,
) -> Result<Emergencies, AdminError> {
    let mut first = Emergencies::default();
    if admin
        .control
        .get_now::<Emergencies>(&[tenant])
        .await?
        .is_none()
    {
        with(&mut first)?;
        match admin.control.create(&[tenant], &first).await {
            Ok(kept) => return Ok(kept.value),
            Err(ControlError::Exists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let changed = admin
        .control
        .change(&[tenant], |all: &Emergencies| {
            let mut next = all.clone();
            with(&mut next)?;
            Ok::<_, AdminError>(Some(next))
        })
        .await?;
    Ok(changed.value)
}

fn state_of(one: &Emergency, now: Timestamp) -> &'static str {
    if one.is_on(now) {
        "on"
    } else if one.reviewed.is_some() {
        "reviewed"
    } else {
        "awaits-review"
    }
}

fn shown(id: &str, one: &Emergency, now: Timestamp) -> Value {
    let mut value = json!(one);
    if let Some(members) = value.as_object_mut() {
        members.insert("id".to_owned(), json!(id));
        members.insert("state".to_owned(), json!(state_of(one, now)));
        let due = std::time::SystemTime::from(one.expires).checked_add(REVIEW_WITHIN);
        members.insert("review_due".to_owned(), json!(due.map(Timestamp::from)));
    }
    value
}
