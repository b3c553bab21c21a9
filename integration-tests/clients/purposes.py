"""boto3: says for what purpose it asks, as a code and then as what is no code; prints the id of the key that its objects are
sealed under.

usage: purposes.py BUCKET"""

import sys

from connect import client, noise, read, refused

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)


def states(purpose):
    def add(request, **_):
        request.headers["x-sealgate-purpose"] = purpose

    stating = client()
    stating.meta.events.register("before-sign.s3", add)
    return stating


treating = states("treat")
told = {treating.put_object(Bucket=bucket, Key="chart", Body=noise(1000))["SSEKMSKeyId"]}
assert read(treating, bucket, "chart") == noise(1000)
told.add(treating.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/chart")["SSEKMSKeyId"])
upload = treating.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
part = treating.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=noise(2000))["ETag"]
done = {"Parts": [{"PartNumber": 1, "ETag": part}]}
told.add(treating.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=done)["SSEKMSKeyId"])
refused(states("to see her chart").get_object, "InvalidArgument", Bucket=bucket, Key="chart")
(key,) = told
print(key)
