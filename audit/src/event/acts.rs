//! Acts that have a line of their own beside the request's: who looks for them need not know operations.

/// What was done, or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "docs/audit.md says of each when it is written")]
pub enum Act {
    KeyRotated,
    KeyRewrapped,
    KeyFrozen,
    KeyThawed,
    KeyEvicted,
    KeyDestruction,
    KeyDestructionCancelled,
    KeyDestroyed,
    KeyErasureCertified,
    KeyRefused,
    PolicyPut,
    PolicyDeleted,
    SessionIssued,
    SessionRefused,
    SessionRevoked,
    SessionEnded,
    SessionIdle,
    AdminProposed,
    AdminApproved,
    AdminRefused,
    AdminApplied,
}

impl Act {
    /// The word in lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeyRotated => "key.rotate",
            Self::KeyRewrapped => "key.rewrap",
            Self::KeyFrozen => "key.freeze",
            Self::KeyThawed => "key.thaw",
            Self::KeyEvicted => "key.evict",
            Self::KeyDestruction => "key.destroy-scheduled",
            Self::KeyDestructionCancelled => "key.destroy-cancelled",
            Self::KeyDestroyed => "key.destroy",
            Self::KeyErasureCertified => "key.erasure-certified",
            Self::KeyRefused => "key.refused",
            Self::PolicyPut => "policy.put",
            Self::PolicyDeleted => "policy.delete",
            Self::SessionIssued => "session.issued",
            Self::SessionRefused => "session.refused",
            Self::SessionRevoked => "session.revoked",
            Self::SessionEnded => "session.ended",
            Self::SessionIdle => "session.idle",
            Self::AdminProposed => "admin.proposed",
            Self::AdminApproved => "admin.approved",
            Self::AdminRefused => "admin.refused",
            Self::AdminApplied => "admin.applied",
        }
    }
}
