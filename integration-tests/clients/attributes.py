"""boto3: reading by part number, and an object's attributes, of single uploads, of parts, and of versions."""

import sys

import sums
from connect import client, noise, refused
from raw import send

bucket = sys.argv[1]
file_tree = "file-tree" in sys.argv
s3 = client()
s3.create_bucket(Bucket=bucket)
MIB = 1024 * 1024
ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]

# A single upload is its own one part.
body = noise(100_000, "single")
put = s3.put_object(Bucket=bucket, Key="single", Body=body)
single = {"Bucket": bucket, "Key": "single"}
for view in (s3.head_object, s3.get_object):
    seen = view(**single, PartNumber=1)
    assert seen["ResponseMetadata"]["HTTPStatusCode"] == 206 and "PartsCount" not in seen, seen
    assert (seen["ContentLength"], seen["ETag"]) == (len(body), put["ETag"]), seen
    assert seen["ContentRange"] == f"bytes 0-{len(body) - 1}/{len(body)}", seen
assert s3.get_object(**single, PartNumber=1)["Body"].read() == body
refused(s3.get_object, "InvalidPart", **single, PartNumber=2)
refused(s3.head_object, "400", **single, PartNumber=2)
refused(s3.get_object, "InvalidRequest", **single, PartNumber=1, Range="bytes=0-1")
refused(s3.get_object, "InvalidArgument", **single, PartNumber=0)
told = s3.get_object_attributes(**single, ObjectAttributes=ALL)
assert told["ETag"] == put["ETag"].strip('"') and "ObjectParts" not in told, told
assert (told["ObjectSize"], told["StorageClass"]) == (len(body), "STANDARD"), told
assert told["Checksum"] == {"ChecksumCRC32": sums.of("CRC32", body), "ChecksumType": "FULL_OBJECT"}, told
assert told["LastModified"] == s3.head_object(**single)["LastModified"], told
only = s3.get_object_attributes(**single, ObjectAttributes=["ObjectSize"])
assert set(only) - {"ResponseMetadata", "LastModified", "VersionId"} == {"ObjectSize"}, only

s3.put_object(Bucket=bucket, Key="empty", Body=b"")
seen = s3.get_object(Bucket=bucket, Key="empty", PartNumber=1)
assert (seen["ContentLength"], seen["Body"].read()) == (0, b""), seen
told = s3.get_object_attributes(Bucket=bucket, Key="empty", ObjectAttributes=ALL)
assert told["ObjectSize"] == 0 and told["Checksum"]["ChecksumCRC32"] == "AAAAAA==", told

# Parts of different lengths, with a gap in their numbers; pages of them.
parts = {2: noise(5 * MIB, "2"), 3: noise(5 * MIB + 12_345, "3"), 9: noise(10, "9")}
upload = {"Bucket": bucket, "Key": "parts"}
upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
refused(s3.get_object, "NoSuchKey", Bucket=bucket, Key="parts", PartNumber=2)
sent = [{"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=part)["ETag"]}
        for number, part in parts.items()]
done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": sent})
for number, part in parts.items():
    for _ in range(2):
        seen = s3.get_object(Bucket=bucket, Key="parts", PartNumber=number)
        assert (seen["PartsCount"], seen["ETag"]) == (3, done["ETag"]), seen
        assert seen["Body"].read() == part, number
refused(s3.get_object, "InvalidPart", Bucket=bucket, Key="parts", PartNumber=1)
refused(s3.get_object, "PreconditionFailed", Bucket=bucket, Key="parts", PartNumber=2, IfMatch='"other"')
told = s3.get_object_attributes(Bucket=bucket, Key="parts", ObjectAttributes=ALL)
assert told["ObjectSize"] == sum(map(len, parts.values())), told
assert told["ETag"] == done["ETag"].strip('"'), told
page = s3.get_object_attributes(Bucket=bucket, Key="parts", ObjectAttributes=["ObjectParts"], MaxParts=1,
                                PartNumberMarker=2)["ObjectParts"]
assert [(one["PartNumber"], one["Size"]) for one in page["Parts"]] == [(3, len(parts[3]))], page
assert (page["TotalPartsCount"], page["MaxParts"], page["IsTruncated"]) == (3, 1, True), page
assert (page["PartNumberMarker"], page["NextPartNumberMarker"]) == (2, 3), page
last = s3.get_object_attributes(Bucket=bucket, Key="parts", ObjectAttributes=["ObjectParts"], PartNumberMarker=3)
assert [one["PartNumber"] for one in last["ObjectParts"]["Parts"]] == [9], last
assert last["ObjectParts"]["IsTruncated"] is False, last

# What is asked wrongly, or of what is not there.
for header, code in (({"x-amz-object-attributes": "ETag,Colour"}, "InvalidArgument"), ({}, "InvalidRequest"),
                     ({"x-amz-object-attributes": ""}, "InvalidRequest")):
    status, _, answer = send("GET", f"/{bucket}/single", header, query="attributes=")
    assert status == 400 and f"<Code>{code}</Code>".encode() in answer, (header, status, answer)
refused(s3.get_object_attributes, "NoSuchKey", Bucket=bucket, Key="none", ObjectAttributes=ALL)
