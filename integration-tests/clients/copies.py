"""boto3: copies carry their bytes and, as asked, their own or their source's metadata."""

import sys

from connect import client, noise, read, refused

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
s3.create_bucket(Bucket=bucket + "-2")
source = {"Bucket": bucket, "Key": "source"}
BODY = noise(150_000)
put = s3.put_object(**source, Body=BODY, Metadata={"from": "source"}, ContentType="image/png")

s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
s3.copy_object(Bucket=bucket + "-2", Key="elsewhere", CopySource=source)
for where, key in ((bucket, "kept"), (bucket + "-2", "elsewhere")):
    seen = s3.get_object(Bucket=where, Key=key)
    assert seen["Body"].read() == BODY, key
    assert seen["Metadata"] == {"from": "source"} and seen["ContentType"] == "image/png", seen

s3.copy_object(Bucket=bucket, Key="replaced", CopySource=source, MetadataDirective="REPLACE",
               Metadata={"new": "yes"}, ContentType="image/jpeg")
seen = s3.get_object(Bucket=bucket, Key="replaced")
assert seen["Body"].read() == BODY
assert seen["Metadata"] == {"new": "yes"} and seen["ContentType"] == "image/jpeg", seen

# Onto itself: only with a change, and then the bytes stay.
refused(s3.copy_object, "InvalidRequest", **source, CopySource=source)
s3.copy_object(**source, CopySource=source, MetadataDirective="REPLACE", Metadata={"again": "1"})
seen = s3.get_object(**source)
assert seen["Body"].read() == BODY and seen["Metadata"] == {"again": "1"}, seen

etag = s3.head_object(**source)["ETag"]
s3.copy_object(Bucket=bucket, Key="if", CopySource=source, CopySourceIfMatch=etag)
refused(s3.copy_object, "PreconditionFailed", Bucket=bucket, Key="if-not", CopySource=source,
        CopySourceIfNoneMatch=etag)
refused(s3.copy_object, "NoSuchKey", Bucket=bucket, Key="none",
        CopySource={"Bucket": bucket, "Key": "missing"})
assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 4
