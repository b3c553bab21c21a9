//! Settings that no bucket here has: they would export names, sizes or sealed bytes past the gateway, or are of the
//! store's and none of its tenants' business. Tools that read every setting of a bucket (Terraform, inventories of
//! accounts) are answered as Amazon S3 answers of a bucket on which nobody set them. The store is not asked.

use super::{Answered, Call, Operations, document};
use crate::s3::xml::Writer;
use crate::s3::{Code, Operation, S3Error};

impl Operations {
    pub(super) async fn get_unset(&self, call: &Call) -> Answered {
        self.bucket(call).await?;
        Ok(document(unset(call.request.operation)?))
    }
}

/// What Amazon S3 says of a setting that was never set: the document of the default, an empty list, or that there
/// is no such thing (Amazon S3 API Reference, the operation's page).
fn unset(operation: Operation) -> Result<String, S3Error> {
    use Operation as Op;
    Ok(match operation {
        Op::GetBucketAccelerateConfiguration => empty("AccelerateConfiguration"),
        Op::GetBucketLogging => empty("BucketLoggingStatus"),
        Op::GetBucketNotificationConfiguration => empty("NotificationConfiguration"),
        Op::GetBucketRequestPayment => one("RequestPaymentConfiguration", "Payer", "BucketOwner"),
        Op::GetBucketAbac => one("AbacStatus", "Status", "Disabled"),
        Op::ListBucketAnalyticsConfigurations => list("ListBucketAnalyticsConfigurationResult"),
        Op::ListBucketIntelligentTieringConfigurations => {
            list("ListBucketIntelligentTieringConfigurationsOutput")
        }
        Op::ListBucketInventoryConfigurations => list("ListInventoryConfigurationsResult"),
        Op::ListBucketMetricsConfigurations => list("ListMetricsConfigurationsResult"),
        Op::GetBucketReplication => {
            return Err(Code::ReplicationConfigurationNotFound
                .because("The replication configuration was not found."));
        }
        Op::GetBucketWebsite => {
            return Err(Code::NoSuchWebsiteConfiguration
                .because("The specified bucket does not have a website configuration."));
        }
        Op::GetBucketMetadataConfiguration => {
            return Err(Code::MetadataConfigurationNotFound
                .because("The metadata configuration was not found."));
        }
        Op::GetBucketMetadataTableConfiguration => {
            return Err(Code::MetadataTableConfigurationNotFound
                .because("The metadata table configuration was not found."));
        }
        // Those that are told apart by an id.
        _ => {
            return Err(
                Code::NoSuchConfiguration.because("The specified configuration does not exist.")
            );
        }
    })
}

fn empty(root: &'static str) -> String {
    Writer::new(root).finish()
}

fn one(root: &'static str, name: &str, text: &str) -> String {
    let mut writer = Writer::new(root);
    writer.text(name, text);
    writer.finish()
}

/// A list with nothing in it and nothing to follow.
fn list(root: &'static str) -> String {
    one(root, "IsTruncated", "false")
}
