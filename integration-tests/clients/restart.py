"""boto3, in steps around a restart of the gateway. The steps share nothing but S3.

usage: restart.py before|after BUCKET"""

import sys

from connect import client, noise, read

step, bucket = sys.argv[1:]
s3 = client()
MIB = 1024 * 1024
if step == "before":
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="earlier", Body=noise(700_000), Metadata={"kept": "yes"})
    upload = {"Bucket": bucket, "Key": "resumed"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    s3.upload_part(**upload, PartNumber=1, Body=noise(5 * MIB + 5, "one"))
else:
    listed = {one["Key"]: one["Size"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert listed == {"earlier": 700_000}, f"half an object is listed: {listed}"
    seen = s3.get_object(Bucket=bucket, Key="earlier")
    assert seen["Body"].read() == noise(700_000) and seen["Metadata"] == {"kept": "yes"}, seen
    # An upload outlives the gateway, and all that is needed to complete it is in its listing.
    found = [one for one in s3.list_multipart_uploads(Bucket=bucket)["Uploads"] if one["Key"] == "resumed"]
    upload = {"Bucket": bucket, "Key": "resumed", "UploadId": found[0]["UploadId"]}
    s3.upload_part(**upload, PartNumber=2, Body=noise(99, "two"))
    parts = [{"PartNumber": one["PartNumber"], "ETag": one["ETag"]}
             for one in s3.list_parts(**upload)["Parts"]]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert read(s3, bucket, "resumed") == noise(5 * MIB + 5, "one") + noise(99, "two")
    # The key whose upload was cut can be written.
    s3.put_object(Bucket=bucket, Key="cut", Body=b"whole")
    assert read(s3, bucket, "cut") == b"whole"
