//! The registry of S3 operations: what each is called, how it is recognised, and what becomes of it here.
//!
//! The names are those of the S3 service model (116 operations, botocore of 2026-11) and three routes
//! outside it. What is not in this table does not exist for the gateway and is refused.
//! `docs/s3-compatibility.md` is printed from it (`sealgate docs s3-compatibility`).

use std::fmt;

/// What the gateway does with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Object bytes come in, are verified, and leave sealed.
    Seal,
    /// Sealed bytes come in, are opened, and leave as plaintext.
    Open,
    /// The store answers; sizes, `ETags`, names or headers in the answer are put right.
    Rewrite,
    /// The store answers, after policy; nothing in the answer depends on sealing.
    PassThrough,
    /// The gateway answers from its own documents.
    Gateway,
    /// A setting that no bucket here has: the gateway answers as of one that was never set.
    Unset,
    /// Changes the shared upstream bucket: only for a gateway administrator, refused to tenants.
    Admin,
    /// Refused, with the reason in [`Operation::why_refused`].
    Refuse,
}

/// What a request is aimed at: the service (`/`), a bucket (`/b`) or an object (`/b/k`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// `/`
    Service,
    /// `/bucket`
    Bucket,
    /// `/bucket/key`
    Object,
}

/// One line of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The operation this line is about.
    pub operation: Operation,
    /// HTTP method.
    pub method: &'static str,
    /// What the path names.
    pub target: Target,
    /// The sub-resource key of the query, or the empty string.
    pub sub_resource: &'static str,
    /// What else must be there: query keys, `key=value`, `@copy-source` (header); `!` is never recognised,
    /// because a newer name stands for the same route or it belongs to another host.
    pub needs: &'static [&'static str],
    /// What becomes of it.
    pub class: Class,
}

macro_rules! operations {
    ($($name:ident: $method:ident $target:ident $sub:literal [$($need:literal),*] $class:ident;)*) => {
        /// Every S3 operation by its name in the service model, and the three routes outside the model.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names are S3's own; the service model documents them")]
        pub enum Operation { $($name),* }

        /// The registry.
        pub const REGISTRY: &[Row] = &[$(Row {
            operation: Operation::$name,
            method: stringify!($method),
            target: Target::$target,
            sub_resource: $sub,
            needs: &[$($need),*],
            class: Class::$class,
        }),*];

        impl Operation {
            /// The operation's name in the service model, for example `GetObject`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// What the gateway does with it.
            pub fn class(self) -> Class {
                match self { $(Self::$name => Class::$class),* }
            }

            /// What its path names.
            pub fn target(self) -> Target {
                match self { $(Self::$name => Target::$target),* }
            }

            /// Its HTTP method.
            pub fn method(self) -> &'static str {
                match self { $(Self::$name => stringify!($method)),* }
            }
        }
    };
}

operations! {
    ListBuckets: GET Service "" [] Gateway;
    ListDirectoryBuckets: GET Service "" ["!"] Refuse;
    WriteGetObjectResponse: POST Service "" ["!"] Refuse;
    CreateBucket: PUT Bucket "" [] Gateway;
    CreateBucketMetadataConfiguration: POST Bucket "metadataConfiguration" [] Refuse;
    CreateBucketMetadataTableConfiguration: POST Bucket "metadataTable" [] Refuse;
    CreateSession: GET Bucket "session" [] Refuse;
    DeleteBucket: DELETE Bucket "" [] Gateway;
    DeleteBucketAnalyticsConfiguration: DELETE Bucket "analytics" [] Admin;
    DeleteBucketCors: DELETE Bucket "cors" [] Gateway;
    DeleteBucketEncryption: DELETE Bucket "encryption" [] Refuse;
    DeleteBucketIntelligentTieringConfiguration: DELETE Bucket "intelligent-tiering" [] Admin;
    DeleteBucketInventoryConfiguration: DELETE Bucket "inventory" [] Admin;
    DeleteBucketLifecycle: DELETE Bucket "lifecycle" [] Admin;
    DeleteBucketMetadataConfiguration: DELETE Bucket "metadataConfiguration" [] Refuse;
    DeleteBucketMetadataTableConfiguration: DELETE Bucket "metadataTable" [] Refuse;
    DeleteBucketMetricsConfiguration: DELETE Bucket "metrics" [] Admin;
    DeleteBucketOwnershipControls: DELETE Bucket "ownershipControls" [] Gateway;
    DeleteBucketPolicy: DELETE Bucket "policy" [] Gateway;
    DeleteBucketReplication: DELETE Bucket "replication" [] Refuse;
    DeleteBucketTagging: DELETE Bucket "tagging" [] Gateway;
    DeleteBucketWebsite: DELETE Bucket "website" [] Refuse;
    DeleteObjects: POST Bucket "delete" [] Rewrite;
    DeletePublicAccessBlock: DELETE Bucket "publicAccessBlock" [] Gateway;
    GetBucketAbac: GET Bucket "abac" [] Unset;
    GetBucketAccelerateConfiguration: GET Bucket "accelerate" [] Unset;
    GetBucketAcl: GET Bucket "acl" [] Gateway;
    GetBucketAnalyticsConfiguration: GET Bucket "analytics" ["id"] Unset;
    GetBucketCors: GET Bucket "cors" [] Gateway;
    GetBucketEncryption: GET Bucket "encryption" [] Gateway;
    GetBucketIntelligentTieringConfiguration: GET Bucket "intelligent-tiering" ["id"] Unset;
    GetBucketInventoryConfiguration: GET Bucket "inventory" ["id"] Unset;
    GetBucketLifecycle: GET Bucket "lifecycle" ["!"] PassThrough;
    GetBucketLifecycleConfiguration: GET Bucket "lifecycle" [] PassThrough;
    GetBucketLocation: GET Bucket "location" [] Gateway;
    GetBucketLogging: GET Bucket "logging" [] Unset;
    GetBucketMetadataConfiguration: GET Bucket "metadataConfiguration" [] Unset;
    GetBucketMetadataTableConfiguration: GET Bucket "metadataTable" [] Unset;
    GetBucketMetricsConfiguration: GET Bucket "metrics" ["id"] Unset;
    GetBucketNotification: GET Bucket "notification" ["!"] Unset;
    GetBucketNotificationConfiguration: GET Bucket "notification" [] Unset;
    GetBucketOwnershipControls: GET Bucket "ownershipControls" [] Gateway;
    GetBucketPolicy: GET Bucket "policy" [] Gateway;
    GetBucketPolicyStatus: GET Bucket "policyStatus" [] Gateway;
    GetBucketReplication: GET Bucket "replication" [] Unset;
    GetBucketRequestPayment: GET Bucket "requestPayment" [] Unset;
    GetBucketTagging: GET Bucket "tagging" [] Gateway;
    GetBucketVersioning: GET Bucket "versioning" [] PassThrough;
    GetBucketWebsite: GET Bucket "website" [] Unset;
    GetObjectLockConfiguration: GET Bucket "object-lock" [] PassThrough;
    GetPublicAccessBlock: GET Bucket "publicAccessBlock" [] Gateway;
    HeadBucket: HEAD Bucket "" [] Gateway;
    ListBucketAnalyticsConfigurations: GET Bucket "analytics" [] Unset;
    ListBucketIntelligentTieringConfigurations: GET Bucket "intelligent-tiering" [] Unset;
    ListBucketInventoryConfigurations: GET Bucket "inventory" [] Unset;
    ListBucketMetricsConfigurations: GET Bucket "metrics" [] Unset;
    ListMultipartUploads: GET Bucket "uploads" [] Rewrite;
    ListObjectVersions: GET Bucket "versions" [] Rewrite;
    ListObjects: GET Bucket "" [] Rewrite;
    ListObjectsV2: GET Bucket "" ["list-type=2"] Rewrite;
    PutBucketAbac: PUT Bucket "abac" [] Refuse;
    PutBucketAccelerateConfiguration: PUT Bucket "accelerate" [] Admin;
    PutBucketAcl: PUT Bucket "acl" [] Gateway;
    PutBucketAnalyticsConfiguration: PUT Bucket "analytics" [] Refuse;
    PutBucketCors: PUT Bucket "cors" [] Gateway;
    PutBucketEncryption: PUT Bucket "encryption" [] Refuse;
    PutBucketIntelligentTieringConfiguration: PUT Bucket "intelligent-tiering" [] Admin;
    PutBucketInventoryConfiguration: PUT Bucket "inventory" [] Refuse;
    PutBucketLifecycle: PUT Bucket "lifecycle" ["!"] Admin;
    PutBucketLifecycleConfiguration: PUT Bucket "lifecycle" [] Admin;
    PutBucketLogging: PUT Bucket "logging" [] Refuse;
    PutBucketMetricsConfiguration: PUT Bucket "metrics" [] Admin;
    PutBucketNotification: PUT Bucket "notification" ["!"] Refuse;
    PutBucketNotificationConfiguration: PUT Bucket "notification" [] Refuse;
    PutBucketOwnershipControls: PUT Bucket "ownershipControls" [] Gateway;
    PutBucketPolicy: PUT Bucket "policy" [] Gateway;
    PutBucketReplication: PUT Bucket "replication" [] Refuse;
    PutBucketRequestPayment: PUT Bucket "requestPayment" [] Admin;
    PutBucketTagging: PUT Bucket "tagging" [] Gateway;
    PutBucketVersioning: PUT Bucket "versioning" [] PassThrough;
    PutBucketWebsite: PUT Bucket "website" [] Refuse;
    PutObjectLockConfiguration: PUT Bucket "object-lock" [] PassThrough;
    PutPublicAccessBlock: PUT Bucket "publicAccessBlock" [] Gateway;
    UpdateBucketMetadataAnnotationTableConfiguration: PUT Bucket "metadataAnnotationTable" [] Refuse;
    UpdateBucketMetadataInventoryTableConfiguration: PUT Bucket "metadataInventoryTable" [] Refuse;
    UpdateBucketMetadataJournalTableConfiguration: PUT Bucket "metadataJournalTable" [] Refuse;
    AbortMultipartUpload: DELETE Object "" ["uploadId"] PassThrough;
    CompleteMultipartUpload: POST Object "" ["uploadId"] Seal;
    CopyObject: PUT Object "" ["@copy-source"] Rewrite;
    CreateMultipartUpload: POST Object "uploads" [] Seal;
    DeleteObject: DELETE Object "" [] PassThrough;
    DeleteObjectAnnotation: DELETE Object "annotation" [] Refuse;
    DeleteObjectTagging: DELETE Object "tagging" [] PassThrough;
    GetObject: GET Object "" [] Open;
    GetObjectAcl: GET Object "acl" [] Gateway;
    GetObjectAnnotation: GET Object "annotation" ["annotationName"] Refuse;
    GetObjectAttributes: GET Object "attributes" [] Rewrite;
    GetObjectLegalHold: GET Object "legal-hold" [] PassThrough;
    GetObjectRetention: GET Object "retention" [] PassThrough;
    GetObjectTagging: GET Object "tagging" [] PassThrough;
    GetObjectTorrent: GET Object "torrent" [] Refuse;
    HeadObject: HEAD Object "" [] Rewrite;
    ListObjectAnnotations: GET Object "annotation" [] Refuse;
    ListParts: GET Object "" ["uploadId"] Rewrite;
    PutObject: PUT Object "" [] Seal;
    PutObjectAcl: PUT Object "acl" [] Gateway;
    PutObjectAnnotation: PUT Object "annotation" [] Refuse;
    PutObjectLegalHold: PUT Object "legal-hold" [] PassThrough;
    PutObjectRetention: PUT Object "retention" [] PassThrough;
    PutObjectTagging: PUT Object "tagging" [] PassThrough;
    RenameObject: PUT Object "renameObject" [] Refuse;
    RestoreObject: POST Object "restore" [] PassThrough;
    SelectObjectContent: POST Object "select" [] Refuse;
    UpdateObjectEncryption: PUT Object "encryption" [] Refuse;
    UploadPart: PUT Object "" ["partNumber", "uploadId"] Seal;
    UploadPartCopy: PUT Object "" ["partNumber", "uploadId", "@copy-source"] Seal;
    // Routes outside the service model.
    PostObject: POST Bucket "" [] Seal;
    PreflightRequest: OPTIONS Bucket "" [] Gateway;
    GetObjectAttestation: GET Object "attestation" [] Gateway;
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Operation {
    /// Finds the operation a request means: its method, its target, its sub-resource, and the most
    /// specific line whose needs are all met. `given` answers whether a need is met.
    ///
    /// `None`: no such route; the caller refuses.
    pub fn recognise(
        method: &str,
        target: Target,
        sub_resource: &str,
        given: impl Fn(&str) -> bool,
    ) -> Option<Self> {
        REGISTRY
            .iter()
            .filter(|row| {
                row.method == method && row.target == target && row.sub_resource == sub_resource
            })
            .filter(|row| row.needs.iter().all(|need| given(need)))
            .max_by_key(|row| row.needs.len())
            .map(|row| row.operation)
    }

    /// Whether `key` is the sub-resource of some operation (`acl`, `tagging`, `uploads` …).
    pub fn is_sub_resource(key: &str) -> bool {
        !key.is_empty() && REGISTRY.iter().any(|row| row.sub_resource == key)
    }

    /// Why a refused operation is refused, in words for the client.
    pub fn why_refused(self) -> &'static str {
        match self {
            Self::SelectObjectContent => "the store would have to read inside a sealed object",
            Self::GetObjectTorrent => "peers would be handed sealed bytes",
            Self::RenameObject => {
                "a sealed object is bound to its key; copy it and delete the old one"
            }
            Self::CreateSession | Self::ListDirectoryBuckets => "directory buckets are not offered",
            Self::WriteGetObjectResponse => "Object Lambda is another service",
            Self::UpdateObjectEncryption
            | Self::PutBucketEncryption
            | Self::DeleteBucketEncryption => {
                "every object is always sealed; encryption is not a bucket setting here"
            }
            Self::PutBucketAbac => "access is decided by policy, not by the bucket's tags",
            Self::GetObjectAnnotation
            | Self::PutObjectAnnotation
            | Self::DeleteObjectAnnotation
            | Self::ListObjectAnnotations => "annotations would leave the gateway unsealed",
            _ => "it would export names, sizes or sealed bytes past the gateway",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_has_116_operations_and_all_are_here() {
        assert_eq!(REGISTRY.len(), 116 + 3);
    }

    #[test]
    fn no_two_lines_can_be_meant_by_one_request() {
        for (index, a) in REGISTRY.iter().enumerate() {
            for b in &REGISTRY[index + 1..] {
                let same_route =
                    (a.method, a.target, a.sub_resource) == (b.method, b.target, b.sub_resource);
                let dormant = a.needs == ["!"] || b.needs == ["!"];
                assert!(
                    !same_route || dormant || a.needs.len() != b.needs.len(),
                    "{} and {} share a route",
                    a.operation,
                    b.operation
                );
            }
        }
    }

    #[test]
    fn routes_that_share_method_and_path_are_told_apart() {
        let find = |method, target, sub, have: &[&str]| {
            Operation::recognise(method, target, sub, |need| have.contains(&need))
        };
        assert_eq!(
            find("PUT", Target::Object, "", &[]),
            Some(Operation::PutObject)
        );
        assert_eq!(
            find("PUT", Target::Object, "", &["@copy-source"]),
            Some(Operation::CopyObject)
        );
        assert_eq!(
            find("PUT", Target::Object, "", &["partNumber", "uploadId"]),
            Some(Operation::UploadPart)
        );
        assert_eq!(
            find(
                "PUT",
                Target::Object,
                "",
                &["partNumber", "uploadId", "@copy-source"]
            ),
            Some(Operation::UploadPartCopy)
        );
        assert_eq!(
            find("GET", Target::Bucket, "", &["list-type=2"]),
            Some(Operation::ListObjectsV2)
        );
        assert_eq!(
            find("GET", Target::Bucket, "", &[]),
            Some(Operation::ListObjects)
        );
        assert_eq!(
            find("GET", Target::Bucket, "analytics", &[]),
            Some(Operation::ListBucketAnalyticsConfigurations)
        );
        assert_eq!(
            find("POST", Target::Object, "uploads", &[]),
            Some(Operation::CreateMultipartUpload)
        );
        assert_eq!(find("PATCH", Target::Object, "", &[]), None);
        assert_eq!(find("GET", Target::Bucket, "no-such-thing", &[]), None);
    }
}
