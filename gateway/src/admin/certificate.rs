//! Erase certificates: who had which keys destroyed, when, and what remains; signed by the deployment.
//!
//! What a certificate proves: that this deployment, whose public key is in it, states that the keys named were
//! removed from its keyring and from the use of its replicas at that time, by whose wish and leave. It does not
//! prove that nobody copied a wrapped key before (a backup of the keyring opens with the root key for as long as
//! both exist), nor that the ciphertext is gone: what was sealed remains, and cannot be opened without the keys.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kms_keys::{KeyId, KeyStatus, Purpose, Scope, State, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tending::AdminFailure;
use super::{Admin, AdminError, Call, Reply};
use crate::control::{Document, Form, Kept};

/// A destruction that was decided on, until it is certified.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ErasePlan {
    pub(super) tenant: String,
    pub(super) scope: Scope,
    pub(super) asked_by: String,
    pub(super) approved_by: Vec<String>,
    /// The keys are destroyed after this.
    pub(super) after: Timestamp,
    /// The job that counts what they sealed; none in a plan of a version that did not count.
    #[serde(default)]
    pub(super) count: Option<String>,
}

impl Document for ErasePlan {
    const FOLDER: &'static str = "erase-plans";
    const FORM: Form = Form::Clear;
}

/// A statement and its signature.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct EraseCertificate {
    /// The statement as JSON text: the signature covers exactly these bytes.
    statement: String,
    /// Ed25519 (RFC 8032), base64.
    signature: String,
    /// The public key that verifies it, base64. Compare it with the one that the deployment tells.
    public_key: String,
}

impl Document for EraseCertificate {
    const FOLDER: &'static str = "erase-certificates";
    const FORM: Form = Form::Clear;
}

impl ErasePlan {
    pub(super) async fn keep(&self, admin: &Admin, id: &str) -> Result<(), AdminError> {
        let name = [self.tenant.as_str(), id];
        admin.control.create(&name, self).await?;
        Ok(())
    }
}

impl Admin {
    /// The scopes for which a destruction was ever decided on.
    pub(super) async fn scopes_with_plans(&self, tenant: &str) -> Result<Vec<Scope>, AdminError> {
        let plans = self.control.list::<ErasePlan>(&[tenant]).await?;
        let mut scopes: Vec<Scope> = Vec::new();
        for plan in plans {
            if !scopes.contains(&plan.value.scope) {
                scopes.push(plan.value.scope);
            }
        }
        Ok(scopes)
    }

    /// Certifies what was destroyed by plan and has no certificate yet.
    pub(super) async fn certify(&self, tenant: &str) -> Result<(), AdminFailure> {
        let plans = self.control.list::<ErasePlan>(&[tenant]).await?;
        let now = Timestamp::from(self.clock.now());
        for plan in plans {
            let name: Vec<&str> = plan.name.iter().map(String::as_str).collect();
            let done = self.control.get_now::<EraseCertificate>(&name).await?;
            if done.is_some() || plan.value.after > now {
                continue;
            }
            let status = self.keyrings.status(tenant, &plan.value.scope).await;
            let status = status.map_err(AdminError::from)?;
            // Of the day on which the plan was due, and not of another plan's.
            let destroyed: Vec<&KeyStatus> = status
                .keys
                .iter()
                .filter(|key| key.state == State::Destroyed)
                .filter(|key| key.destroy_after.is_some_and(|at| at >= plan.value.after))
                .collect();
            if destroyed.is_empty() {
                // It was taken back.
                continue;
            }
            let ids: Vec<KeyId> = destroyed.iter().map(|key| key.id).collect();
            let Some(counts) = self.counts(&plan.value, &ids).await? else {
                continue;
            };
            let certificate = self.signed(&plan, &destroyed, counts, &status.keys)?;
            self.control.create(&name, &certificate).await?;
            self.record_own("CertifyErasure", tenant, vec![name.join("/")])
                .await?;
        }
        Ok(())
    }

    fn signed(
        &self,
        plan: &Kept<ErasePlan>,
        destroyed: &[&KeyStatus],
        counts: Value,
        all: &[KeyStatus],
    ) -> Result<EraseCertificate, AdminError> {
        let remaining = all.iter().filter(|key| {
            key.purpose == Purpose::Kek && matches!(key.state, State::Active | State::DecryptOnly)
        });
        let destroyed: Vec<_> = destroyed
            .iter()
            .map(|key| json!({ "id": key.id, "purpose": key.purpose, "created": key.created, "destroyed": key.destroy_after }))
            .collect();
        let statement = json!({
            "v": 1,
            "type": "sealgate erase certificate",
            "deployment": self.keyrings.deployment().id(),
            "tenant": plan.value.tenant,
            "scope": plan.value.scope,
            "plan": plan.name.get(1),
            "asked_by": plan.value.asked_by,
            "approved_by": plan.value.approved_by,
            "planned_after": plan.value.after,
            "destroyed_count": destroyed.len(),
            "destroyed": destroyed,
            "unreadable": counts,
            "method": "cryptographic erase: the wrapped forms of the keys were removed from the keyring and their unwrapped forms from the memory of the replicas",
            "remains": {
                "usable_kek_versions": remaining.map(|key| key.id).collect::<Vec<_>>(),
                "ciphertext": "stored objects that were sealed under the destroyed keys, in every version, under retention too, until they are deleted; they cannot be opened",
                "audit": "AUX and audit keys, so that the record can be verified",
                "backups": "copies of the keyring from before the destruction, if any were made; they open with the root key for as long as both exist",
            },
        })
        .to_string();
        let pair = self.signing_key()?;
        Ok(EraseCertificate {
            signature: STANDARD.encode(pair.sign(statement.as_bytes())),
            public_key: STANDARD.encode(pair.public_key()),
            statement,
        })
    }

    fn signing_key(&self) -> Result<Ed25519KeyPair, AdminError> {
        let seed = self.keyrings.deployment().derive(SIGNING);
        Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| AdminError::internal())
    }
}

pub(super) async fn certificates(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let tenant = call.path("tenant");
    let kept = admin.control.list::<EraseCertificate>(&[tenant]).await?;
    let all: Vec<EraseCertificate> = kept.into_iter().map(|kept| kept.value).collect();
    let pair = admin.signing_key()?;
    Reply::of(&json!({
        "public_key": STANDARD.encode(pair.public_key()),
        "certificates": all,
    }))
}

const SIGNING: &str = "sealgate 2026-11-26 erase certificate signing key";
