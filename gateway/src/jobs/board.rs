//! Which jobs are open: one small document, so that replicas need not read all that ever were.

use std::collections::BTreeSet;
use std::time::SystemTime;

use kms_keys::Timestamp;
use serde::{Deserialize, Serialize};

use super::job::{Job, State};
use crate::control::{Control, ControlError, Document, Form, Kept};

/// Tenant and id of each job that is open, or whose end is not on the trail yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Board {
    pub(super) open: BTreeSet<(String, String)>,
}

impl Document for Board {
    const FOLDER: &'static str = "job-board";
    const FORM: Form = Form::Clear;
}

/// Keeps a new job and has the replicas work at it. The job is there before the board names it: what a crash leaves
/// between the two shows as open in the list, and is done by nobody until it is cancelled or asked for again.
///
/// # Errors
/// As the documents can fail.
pub async fn post(control: &Control, job: &Job, id: &str) -> Result<Kept<Job>, ControlError> {
    let kept = control.create(&[&job.tenant, id], job).await?;
    post_again(control, &job.tenant, id).await?;
    Ok(kept)
}

/// Has the replicas work at an open job which is kept, and which the board may not name.
///
/// # Errors
/// As the board can fail.
pub async fn post_again(control: &Control, tenant: &str, id: &str) -> Result<(), ControlError> {
    let name = (tenant.to_owned(), id.to_owned());
    change(control, |board| board.open.insert(name.clone())).await
}

/// Ends a job that is open. Whoever works at it begins nothing more within seconds. It stays on the board until a replica
/// has told its end on the trail.
///
/// # Errors
/// [`ControlError::Missing`] where there is none of that name, and as the documents can fail.
pub async fn cancel(
    control: &Control,
    tenant: &str,
    id: &str,
    now: SystemTime,
) -> Result<Kept<Job>, ControlError> {
    control
        .change(&[tenant, id], |job: &Job| {
            let mut next = job.clone();
            next.state = State::Cancelled;
            next.progress.ended = Some(Timestamp::from(now));
            Ok::<_, ControlError>((job.state == State::Open).then_some(next))
        })
        .await
}

/// Takes a job off the board whose end is told.
pub(crate) async fn strike(control: &Control, tenant: &str, id: &str) -> Result<(), ControlError> {
    let name = (tenant.to_owned(), id.to_owned());
    change(control, |board| board.open.remove(&name)).await
}

async fn change(
    control: &Control,
    change: impl Fn(&mut Board) -> bool,
) -> Result<(), ControlError> {
    if control.get_now::<Board>(&[BOARD]).await?.is_none() {
        match control.create(&[BOARD], &Board::default()).await {
            // Another replica was faster.
            Ok(_) | Err(ControlError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    control
        .change(&[BOARD], |board: &Board| {
            let mut next = board.clone();
            Ok::<_, ControlError>(change(&mut next).then_some(next))
        })
        .await?;
    Ok(())
}

/// What is open, at most five seconds old.
pub(crate) async fn open(control: &Control) -> Result<Vec<(String, String)>, ControlError> {
    let board = control.get::<Board>(&[BOARD]).await?;
    Ok(board.map_or_else(Vec::new, |board| board.value.open.iter().cloned().collect()))
}

const BOARD: &str = "board";
