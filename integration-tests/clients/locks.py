"""boto3: retention and legal holds keep what they name, and only those who may set them bypass them."""

import datetime
import sys

from connect import client, read, refused

bucket = sys.argv[1]
s3 = client()
FAR, NEAR = (datetime.datetime(year, 1, 1, tzinfo=datetime.timezone.utc) for year in (2040, 2039))
s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
kept = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
assert kept == lock, kept
refused(s3.put_bucket_versioning, "InvalidBucketState", Bucket=bucket,
        VersioningConfiguration={"Status": "Suspended"})

# Of an object that is neither retained nor held.
free = {"Bucket": bucket + "-free", "Key": "free"}
s3.create_bucket(Bucket=free["Bucket"], ObjectLockEnabledForBucket=True)
put = s3.put_object(**free, Body=b"")
for call in (s3.get_object_retention, s3.get_object_legal_hold):
    refused(call, "NoSuchObjectLockConfiguration", **free)
s3.delete_object(**free, VersionId=put["VersionId"])
s3.delete_bucket(Bucket=free["Bucket"])

by_default = s3.put_object(Bucket=bucket, Key="default", Body=b"1")["VersionId"]
assert s3.head_object(Bucket=bucket, Key="default")["ObjectLockMode"] == "GOVERNANCE"
refused(s3.delete_object, "AccessDenied", Bucket=bucket, Key="default", VersionId=by_default)

named = {"Bucket": bucket, "Key": "named"}
version = s3.put_object(**named, Body=b"2", ObjectLockMode="GOVERNANCE",
                        ObjectLockRetainUntilDate=FAR)["VersionId"]
assert s3.get_object_retention(**named)["Retention"] == {"Mode": "GOVERNANCE", "RetainUntilDate": FAR}
shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": NEAR}
refused(s3.put_object_retention, "AccessDenied", **named, Retention=shorter)
s3.put_object_retention(**named, Retention=shorter, BypassGovernanceRetention=True)
assert s3.get_object_retention(**named)["Retention"] == shorter
refused(s3.delete_object, "AccessDenied", **named, VersionId=version)
many = {"Objects": [{"Key": "named", "VersionId": version}]}
answer = s3.delete_objects(Bucket=bucket, Delete=many)
assert answer["Errors"][0]["Code"] == "AccessDenied", answer

s3.put_object_legal_hold(**named, LegalHold={"Status": "ON"})
assert s3.get_object_legal_hold(**named)["LegalHold"]["Status"] == "ON"
assert s3.head_object(**named)["ObjectLockLegalHoldStatus"] == "ON"
refused(s3.delete_object, "AccessDenied", **named, VersionId=version, BypassGovernanceRetention=True)
s3.put_object_legal_hold(**named, LegalHold={"Status": "OFF"})
assert read(s3, bucket, "named") == b"2"

s3.delete_object(**named, VersionId=version, BypassGovernanceRetention=True)
s3.delete_object(Bucket=bucket, Key="default", VersionId=by_default, BypassGovernanceRetention=True)
s3.delete_bucket(Bucket=bucket)
