//! What can be done: one action for each operation as IAM names it, and the groups that roles speak of.
//!
//! `schema.cedarschema` declares the same actions to Cedar; a test holds the two together.

use std::fmt;
use std::str::FromStr;

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// A tenant: its buckets as a whole, its keys, its audit trail.
    Tenant,
    /// A bucket.
    Bucket,
    /// An object, or a key where one may be.
    Object,
}

macro_rules! groups {
    ($($(#[$doc:meta])* $name:ident $text:literal;)*) => {
        /// Actions that are permitted together, as far as roles are concerned.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Group { $($(#[$doc])* $name),* }

        impl Group {
            /// All groups.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name in policies: `Action::"read"`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

groups! {
    /// Object bytes or metadata are read.
    Read "read";
    /// Names in a bucket, or buckets, are listed, and their settings read.
    List "list";
    /// An object, or a part of one, is written.
    Write "write";
    /// What lies beside an existing object is changed: its tags, its place in an archive.
    Change "change";
    /// A retention period or legal hold is set, changed or bypassed.
    Protect "protect";
    /// An object or version is deleted.
    Delete "delete";
    /// A bucket, or one of its settings, is made, changed or deleted.
    ManageBucket "manage-bucket";
    /// A setting of the shared upstream bucket is changed.
    Administer "administer";
    /// A tenant's configuration, identities and policies are read.
    ReadConfiguration "read-configuration";
    /// Users, credentials and buckets of a tenant are changed.
    ManageUsers "manage-users";
    /// Somebody is let back in, or out: unlocked, or their sessions ended.
    Helpdesk "helpdesk";
    /// Policies, roles and tenants themselves are changed.
    ManagePolicies "manage-policies";
    /// A tenant's keys are used for what needs no second person.
    ManageKeys "manage-keys";
    /// The audit trail is read.
    ReadAudit "read-audit";
    /// What a second person must approve.
    TwoPerson "two-person";
}

macro_rules! actions {
    ($($name:ident $text:literal $group:ident $target:ident;)*) => {
        /// One action. Those of S3 have the names that IAM gives them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names are IAM's own, and those of the admin API")]
        pub enum Action { $($name),* }

        impl Action {
            /// All actions.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name in policies, for example `s3:GetObject`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The group it belongs to.
            pub fn group(self) -> Group {
                match self { $(Self::$name => Group::$group),* }
            }

            /// What it is done to.
            pub fn target(self) -> Target {
                match self { $(Self::$name => Target::$target),* }
            }
        }
    };
}

actions! {
    GetObject "s3:GetObject" Read Object;
    GetObjectVersion "s3:GetObjectVersion" Read Object;
    GetObjectAcl "s3:GetObjectAcl" Read Object;
    GetObjectVersionAcl "s3:GetObjectVersionAcl" Read Object;
    GetObjectAttributes "s3:GetObjectAttributes" Read Object;
    GetObjectVersionAttributes "s3:GetObjectVersionAttributes" Read Object;
    GetObjectLegalHold "s3:GetObjectLegalHold" Read Object;
    GetObjectRetention "s3:GetObjectRetention" Read Object;
    GetObjectTagging "s3:GetObjectTagging" Read Object;
    GetObjectVersionTagging "s3:GetObjectVersionTagging" Read Object;
    ListMultipartUploadParts "s3:ListMultipartUploadParts" Read Object;

    ListAllMyBuckets "s3:ListAllMyBuckets" List Tenant;
    ListBucket "s3:ListBucket" List Bucket;
    ListBucketVersions "s3:ListBucketVersions" List Bucket;
    ListBucketMultipartUploads "s3:ListBucketMultipartUploads" List Bucket;
    GetAccelerateConfiguration "s3:GetAccelerateConfiguration" List Bucket;
    GetAnalyticsConfiguration "s3:GetAnalyticsConfiguration" List Bucket;
    GetBucketAbac "s3:GetBucketAbac" List Bucket;
    GetBucketAcl "s3:GetBucketAcl" List Bucket;
    GetBucketCors "s3:GetBucketCORS" List Bucket;
    GetBucketLocation "s3:GetBucketLocation" List Bucket;
    GetBucketLogging "s3:GetBucketLogging" List Bucket;
    GetBucketMetadataTableConfiguration "s3:GetBucketMetadataTableConfiguration" List Bucket;
    GetBucketNotification "s3:GetBucketNotification" List Bucket;
    GetBucketObjectLockConfiguration "s3:GetBucketObjectLockConfiguration" List Bucket;
    GetBucketOwnershipControls "s3:GetBucketOwnershipControls" List Bucket;
    GetBucketPolicy "s3:GetBucketPolicy" List Bucket;
    GetBucketPolicyStatus "s3:GetBucketPolicyStatus" List Bucket;
    GetBucketPublicAccessBlock "s3:GetBucketPublicAccessBlock" List Bucket;
    GetBucketRequestPayment "s3:GetBucketRequestPayment" List Bucket;
    GetBucketTagging "s3:GetBucketTagging" List Bucket;
    GetBucketVersioning "s3:GetBucketVersioning" List Bucket;
    GetBucketWebsite "s3:GetBucketWebsite" List Bucket;
    GetEncryptionConfiguration "s3:GetEncryptionConfiguration" List Bucket;
    GetIntelligentTieringConfiguration "s3:GetIntelligentTieringConfiguration" List Bucket;
    GetInventoryConfiguration "s3:GetInventoryConfiguration" List Bucket;
    GetLifecycleConfiguration "s3:GetLifecycleConfiguration" List Bucket;
    GetMetricsConfiguration "s3:GetMetricsConfiguration" List Bucket;
    GetReplicationConfiguration "s3:GetReplicationConfiguration" List Bucket;

    PutObject "s3:PutObject" Write Object;
    PutObjectAcl "s3:PutObjectAcl" Write Object;
    PutObjectVersionAcl "s3:PutObjectVersionAcl" Write Object;
    AbortMultipartUpload "s3:AbortMultipartUpload" Write Object;

    PutObjectTagging "s3:PutObjectTagging" Change Object;
    PutObjectVersionTagging "s3:PutObjectVersionTagging" Change Object;
    DeleteObjectTagging "s3:DeleteObjectTagging" Change Object;
    DeleteObjectVersionTagging "s3:DeleteObjectVersionTagging" Change Object;
    RestoreObject "s3:RestoreObject" Change Object;

    PutObjectLegalHold "s3:PutObjectLegalHold" Protect Object;
    PutObjectRetention "s3:PutObjectRetention" Protect Object;
    BypassGovernanceRetention "s3:BypassGovernanceRetention" Protect Object;

    DeleteObject "s3:DeleteObject" Delete Object;
    DeleteObjectVersion "s3:DeleteObjectVersion" Delete Object;

    CreateBucket "s3:CreateBucket" ManageBucket Bucket;
    DeleteBucket "s3:DeleteBucket" ManageBucket Bucket;
    DeleteBucketPolicy "s3:DeleteBucketPolicy" ManageBucket Bucket;
    PutBucketAcl "s3:PutBucketAcl" ManageBucket Bucket;
    PutBucketCors "s3:PutBucketCORS" ManageBucket Bucket;
    PutBucketObjectLockConfiguration "s3:PutBucketObjectLockConfiguration" ManageBucket Bucket;
    PutBucketOwnershipControls "s3:PutBucketOwnershipControls" ManageBucket Bucket;
    PutBucketPolicy "s3:PutBucketPolicy" ManageBucket Bucket;
    PutBucketPublicAccessBlock "s3:PutBucketPublicAccessBlock" ManageBucket Bucket;
    PutBucketTagging "s3:PutBucketTagging" ManageBucket Bucket;
    PutBucketVersioning "s3:PutBucketVersioning" ManageBucket Bucket;

    PutAccelerateConfiguration "s3:PutAccelerateConfiguration" Administer Bucket;
    PutAnalyticsConfiguration "s3:PutAnalyticsConfiguration" Administer Bucket;
    PutBucketRequestPayment "s3:PutBucketRequestPayment" Administer Bucket;
    PutIntelligentTieringConfiguration "s3:PutIntelligentTieringConfiguration" Administer Bucket;
    PutInventoryConfiguration "s3:PutInventoryConfiguration" Administer Bucket;
    PutLifecycleConfiguration "s3:PutLifecycleConfiguration" Administer Bucket;
    PutMetricsConfiguration "s3:PutMetricsConfiguration" Administer Bucket;

    AdminReadConfiguration "admin:ReadConfiguration" ReadConfiguration Tenant;
    AdminReviewAccess "admin:ReviewAccess" ReadConfiguration Tenant;
    AdminPutPrincipal "admin:PutPrincipal" ManageUsers Tenant;
    AdminPutCredential "admin:PutCredential" ManageUsers Tenant;
    AdminPutBucket "admin:PutBucket" ManageUsers Tenant;
    AdminUnlock "admin:Unlock" Helpdesk Tenant;
    AdminEndSession "admin:EndSession" Helpdesk Tenant;
    AdminPutRole "admin:PutRole" ManagePolicies Tenant;
    AdminPutPolicySet "admin:PutPolicySet" ManagePolicies Tenant;
    AdminPutTenant "admin:PutTenant" ManagePolicies Tenant;
    KeysRead "keys:Read" ReadConfiguration Tenant;
    KeysRotate "keys:Rotate" ManageKeys Tenant;
    KeysRewrap "keys:Rewrap" ManageKeys Tenant;
    KeysReencrypt "keys:Reencrypt" ManageKeys Tenant;
    KeysFreeze "keys:Freeze" ManageKeys Tenant;
    KeysThaw "keys:Thaw" ManageKeys Tenant;
    KeysBackup "keys:Backup" ManageKeys Tenant;
    KeysDestroy "keys:Destroy" TwoPerson Tenant;
    AuditRead "audit:Read" ReadAudit Tenant;
    AuditExport "audit:Export" ReadAudit Tenant;
    AuditReadSealed "audit:ReadSealed" TwoPerson Tenant;
    AuditConfigure "audit:Configure" TwoPerson Tenant;
    AdminPutGuardrails "admin:PutGuardrails" TwoPerson Tenant;
    AdminShortenRetention "admin:ShortenRetention" TwoPerson Tenant;
    AdminRemoveLegalHold "admin:RemoveLegalHold" TwoPerson Tenant;
    AdminOffboardTenant "admin:OffboardTenant" TwoPerson Tenant;
    AdminRestoreOverLive "admin:RestoreOverLive" TwoPerson Tenant;
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        let known = Self::ALL.iter().find(|action| action.name() == text);
        known.copied().ok_or_else(|| UnknownAction(text.to_owned()))
    }
}

/// A name that is no action's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no action; they are named as in IAM, for example s3:GetObject")]
pub struct UnknownAction(String);
