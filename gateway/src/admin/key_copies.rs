//! The mirror of keyrings: whether it agrees, what it lacks, and what is brought back from it. What these do is in
//! `kms_keys`; here is who may ask for it, and that a restoration needs the leave of others.

use http::Method;
use kms_keys::{Fate, Fates, Mode};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::approval::Approved;
use super::credential::AdminRole;
use super::routes::Route;
use super::{Admin, AdminError, Call, Effect, Reply};

pub(super) const ROUTES: &[Route] = &[
    Route {
        operation: "CompareKeyMirror",
        method: Method::GET,
        path: "/v1/keys/mirror",
        roles: &[
            AdminRole::SecurityOfficer,
            AdminRole::Operator,
            AdminRole::Auditor,
        ],
        effect: Effect::Read,
        handler: |admin, _| Box::pin(compare(admin)),
    },
    Route {
        operation: "FollowKeyMirror",
        method: Method::POST,
        path: "/v1/keys/mirror",
        roles: &[AdminRole::SecurityOfficer, AdminRole::Operator],
        effect: Effect::Change,
        handler: |admin, _| Box::pin(follow(admin)),
    },
    Route {
        operation: "RestoreKeys",
        method: Method::POST,
        path: "/v1/keys/restore",
        roles: &[AdminRole::SecurityOfficer],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(restore(admin, call)),
    },
];

/// Documents that are not the same at both places: some of them, as there may be many.
#[derive(Default)]
struct Told(Vec<Value>);

impl Told {
    fn tell(&mut self, path: &Path, fate: impl Serialize) {
        if self.0.len() < MOST_TOLD {
            self.0
                .push(json!({ "path": path.to_string(), "fate": fate }));
        }
    }

    fn has(&self, path: &Path) -> bool {
        let named = |told: &Value| told.get("path").and_then(Value::as_str) == Some(path.as_ref());
        self.0.iter().any(named)
    }
}

async fn compare(admin: &Admin) -> Result<Reply, AdminError> {
    let mut told = Told::default();
    let mut tell = |path: &Path, fate: Fate| told.tell(path, fate);
    let forth = admin.keyrings.follow(Mode::Look, &mut tell).await?;
    agreement(admin, forth, told).await
}

async fn follow(admin: &Admin) -> Result<Reply, AdminError> {
    let mut told = Told::default();
    let mut tell = |path: &Path, fate: Fate| told.tell(path, fate);
    admin.keyrings.follow(Mode::Bring, &mut tell).await?;
    let forth = admin.keyrings.follow(Mode::Look, &mut |_, _| ()).await?;
    agreement(admin, forth, told).await
}

/// How the mirror is after all, and what only the mirror has.
async fn agreement(
    admin: &Admin,
    forth: Option<Fates>,
    mut told: Told,
) -> Result<Reply, AdminError> {
    let mut only_there: u64 = 0;
    let mut tell = |path: &Path, fate: Fate| {
        // Lost here, or never ours; what both have otherwise was told on the way there.
        let is_told = fate == Fate::Unusable && told.has(path);
        if matches!(fate, Fate::Missing | Fate::Unusable) && !is_told {
            told.tell(path, ONLY_THERE);
            only_there = only_there.saturating_add(1);
        }
    };
    let back = admin.keyrings.restore(None, Mode::Look, &mut tell).await?;
    let (Some(forth), Some(_)) = (forth, back) else {
        return Err(without_mirror());
    };
    Reply::of(&json!({
        "agrees": forth == Fates { same: forth.same, ..Fates::default() } && only_there == 0,
        "counts": forth,
        "only_in_mirror": only_there,
        "documents": told.0,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restore {
    /// One tenant; none: all.
    tenant: Option<String>,
    /// Whether it is done; else it is only told.
    apply: bool,
    #[serde(rename = "approval")]
    _approval: Option<String>,
}

async fn restore(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let wish: Restore = call.body()?;
    if admin.keyrings.mirror().is_none() {
        return Err(without_mirror());
    }
    let mut leave = None;
    if wish.apply {
        match admin.approved(call).await? {
            Approved::Granted(granted) => leave = Some(granted),
            Approved::Asked(reply) => return Ok(reply),
        }
    }
    let mode = if wish.apply { Mode::Bring } else { Mode::Look };
    let mut told = Told::default();
    let mut tell = |path: &Path, fate: Fate| told.tell(path, fate);
    let tenant = wish.tenant.as_deref();
    let fates = admin.keyrings.restore(tenant, mode, &mut tell).await?;
    let reply = Reply::of(&json!({
        "deployment": admin.keyrings.deployment().id(),
        "applied": wish.apply,
        "counts": fates.ok_or_else(without_mirror)?,
        "documents": told.0,
    }))?;
    Ok(match leave {
        Some(leave) => reply.by_leave(&leave),
        None => reply,
    })
}

fn without_mirror() -> AdminError {
    AdminError::conflict(
        "This deployment has no mirror of its keyrings.",
        "Configure [keys.mirror]; a backup is restored by `sealgate keys restore --config FILE --from FILE`.",
    )
}

const MOST_TOLD: usize = 1000;

/// In place of a fate.
const ONLY_THERE: &str = "only-in-mirror";
