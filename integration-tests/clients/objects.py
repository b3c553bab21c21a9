"""boto3: one object's life, its metadata, and the empty object."""

import sys

from connect import client, noise, read, refused

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
s3.head_bucket(Bucket=bucket)

for length in (0, 1, 65535, 65536, 65537, 1_000_003):
    body, key = noise(length), f"sized/{length}"
    put = s3.put_object(Bucket=bucket, Key=key, Body=body)
    head = s3.head_object(Bucket=bucket, Key=key)
    assert head["ContentLength"] == length, (length, head)
    assert head["ETag"] == put["ETag"]
    assert read(s3, bucket, key) == body, f"{length} bytes came back different"

system = {
    "ContentType": "application/fhir+json; charset=utf-8",
    "ContentDisposition": 'attachment; filename="befund.json"',
    "ContentLanguage": "de-CH",
    "ContentEncoding": "x-own",
    "CacheControl": "private, max-age=60",
}
metadata = {"patient": "4711", "with-dash": "a=b; c", "long": "m" * 1500}
s3.put_object(Bucket=bucket, Key="described", Body=b"body", Metadata=metadata, **system)
for view in (s3.head_object, s3.get_object):
    seen = view(Bucket=bucket, Key="described")
    assert seen["Metadata"] == metadata, seen["Metadata"]
    for name, value in system.items():
        assert seen[name] == value, (name, seen.get(name))

# An object replaced is the new one, whole, with nothing left of the old.
s3.put_object(Bucket=bucket, Key="described", Body=b"new")
seen = s3.get_object(Bucket=bucket, Key="described")
assert seen["Body"].read() == b"new" and seen["Metadata"] == {}, seen

s3.delete_object(Bucket=bucket, Key="described")
refused(s3.get_object, "NoSuchKey", Bucket=bucket, Key="described")
assert refused(s3.head_object, "404", Bucket=bucket, Key="described")
s3.delete_object(Bucket=bucket, Key="described")  # S3: deleting what is not there succeeds
refused(s3.get_object, "NoSuchBucket", Bucket=bucket + "-none", Key="a")

listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
refused(s3.delete_bucket, "BucketNotEmpty", Bucket=bucket)
deleted = s3.delete_objects(
    Bucket=bucket,
    Delete={"Objects": [{"Key": one["Key"]} for one in listed] + [{"Key": "never-there"}]},
)
assert len(deleted["Deleted"]) == len(listed) + 1 and not deleted.get("Errors"), deleted
assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
s3.delete_bucket(Bucket=bucket)
refused(s3.head_bucket, "404", Bucket=bucket)
