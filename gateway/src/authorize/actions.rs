//! Which actions a request needs, as IAM names them.

use policies::Action;

use crate::s3::{Class, Operation, S3Request};

/// The actions that must all be permitted on what the request names; the first is what it is recorded as.
/// Empty for `DeleteObjects`, each of whose keys is decided about when it is read.
pub(super) fn actions_of(request: &S3Request) -> Vec<Action> {
    let versioned = request.version().is_some();
    let Some(first) = action_of(request.operation, versioned) else {
        return Vec::new();
    };
    let mut actions = vec![first];
    match request.operation {
        Operation::DeleteObjects => return Vec::new(),
        Operation::GetObjectAttributes if versioned => actions.push(Action::GetObjectVersion),
        Operation::GetObjectAttributes => actions.push(Action::GetObject),
        Operation::PutObject
        | Operation::PostObject
        | Operation::CopyObject
        | Operation::CreateMultipartUpload => {
            let sets = |name| request.headers.contains_key(name);
            if sets("x-amz-object-lock-mode") || sets("x-amz-object-lock-retain-until-date") {
                actions.push(Action::PutObjectRetention);
            }
            if sets("x-amz-object-lock-legal-hold") {
                actions.push(Action::PutObjectLegalHold);
            }
        }
        _ => {}
    }
    actions
}

/// The action of an operation; `None` for what is refused to everybody. `versioned`: whether a version is
/// named, for which IAM has names of its own.
pub fn action_of(operation: Operation, versioned: bool) -> Option<Action> {
    use Operation as Op;
    if operation.class() == Class::Refuse {
        return None;
    }
    let either = |plain, of_version| if versioned { of_version } else { plain };
    Some(match operation {
        // The receipt of an upload says the object's digest, so it is for whoever may read the object.
        Op::GetObject | Op::HeadObject | Op::GetObjectAttestation => {
            either(Action::GetObject, Action::GetObjectVersion)
        }
        Op::GetObjectAcl => either(Action::GetObjectAcl, Action::GetObjectVersionAcl),
        Op::GetObjectAttributes => either(
            Action::GetObjectAttributes,
            Action::GetObjectVersionAttributes,
        ),
        Op::GetObjectLegalHold => Action::GetObjectLegalHold,
        Op::GetObjectRetention => Action::GetObjectRetention,
        Op::GetObjectTagging => either(Action::GetObjectTagging, Action::GetObjectVersionTagging),
        Op::ListParts => Action::ListMultipartUploadParts,
        Op::PutObject
        | Op::PostObject
        | Op::CopyObject
        | Op::CreateMultipartUpload
        | Op::UploadPart
        | Op::UploadPartCopy
        | Op::CompleteMultipartUpload => Action::PutObject,
        Op::AbortMultipartUpload => Action::AbortMultipartUpload,
        Op::PutObjectAcl => either(Action::PutObjectAcl, Action::PutObjectVersionAcl),
        Op::PutObjectTagging => either(Action::PutObjectTagging, Action::PutObjectVersionTagging),
        Op::DeleteObjectTagging => either(
            Action::DeleteObjectTagging,
            Action::DeleteObjectVersionTagging,
        ),
        Op::RestoreObject => Action::RestoreObject,
        Op::PutObjectLegalHold => Action::PutObjectLegalHold,
        Op::PutObjectRetention => Action::PutObjectRetention,
        Op::DeleteObject | Op::DeleteObjects => {
            either(Action::DeleteObject, Action::DeleteObjectVersion)
        }
        of_bucket => return action_on_bucket(of_bucket),
    })
}

fn action_on_bucket(operation: Operation) -> Option<Action> {
    use Operation as Op;
    Some(match operation {
        Op::ListBuckets => Action::ListAllMyBuckets,
        Op::ListObjects | Op::ListObjectsV2 | Op::HeadBucket | Op::PreflightRequest => {
            Action::ListBucket
        }
        Op::ListObjectVersions => Action::ListBucketVersions,
        Op::ListMultipartUploads => Action::ListBucketMultipartUploads,
        Op::GetBucketAcl => Action::GetBucketAcl,
        Op::GetBucketCors => Action::GetBucketCors,
        Op::GetBucketLocation => Action::GetBucketLocation,
        Op::GetObjectLockConfiguration => Action::GetBucketObjectLockConfiguration,
        Op::GetBucketOwnershipControls => Action::GetBucketOwnershipControls,
        Op::GetBucketPolicy => Action::GetBucketPolicy,
        Op::GetBucketPolicyStatus => Action::GetBucketPolicyStatus,
        Op::GetPublicAccessBlock => Action::GetBucketPublicAccessBlock,
        Op::GetBucketTagging => Action::GetBucketTagging,
        Op::GetBucketVersioning => Action::GetBucketVersioning,
        Op::GetBucketEncryption => Action::GetEncryptionConfiguration,
        Op::GetBucketLifecycle | Op::GetBucketLifecycleConfiguration => {
            Action::GetLifecycleConfiguration
        }
        Op::CreateBucket => Action::CreateBucket,
        Op::DeleteBucket => Action::DeleteBucket,
        Op::PutBucketPolicy => Action::PutBucketPolicy,
        Op::DeleteBucketPolicy => Action::DeleteBucketPolicy,
        Op::PutBucketAcl => Action::PutBucketAcl,
        Op::PutBucketCors | Op::DeleteBucketCors => Action::PutBucketCors,
        Op::PutObjectLockConfiguration => Action::PutBucketObjectLockConfiguration,
        Op::PutBucketOwnershipControls | Op::DeleteBucketOwnershipControls => {
            Action::PutBucketOwnershipControls
        }
        Op::PutPublicAccessBlock | Op::DeletePublicAccessBlock => {
            Action::PutBucketPublicAccessBlock
        }
        Op::PutBucketTagging | Op::DeleteBucketTagging => Action::PutBucketTagging,
        Op::PutBucketVersioning => Action::PutBucketVersioning,
        reading if reading.method() == "GET" => return action_of_unset(reading),
        administrative => return action_of_administration(administrative),
    })
}

/// What is read of a bucket, though no bucket here has it.
fn action_of_unset(operation: Operation) -> Option<Action> {
    use Operation as Op;
    Some(match operation {
        Op::GetBucketAbac => Action::GetBucketAbac,
        Op::GetBucketAccelerateConfiguration => Action::GetAccelerateConfiguration,
        Op::GetBucketRequestPayment => Action::GetBucketRequestPayment,
        Op::GetBucketAnalyticsConfiguration | Op::ListBucketAnalyticsConfigurations => {
            Action::GetAnalyticsConfiguration
        }
        Op::GetBucketLogging => Action::GetBucketLogging,
        Op::GetBucketMetadataConfiguration | Op::GetBucketMetadataTableConfiguration => {
            Action::GetBucketMetadataTableConfiguration
        }
        Op::GetBucketNotification | Op::GetBucketNotificationConfiguration => {
            Action::GetBucketNotification
        }
        Op::GetBucketWebsite => Action::GetBucketWebsite,
        Op::GetBucketIntelligentTieringConfiguration
        | Op::ListBucketIntelligentTieringConfigurations => {
            Action::GetIntelligentTieringConfiguration
        }
        Op::GetBucketInventoryConfiguration | Op::ListBucketInventoryConfigurations => {
            Action::GetInventoryConfiguration
        }
        Op::GetBucketMetricsConfiguration | Op::ListBucketMetricsConfigurations => {
            Action::GetMetricsConfiguration
        }
        Op::GetBucketReplication => Action::GetReplicationConfiguration,
        _ => return None,
    })
}

/// Settings of the shared upstream bucket.
fn action_of_administration(operation: Operation) -> Option<Action> {
    use Operation as Op;
    Some(match operation {
        Op::PutBucketAccelerateConfiguration => Action::PutAccelerateConfiguration,
        Op::DeleteBucketAnalyticsConfiguration => Action::PutAnalyticsConfiguration,
        Op::PutBucketRequestPayment => Action::PutBucketRequestPayment,
        Op::PutBucketIntelligentTieringConfiguration
        | Op::DeleteBucketIntelligentTieringConfiguration => {
            Action::PutIntelligentTieringConfiguration
        }
        Op::DeleteBucketInventoryConfiguration => Action::PutInventoryConfiguration,
        Op::PutBucketLifecycle
        | Op::PutBucketLifecycleConfiguration
        | Op::DeleteBucketLifecycle => Action::PutLifecycleConfiguration,
        Op::PutBucketMetricsConfiguration | Op::DeleteBucketMetricsConfiguration => {
            Action::PutMetricsConfiguration
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use policies::{Group, Target as PolicyTarget};

    use super::*;
    use crate::s3::Target;
    use crate::s3::operation::REGISTRY;

    #[test]
    fn every_operation_that_is_offered_has_an_action_on_what_it_names() {
        for row in REGISTRY {
            for versioned in [false, true] {
                let action = action_of(row.operation, versioned);
                assert_eq!(
                    action.is_none(),
                    row.class == Class::Refuse,
                    "{}",
                    row.operation
                );
                let Some(action) = action else { continue };
                let target = match row.operation {
                    // These name their keys in the body.
                    Operation::PostObject | Operation::DeleteObjects => PolicyTarget::Object,
                    _ => match row.target {
                        Target::Service => PolicyTarget::Tenant,
                        Target::Bucket => PolicyTarget::Bucket,
                        Target::Object => PolicyTarget::Object,
                    },
                };
                assert_eq!(action.target(), target, "{}", row.operation);
            }
        }
    }

    #[test]
    fn every_operation_that_changes_something_needs_more_than_reading() {
        for row in REGISTRY
            .iter()
            .filter(|row| !matches!(row.method, "GET" | "HEAD" | "OPTIONS"))
        {
            let group = action_of(row.operation, false).map(Action::group);
            assert!(
                !matches!(group, Some(Group::Read | Group::List)),
                "{}",
                row.operation
            );
        }
    }

    #[test]
    fn settings_of_the_shared_bucket_are_the_administrative_operations() {
        for row in REGISTRY {
            let group = action_of(row.operation, false).map(Action::group);
            assert_eq!(
                group == Some(Group::Administer),
                row.class == Class::Admin,
                "{}",
                row.operation
            );
        }
    }
}
