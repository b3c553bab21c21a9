"""boto3: a few objects for jobs to meet, and what clients do to them meanwhile.

usage: job_races.py STEP BUCKET [ARGUMENT...]
       make [KEY...]     makes the bucket, and small objects in it
       parts KEY         an object of two parts, with metadata
       tag KEY VALUE     tags it anew
       tagged KEY VALUE  its only tag has this value
       read [KEY...]     they are as they were made"""

import sys

from connect import client, noise

step, bucket, *rest = sys.argv[1:]
s3 = client()
MIB = 1024 * 1024
PARTS = [noise(5 * MIB, "1"), noise(1000, "2")]

if step == "make":
    s3.create_bucket(Bucket=bucket)
    for key in rest:
        s3.put_object(Bucket=bucket, Key=key, Body=noise(70_000, key), Metadata={"made": "first"})
elif step == "parts":
    upload = {"Bucket": bucket, "Key": rest[0]}
    upload["UploadId"] = s3.create_multipart_upload(**upload, Metadata={"made": "first"}, Tagging="t=first")["UploadId"]
    tags = [s3.upload_part(**upload, PartNumber=n, Body=part)["ETag"] for n, part in enumerate(PARTS, 1)]
    parts = [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
elif step == "tag":
    tags = {"TagSet": [{"Key": "t", "Value": rest[1]}]}
    s3.put_object_tagging(Bucket=bucket, Key=rest[0], Tagging=tags)
elif step == "tagged":
    tags = s3.get_object_tagging(Bucket=bucket, Key=rest[0])["TagSet"]
    assert tags == [{"Key": "t", "Value": rest[1]}], tags
else:
    for key in rest:
        got = s3.get_object(Bucket=bucket, Key=key)
        assert got["Metadata"] == {"made": "first"}, got
        body = got["Body"].read()
        assert body == (b"".join(PARTS) if key.startswith("parts") else noise(70_000, key)), key
