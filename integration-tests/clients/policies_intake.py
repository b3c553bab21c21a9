"""boto3: a tenant's own policies: what arrives is held to them by its head, as it arrives, and before it is kept.

usage: policies_intake.py BUCKET ACCESS_KEY_ID SECRET, the latter of an uploader. Its policy: below `in/`, tagged with
`case`, of type text/plain, with a checksum, at most 6 MiB, never in the place of another."""

import sys

import boto3

from connect import client, noise, read, refused

bucket, key_id, secret = sys.argv[1:4]
owner = client()
kiosk = boto3.client("s3", aws_access_key_id=key_id, aws_secret_access_key=secret)
MIB = 1 << 20
good = {"Bucket": bucket, "ContentType": "text/plain", "Tagging": "case=7"}

owner.create_bucket(Bucket=bucket)
kiosk.put_object(**good, Key="in/a", Body=b"a")
assert read(owner, bucket, "in/a") == b"a"
refused(kiosk.get_object, "AccessDenied", Bucket=bucket, Key="in/a")
for bad in ({"Key": "out/b"}, {"Tagging": "other=7"}, {"ContentType": "text/html"}, {"Body": noise(6 * MIB + 1)}, {"Key": "in/a"}):
    refused(kiosk.put_object, "AccessDenied", **{**good, "Key": "in/b", "Body": b"b", **bad})
assert read(owner, bucket, "in/a") == b"a"


def in_parts(key, *parts):
    upload = kiosk.create_multipart_upload(**good, Key=key, ChecksumAlgorithm="CRC32")["UploadId"]
    named = {"Bucket": bucket, "Key": key, "UploadId": upload}
    sent = [{"PartNumber": number, **{name: value for name, value in
             kiosk.upload_part(**named, PartNumber=number, Body=part, ChecksumAlgorithm="CRC32").items()
             if name in ("ETag", "ChecksumCRC32")}} for number, part in enumerate(parts, 1)]
    return {**named, "MultipartUpload": {"Parts": sent}}


# Each part is small enough; their sum is what is decided about before it is kept.
kiosk.complete_multipart_upload(**in_parts("in/parts", noise(5 * MIB), noise(MIB)))
refused(kiosk.complete_multipart_upload, "AccessDenied", **in_parts("in/sum", noise(5 * MIB), noise(MIB + 1)))
refused(kiosk.create_multipart_upload, "AccessDenied", Bucket=bucket, Key="in/c", ContentType="text/plain")
listed = {found["Key"] for found in owner.list_objects_v2(Bucket=bucket)["Contents"]}
assert listed == {"in/a", "in/parts"}, listed

# The size of a copy is its source's.
owner.put_object(Bucket=bucket, Key="large", Body=noise(6 * MIB + 1))
copying = {"Bucket": bucket, "CopySource": f"{bucket}/large", "ContentType": "text/plain", "Tagging": "case=7",
           "MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE"}
refused(kiosk.copy_object, "AccessDenied", **copying, Key="in/copy")
