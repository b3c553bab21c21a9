"""boto3: versions and delete markers: every view of a version has its own plaintext size and ETag."""

import sys

from connect import client, noise, read, refused
from raw import send

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
first = noise(100)
plain = s3.put_object(Bucket=bucket, Key="k", Body=first)
assert "VersionId" not in plain, plain


def versioning(status):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status


refused(s3.put_bucket_versioning, "MalformedXML", Bucket=bucket, VersioningConfiguration={"MFADelete": "Disabled"})
versioning("Enabled")
bodies = [noise(70_000 + size, f"{size}") for size in range(3)]
puts = [s3.put_object(Bucket=bucket, Key="k", Body=body, Metadata={"n": str(number)})
        for number, body in enumerate(bodies)]
ids = [put["VersionId"] for put in puts]
assert len(set(ids)) == 3, ids

listed = s3.list_object_versions(Bucket=bucket)["Versions"]
assert [one["VersionId"] for one in listed] == [*reversed(ids), "null"], listed
assert [one["Size"] for one in listed] == [70_002, 70_001, 70_000, 100], listed
assert [one["IsLatest"] for one in listed] == [True, False, False, False], listed
for put, one in zip(puts, reversed(listed[:3])):
    seen = s3.head_object(Bucket=bucket, Key="k", VersionId=put["VersionId"])
    assert seen["ETag"] == put["ETag"] == one["ETag"], (seen, put, one)
    assert seen["ContentLength"] == one["Size"], (seen, one)
for number, body in enumerate(bodies):
    seen = s3.get_object(Bucket=bucket, Key="k", VersionId=ids[number])
    assert seen["Body"].read() == body and seen["Metadata"] == {"n": str(number)}, seen
    assert read(s3, bucket, "k", VersionId=ids[number], Range="bytes=69000-69009") == body[69_000:69_010]
assert read(s3, bucket, "k", VersionId="null") == first

# A delete marker hides the object, its versions stay, and it goes like a version.
gone = s3.delete_object(Bucket=bucket, Key="k")
assert gone["DeleteMarker"] and gone["VersionId"] not in ids, gone
refused(s3.get_object, "NoSuchKey", Bucket=bucket, Key="k")
assert read(s3, bucket, "k", VersionId=ids[1]) == bodies[1]
if "file-tree" not in sys.argv:
    # SeaweedFS does not tell a delete marker from what never was.
    refused(s3.copy_object, "InvalidRequest", Bucket=bucket, Key="copy", CopySource={
        "Bucket": bucket, "Key": "k", "VersionId": gone["VersionId"]})
status, _, answer = send("DELETE", f"/{bucket}/k", query="versionId=")
assert status == 400 and b"<Code>InvalidArgument</Code>" in answer, (status, answer)
markers = s3.list_object_versions(Bucket=bucket)["DeleteMarkers"]
assert [one["VersionId"] for one in markers] == [gone["VersionId"]] and markers[0]["IsLatest"], markers
s3.delete_object(Bucket=bucket, Key="k", VersionId=gone["VersionId"])
assert read(s3, bucket, "k") == bodies[2]

# A version is copied by its id, onto its own key too: that brings it back.
source = {"Bucket": bucket, "Key": "k", "VersionId": ids[0]}
copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
assert copied["CopySourceVersionId"] == ids[0], copied
assert read(s3, bucket, "copy") == bodies[0]
s3.copy_object(Bucket=bucket, Key="k", CopySource=source)
assert read(s3, bucket, "k") == bodies[0]

# An upload in parts makes a version too.
upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=first)
done = s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={
    "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
assert read(s3, bucket, "parts", VersionId=done["VersionId"]) == first

versioning("Suspended")
# The version is `null`, which only reads say (Amazon S3 API Reference, PutObject, "Versioning suspended").
answers = [s3.put_object(Bucket=bucket, Key="k", Body=b"unversioned"),
           s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")]
upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=first)
answers.append(s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={
    "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}))
assert not any("VersionId" in answer for answer in answers), answers
for key in ("k", "copy", "parts"):
    assert s3.head_object(Bucket=bucket, Key=key)["VersionId"] == "null", key
    assert s3.get_object(Bucket=bucket, Key=key)["VersionId"] == "null", key
assert read(s3, bucket, "k", VersionId="null") == b"unversioned"
assert read(s3, bucket, "k", VersionId=ids[2]) == bodies[2]

# Many at once, by version: what is named goes, and only that.
answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [
    {"Key": "k", "VersionId": ids[0]}, {"Key": "k", "VersionId": ids[1]}, {"Key": "none"}]})
assert "Errors" not in answer and len(answer["Deleted"]) == 3, answer
left = s3.list_object_versions(Bucket=bucket, Prefix="k")["Versions"]
assert ids[2] in [one["VersionId"] for one in left], left
assert not {ids[0], ids[1]} & {one["VersionId"] for one in left}, left
