//! Whose trail it is: the deployment, and the keys that follow from its secret. It must not know where the secret
//! comes from.

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::sealing::AuditKey;
use crate::signed::{NoteError, SigningKey};

/// A deployment and its audit secret, from which its keys are derived with HMAC-SHA-256.
pub struct Identity {
    deployment: String,
    secret: hmac::Key,
    audit_key: AuditKey,
}

impl Identity {
    /// The deployment of this id (a UUID).
    pub fn new(deployment: impl Into<String>, secret: &[u8; 32]) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let audit_key = AuditKey::new(NO_TENANT, &derive(&secret, &[b"audit key"]));
        Self {
            deployment: deployment.into(),
            secret,
            audit_key,
        }
    }

    /// The deployment's id.
    pub fn deployment(&self) -> &str {
        &self.deployment
    }

    /// The name that the deployment signs under: `sealgate/<deployment>`.
    pub fn name(&self) -> String {
        format!("sealgate/{}", self.deployment)
    }

    /// The origin of one of its logs.
    pub fn origin(&self, log: &str) -> String {
        format!("sealgate/{}/{log}", self.deployment)
    }

    /// The key that certifies the keys of logs. Its public half is all that a verifier needs.
    pub fn deployment_key(&self) -> Result<SigningKey, NoteError> {
        SigningKey::from_seed(&self.name(), &derive(&self.secret, &[b"deployment"]))
    }

    /// The key that signs a log's checkpoints.
    pub fn log_key(&self, log: &str) -> Result<SigningKey, NoteError> {
        let seed = derive(&self.secret, &[b"log\0", log.as_bytes()]);
        SigningKey::from_seed(&self.origin(log), &seed)
    }

    /// The audit key for events of no known tenant.
    pub fn audit_key(&self) -> &AuditKey {
        &self.audit_key
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("deployment", &self.deployment)
            .finish_non_exhaustive()
    }
}

fn derive(secret: &hmac::Key, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut context = hmac::Context::with_key(secret);
    for part in parts {
        context.update(part);
    }
    let mut derived = Zeroizing::new([0; 32]);
    for (to, from) in derived.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    derived
}

/// The id of the audit key of no tenant.
const NO_TENANT: &str = "deployment";
