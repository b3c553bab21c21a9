"""boto3, as a principal of another tenant: a bucket that is not ours is as if it did not exist, or
refused, in every operation; its name does not even appear.

usage: strangers.py BUCKET_OF_THE_OTHER KEY_IN_IT"""

import sys

from connect import client, read, refused

bucket, key = sys.argv[1:]
s3 = client()
s3.create_bucket(Bucket="own-bucket")
s3.put_object(Bucket="own-bucket", Key="own", Body=b"own")
assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["own-bucket"]

there, source = {"Bucket": bucket, "Key": key}, {"Bucket": bucket, "Key": key}
for call, arguments in [
    (s3.get_object, there),
    (s3.put_object, {**there, "Body": b"changed"}),
    (s3.delete_object, there),
    (s3.delete_objects, {"Bucket": bucket, "Delete": {"Objects": [{"Key": key}]}}),
    (s3.list_objects, {"Bucket": bucket}),
    (s3.list_objects_v2, {"Bucket": bucket}),
    (s3.create_multipart_upload, there),
    (s3.list_multipart_uploads, {"Bucket": bucket}),
    (s3.copy_object, {"Bucket": "own-bucket", "Key": "stolen", "CopySource": source}),
    (s3.copy_object, {**there, "CopySource": {"Bucket": "own-bucket", "Key": "own"}}),
    (s3.delete_bucket, {"Bucket": bucket}),
]:
    refused(call, "AccessDenied", "NoSuchBucket", **arguments)
for call, arguments in [(s3.head_object, there), (s3.head_bucket, {"Bucket": bucket})]:
    refused(call, "403", "404", **arguments)
assert [one["Key"] for one in s3.list_objects_v2(Bucket="own-bucket")["Contents"]] == ["own"]
assert read(s3, "own-bucket", "own") == b"own"
