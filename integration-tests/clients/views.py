"""boto3: size and ETag of an object are the same wherever they are shown, and never pass for an MD5."""

import re
import sys

from connect import client, noise

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)

etags, sizes = {}, {}
for size in (0, 10, 65536, 200_000, 6_000_000):
    key = f"put-{size}"
    etags[key] = s3.put_object(Bucket=bucket, Key=key, Body=noise(size))["ETag"]
    sizes[key] = size

upload = {"Bucket": bucket, "Key": "multi"}
upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
parts = []
for number, size in enumerate((5_300_001, 5_242_880, 12), 1):
    part = s3.upload_part(**upload, PartNumber=number, Body=noise(size))
    parts.append({"PartNumber": number, "ETag": part["ETag"]})
done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
etags["multi"], sizes["multi"] = done["ETag"], 5_300_001 + 5_242_880 + 12

copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "put-200000"})
etags["copy"], sizes["copy"] = copied["CopyObjectResult"]["ETag"], 200_000

listings = [s3.list_objects(Bucket=bucket), s3.list_objects_v2(Bucket=bucket)]
for listing in listings:
    assert {one["Key"]: one["Size"] for one in listing["Contents"]} == sizes, listing["Contents"]
    assert {one["Key"]: one["ETag"] for one in listing["Contents"]} == etags, (listing, etags)
for key, etag in etags.items():
    assert re.fullmatch(r'"[^"]+"', etag), f"{etag} is not in quotes"
    # rclone and s3cmd take 32 hexadecimal digits for the MD5 of the content, which it is not.
    assert not re.fullmatch(r'"[0-9a-f]{32}"', etag), f"{key}: {etag} passes for an MD5"
    for view in (s3.head_object, s3.get_object):
        seen = view(Bucket=bucket, Key=key)
        assert (seen["ETag"], seen["ContentLength"]) == (etag, sizes[key]), (key, view.__name__)
        assert seen["ServerSideEncryption"] == "aws:kms", (key, view.__name__)
    part = s3.get_object(Bucket=bucket, Key=key, Range="bytes=0-3") if sizes[key] else seen
    assert part["ETag"] == etag, key
