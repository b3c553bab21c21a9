//! What a destruction of keys makes unreadable: counted by a job while the keys wait, told by the certificate.

use kms_keys::KeyId;
use serde_json::{Value, json};

use super::certificate::ErasePlan;
use super::{Admin, AdminError};
use crate::control::ControlError;
use crate::jobs::{self, Amount, Job, Kind, State, Use, Wish};

impl Admin {
    /// Has what the plan's keys sealed counted, if it is not being counted already. The keys are refused by now, so
    /// that nothing is added to it.
    pub(super) async fn begin_count(&self, plan: &ErasePlan) -> Result<(), AdminError> {
        let Some(id) = &plan.count else {
            return Ok(());
        };
        let wish = Wish {
            kind: Kind::Usage,
            bucket: None,
            // What is in the default scope now may be in another by today's templates, so everything is looked at.
            scope: plan.scope.prefix().map(|_| plan.scope.clone()),
            objects_per_second: None,
            bytes_per_second: None,
        };
        let job = Job::new(&plan.tenant, wish, &plan.asked_by, self.clock.now());
        match jobs::post(&self.control, &job, id).await {
            Ok(_) | Err(ControlError::Exists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What is counted of these keys, for the certificate; `None` while it is being counted.
    pub(super) async fn counts(
        &self,
        plan: &ErasePlan,
        destroyed: &[KeyId],
    ) -> Result<Option<Value>, AdminError> {
        let not_counted = |why: &str| Ok(Some(json!({ "counted": null, "why": why })));
        let Some(id) = &plan.count else {
            return not_counted("the destruction was decided on by a version that did not count");
        };
        let Some(kept) = self.control.get_now::<Job>(&[&plan.tenant, id]).await? else {
            self.begin_count(plan).await?;
            return Ok(None);
        };
        let job = kept.value;
        match job.state {
            State::Open => {
                // A crash, or a board that could not be written, may have left it where nobody works at it.
                jobs::post_again(&self.control, &plan.tenant, id).await?;
                Ok(None)
            }
            State::Cancelled => not_counted("the count was cancelled"),
            State::Done => Ok(Some(told(id, &job, destroyed))),
        }
    }
}

fn told(id: &str, job: &Job, destroyed: &[KeyId]) -> Value {
    let of = |key: &KeyId| job.progress.usage.get(key).copied().unwrap_or_default();
    let by_key = destroyed.iter().map(|key| {
        let mut told = amounts(&of(key));
        if let Some(members) = told.as_object_mut() {
            members.insert("id".to_owned(), json!(key));
        }
        told
    });
    let mut all = Use::default();
    for used in destroyed.iter().map(of) {
        all.current = plus(all.current, used.current);
        all.noncurrent = plus(all.noncurrent, used.noncurrent);
        all.locked = plus(all.locked, used.locked);
    }
    let mut told = amounts(&all);
    if let Some(members) = told.as_object_mut() {
        members.insert("counted".to_owned(), json!(job.progress.ended));
        members.insert("job".to_owned(), json!(id));
        members.insert("by_key".to_owned(), by_key.collect());
        members.insert("untold".to_owned(), json!(job.progress.left));
    }
    told
}

/// Bytes of plaintext.
fn amounts(used: &Use) -> Value {
    json!({
        "objects": used.current.objects,
        "versions": used.noncurrent.objects,
        "bytes": used.current.bytes.saturating_add(used.noncurrent.bytes),
        "locked": used.locked,
    })
}

fn plus(one: Amount, other: Amount) -> Amount {
    Amount {
        objects: one.objects.saturating_add(other.objects),
        bytes: one.bytes.saturating_add(other.bytes),
    }
}
