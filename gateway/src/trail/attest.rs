//! Receipts of uploads: what is said in them, put on record with the outcome, and proved at once. Where they are kept
//! is others' business.

use std::collections::HashSet;
use std::sync::Arc;

use audit::verify::{RECEIPT, Receipt, Statement};
use audit::{AuditKey, Event};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Response;

use super::{Access, Trail, Uploaded};
use crate::body::Answer;
use crate::error::GatewayError;
use crate::operations::Answered;

/// Buckets whose uploads each yield a receipt, as tenant and bucket.
#[derive(Debug, Clone, Default)]
pub struct Attested(pub HashSet<(String, String)>);

/// A receipt to be kept before the upload is confirmed. Travels in the response's extensions.
#[derive(Debug, Clone)]
pub struct NewReceipt {
    /// What it says.
    pub statement: Statement,
    /// The receipt, as JSON.
    pub text: String,
    /// What it is sealed under where it is kept.
    pub key: Arc<AuditKey>,
}

impl Attested {
    pub(super) fn contains(&self, event: &Event) -> bool {
        let place = event.tenant.clone().zip(event.bucket.clone());
        place.is_some_and(|place| self.0.contains(&place))
    }
}

impl Trail {
    /// Ends the record of an upload that yields a receipt.
    pub(super) async fn settle_attested(
        &self,
        mut access: Access,
        answered: Answered,
        mut outcome: Event,
        uploaded: &Uploaded,
    ) -> Answered {
        access.keys(&self.keys).await;
        let statement = self.statement(&outcome, uploaded)?;
        let said = serde_json::to_string(&statement).map_err(|_| UNWRITABLE)?;
        outcome.receipt = Some(STANDARD.encode(audit::tree::sha256(said.as_bytes())));
        access.settled = true;
        if self.late.owes(access.intent)
            && let Err(error) = self.late.catch_up(&self.journal, self.clock.now()).await
        {
            // What is proved must be on record now, and its intent before it.
            self.orphaned(&access);
            return Err(error.into());
        }
        let key = access.key.clone();
        let elsewhere = self.late.elsewhere();
        let recorded = elsewhere.record_line(&self.journal, &outcome, key.as_deref());
        let recorded = match recorded.await {
            Ok(recorded) => recorded,
            Err(error) => {
                self.orphaned(&access);
                return Err(error.into());
            }
        };
        let proof = self.journal.prove(recorded.seq).await.map_err(|error| {
            tracing::error!(%error, "an upload is on record and cannot be proved");
            UNPROVED
        })?;
        let receipt = Receipt {
            kind: RECEIPT.to_owned(),
            statement: said,
            line: recorded.line,
            proof: proof.proof,
            certificate: proof.certificate,
        };
        let text = serde_json::to_string_pretty(&receipt).map_err(|_| UNWRITABLE)?;
        let mut response: Response<Answer> = answered?;
        let key = key.unwrap_or_else(|| Arc::new(self.journal.identity().audit_key().clone()));
        response.extensions_mut().insert(NewReceipt {
            statement,
            text,
            key,
        });
        Ok(response)
    }

    fn statement(&self, outcome: &Event, uploaded: &Uploaded) -> Result<Statement, GatewayError> {
        let mut salt = [0; 16];
        self.random.fill(&mut salt)?;
        let known = |text: &Option<String>| text.clone().unwrap_or_default();
        Ok(Statement {
            v: 1,
            salt: STANDARD.encode(salt),
            tenant: known(&outcome.tenant),
            bucket: known(&outcome.bucket),
            key: known(&outcome.key),
            version: outcome.version.clone(),
            object_id: known(&outcome.object_id),
            size: outcome.bytes_in.unwrap_or_default(),
            algorithm: uploaded.algorithm.to_owned(),
            digest: uploaded.digest.clone(),
            parts: uploaded.parts.clone(),
            uploader: known(&outcome.principal),
            credential: known(&outcome.credential),
            time: audit::wall(outcome.wall),
        })
    }
}

const UNPROVED: GatewayError = GatewayError::Unexpected(
    "the upload is on record and its receipt cannot be made; send the object again",
);
const UNWRITABLE: GatewayError = GatewayError::Unexpected("a receipt cannot be written");
