"""boto3: a few objects for jobs to meet, and what clients do to them meanwhile.

usage: job_races.py STEP BUCKET [ARGUMENT...]
       make [KEY...]     makes the bucket, and small objects in it
       parts KEY         an object of two parts, with metadata
       tag KEY VALUE     tags it anew
       tagged KEY VALUE  its only tag has this value
       locks [KEY...]    makes a bucket with object lock, and objects in it that are held
       hold KEY STATE    switches the legal hold of its last version but one ON or OFF
       held KEY STATE    so its legal hold is, and its retention is none
       rule              retains from now on what is written to the bucket
       read [KEY...]     they are as they were made"""

import sys

from connect import client, noise, refused

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
elif step == "locks":
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    for key in rest:
        s3.put_object(Bucket=bucket, Key=key, Body=noise(70_000, key), Metadata={"made": "first"},
                      ObjectLockLegalHoldStatus="ON")
elif step == "hold":
    before = s3.list_object_versions(Bucket=bucket, Prefix=rest[0])["Versions"][1]["VersionId"]
    s3.put_object_legal_hold(Bucket=bucket, Key=rest[0], VersionId=before, LegalHold={"Status": rest[1]})
elif step == "held":
    held = s3.get_object_legal_hold(Bucket=bucket, Key=rest[0])["LegalHold"]
    assert held == {"Status": rest[1]}, held
    refused(s3.get_object_retention, "NoSuchObjectLockConfiguration", Bucket=bucket, Key=rest[0])
elif step == "rule":
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    s3.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
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
