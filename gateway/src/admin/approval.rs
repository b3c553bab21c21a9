//! Leave of two others: what one administrator asks for, two more approve, exactly as it was asked, within a day,
//! for one use. It does not know what is approved.

use std::time::Duration;

use http::StatusCode;
use kms_keys::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::credential::person;
use super::{Admin, AdminError, AdminPrincipal, Call, Reply};
use crate::control::{Document, Form, Kept};

/// Something asked for that needs the leave of others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Approval {
    /// The operation.
    pub operation: String,
    /// The tenant it is about, if it is about one.
    pub tenant: Option<String>,
    /// Path, query and body of the call.
    pub parameters: Value,
    /// SHA-256 over all of that; what was approved is what has this hash.
    pub parameters_hash: String,
    /// Who asked.
    pub requested_by: Voice,
    /// After this it can be neither approved nor used.
    pub expires: Timestamp,
    /// Who approved.
    pub approvals: Vec<Voice>,
    /// Who took it back or refused it.
    pub refused: Option<Voice>,
    /// When it was used.
    pub used: Option<Timestamp>,
}

/// Somebody's word, and when it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voice {
    /// The id of the credential.
    pub credential: String,
    /// Its holder's name.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

impl Document for Approval {
    const FOLDER: &'static str = "approvals";
    const FORM: Form = Form::Clear;
}

/// Proof that two others approved this very call; used up. Made by [`Admin::approved`] only.
#[derive(Debug)]
pub struct Leave {
    id: String,
    names: Vec<String>,
}

impl Leave {
    /// The approval's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who approved.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

impl std::fmt::Display for Leave {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} by {}", self.id, self.names.join(", "))
    }
}

/// What [`Admin::approved`] found.
#[derive(Debug)]
pub(super) enum Approved {
    /// Two others approved: go on.
    Granted(Leave),
    /// They are asked now; this is the answer.
    Asked(Reply),
}

impl Approval {
    /// `pending`, `approved`, `used`, `refused` or `expired`.
    pub fn state(&self, now: Timestamp) -> &'static str {
        if self.used.is_some() {
            "used"
        } else if self.refused.is_some() {
            "refused"
        } else if self.expires <= now {
            "expired"
        } else if self.approvals.len() < NEEDED {
            "pending"
        } else {
            "approved"
        }
    }

    /// With one more approval, for exactly what has this hash.
    pub(super) fn approved_by(
        &self,
        principal: &AdminPrincipal,
        hash: &str,
        now: Timestamp,
    ) -> Result<Self, AdminError> {
        self.must_be(&["pending"], now)?;
        if hash != self.parameters_hash {
            return Err(AdminError::conflict(
                "The hash is not that of what was asked for.",
                "Look at the request again, and approve the hash that it has.",
            ));
        }
        let voices = self.approvals.iter().chain([&self.requested_by]);
        let spoke = |voice: &Voice| {
            voice.credential == principal.credential || person(&voice.name) == principal.person()
        };
        if voices.into_iter().any(spoke) {
            return Err(AdminError::forbidden(
                "Who asked, and who approved already, cannot approve.",
                "Ask somebody else with a credential of their own.",
            ));
        }
        let mut next = self.clone();
        next.approvals.push(Voice::of(principal, now));
        Ok(next)
    }

    pub(super) fn refused_by(
        &self,
        principal: &AdminPrincipal,
        now: Timestamp,
    ) -> Result<Self, AdminError> {
        self.must_be(&["pending", "approved"], now)?;
        let refused = Some(Voice::of(principal, now));
        Ok(Self {
            refused,
            ..self.clone()
        })
    }

    fn used_for(&self, call: &Call, now: Timestamp) -> Result<Self, AdminError> {
        self.must_be(&["approved"], now)?;
        let same =
            self.operation == call.operation && self.parameters_hash == call.parameters_hash();
        if !same {
            return Err(AdminError::conflict(
                "What was approved is not what is asked for now.",
                "Call with exactly the approved parameters, or ask for approval of these.",
            ));
        }
        let used = Some(now);
        Ok(Self {
            used,
            ..self.clone()
        })
    }

    fn must_be(&self, wanted: &[&str], now: Timestamp) -> Result<(), AdminError> {
        let state = self.state(now);
        if wanted.contains(&state) {
            return Ok(());
        }
        Err(AdminError::conflict(
            &format!(
                "The approval is {state}, with {} of {NEEDED} approvals.",
                self.approvals.len()
            ),
            "An approval is given within a day by two others, and used once; ask anew where it is over.",
        ))
    }
}

impl Voice {
    fn of(principal: &AdminPrincipal, at: Timestamp) -> Self {
        Self {
            credential: principal.credential.clone(),
            name: principal.name.clone(),
            at,
        }
    }
}

impl Admin {
    /// Asks for the approval of this call, or uses the one that it names. To be called when everything else about
    /// the call has been checked.
    pub(super) async fn approved(&self, call: &Call) -> Result<Approved, AdminError> {
        self.must_be_fresh(&call.principal)?;
        let now = Timestamp::from(self.clock.now());
        let Some(id) = call.approval() else {
            return self.ask(call, now).await.map(Approved::Asked);
        };
        let found = self.control.get_now::<Approval>(&[id]).await?;
        if found.is_none() {
            return Err(AdminError::missing(&format!("approval {id}")));
        }
        let used = self
            .control
            .change(&[id], |approval: &Approval| {
                approval.used_for(call, now).map(Some)
            })
            .await?;
        let names = used.value.approvals.iter().map(|voice| voice.name.clone());
        Ok(Approved::Granted(Leave {
            id: id.to_owned(),
            names: names.collect(),
        }))
    }

    async fn ask(&self, call: &Call, now: Timestamp) -> Result<Reply, AdminError> {
        let approval = Approval {
            operation: call.operation.to_owned(),
            tenant: call.tenant().map(str::to_owned),
            parameters: call.parameters(),
            parameters_hash: call.parameters_hash(),
            requested_by: Voice::of(&call.principal, now),
            expires: (self.clock.now() + LIFE).into(),
            approvals: Vec::new(),
            refused: None,
            used: None,
        };
        let mut id = [0; 6];
        getrandom::fill(&mut id).map_err(|_| AdminError::internal())?;
        let kept = self.control.create(&[&hex::encode(id)], &approval).await?;
        Ok(Reply::of(&json!({ "approval": shown(&kept, now) }))?.with_status(StatusCode::ACCEPTED))
    }
}

pub(super) fn shown(kept: &Kept<Approval>, now: Timestamp) -> Value {
    let mut value = json!(kept.value);
    if let Some(members) = value.as_object_mut() {
        members.insert("id".to_owned(), json!(kept.name.first()));
        members.insert("state".to_owned(), json!(kept.value.state(now)));
        members.insert("needed".to_owned(), json!(NEEDED));
    }
    value
}

/// How many others.
const NEEDED: usize = 2;
const LIFE: Duration = Duration::from_hours(24);
