"""boto3: every setting of a new bucket that tools read before they change any (Terraform's aws_s3_bucket, inventories of
accounts): what Amazon S3 answers where nobody has set it. To set what would lead past the gateway stays refused."""

import sys

from connect import client, refused

bucket = sys.argv[1]
s3 = client()
here = {"Bucket": bucket}
s3.create_bucket(**here)


def read(call, **more):
    answer = call(**here, **more)
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    return answer


def unset(call, code, **more):
    answer = refused(call, code, **here, **more)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404, answer


# The default is a document.
assert read(s3.get_bucket_accelerate_configuration) == {}
assert read(s3.get_bucket_logging) == {}
assert read(s3.get_bucket_notification_configuration) == {}
assert read(s3.get_bucket_versioning) == {}
assert read(s3.get_bucket_request_payment) == {"Payer": "BucketOwner"}
assert read(s3.get_bucket_abac) == {"AbacStatus": {"Status": "Disabled"}}
assert read(s3.get_bucket_policy_status) == {"PolicyStatus": {"IsPublic": False}}
assert read(s3.get_bucket_ownership_controls)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
assert set(read(s3.get_public_access_block)["PublicAccessBlockConfiguration"].values()) == {True}
[rule] = read(s3.get_bucket_encryption)["ServerSideEncryptionConfiguration"]["Rules"]
assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms", rule

# There is no such thing.
unset(s3.get_bucket_cors, "NoSuchCORSConfiguration")
unset(s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration")
unset(s3.get_bucket_policy, "NoSuchBucketPolicy")
unset(s3.get_bucket_replication, "ReplicationConfigurationNotFoundError")
unset(s3.get_bucket_tagging, "NoSuchTagSet")
unset(s3.get_bucket_website, "NoSuchWebsiteConfiguration")
unset(s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError")
unset(s3.get_bucket_metadata_configuration, "MetadataConfigurationNotFound")
unset(s3.get_bucket_metadata_table_configuration, "MetadataTableConfigurationNotFound")

# Of these there may be many, each with an id.
for one, many in ((s3.get_bucket_analytics_configuration, s3.list_bucket_analytics_configurations),
                  (s3.get_bucket_intelligent_tiering_configuration, s3.list_bucket_intelligent_tiering_configurations),
                  (s3.get_bucket_inventory_configuration, s3.list_bucket_inventory_configurations),
                  (s3.get_bucket_metrics_configuration, s3.list_bucket_metrics_configurations)):
    assert read(many) == {"IsTruncated": False}
    unset(one, "NoSuchConfiguration", Id="none")

# A bucket that is not there has no settings at all.
refused(s3.get_bucket_logging, "NoSuchBucket", Bucket=bucket + "-none")
refused(s3.get_bucket_website, "NoSuchBucket", Bucket=bucket + "-none")

refused(s3.put_bucket_logging, "NotImplemented", **here, BucketLoggingStatus={
    "LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": "log/"}})
refused(s3.put_bucket_notification_configuration, "NotImplemented", **here, NotificationConfiguration={
    "QueueConfigurations": [{"QueueArn": "arn:aws:sqs:us-east-1:1:q", "Events": ["s3:ObjectCreated:*"]}]})
refused(s3.put_bucket_website, "NotImplemented", **here, WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}})
refused(s3.put_bucket_replication, "NotImplemented", **here, ReplicationConfiguration={
    "Role": "arn:aws:iam::1:role/r", "Rules": [{"Status": "Enabled", "Destination": {"Bucket": f"arn:aws:s3:::{bucket}"}}]})
refused(s3.put_bucket_accelerate_configuration, "AccessDenied", **here, AccelerateConfiguration={"Status": "Enabled"})
refused(s3.put_bucket_request_payment, "AccessDenied", **here, RequestPaymentConfiguration={"Payer": "Requester"})
assert read(s3.get_bucket_logging) == {}
s3.delete_bucket(**here)
