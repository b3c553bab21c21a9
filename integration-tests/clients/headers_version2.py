"""boto3 told to sign with Signature Version 2, as clients of old do: `verified` where the gateway is told to, and
`refused` with a hint everywhere else."""

import sys

from connect import client, noise, read, refused

bucket, expected = sys.argv[1:]
s3 = client(signature_version="s3")
if expected == "refused":
    answer = refused(s3.create_bucket, "InvalidRequest", Bucket=bucket)
    assert "AWS4-HMAC-SHA256" in answer["Error"]["Message"], answer
    sys.exit()

body = noise(100_000)
s3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="a b/é+&=?", Body=body, Metadata={"a": "1", "b": "two words"}, ContentType="x/y")
assert read(s3, bucket, "a b/é+&=?") == body
assert s3.head_object(Bucket=bucket, Key="a b/é+&=?")["Metadata"] == {"a": "1", "b": "two words"}
upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=body)
parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
assert read(s3, bucket, "parts", ResponseContentType="text/plain") == body
keys = [{"Key": found["Key"]} for found in s3.list_objects(Bucket=bucket, Prefix="")["Contents"]]
assert len(keys) == 2, keys
s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
s3.delete_bucket(Bucket=bucket)
# Last, because the clients of a session share their credentials.
s3._request_signer._credentials.secret_key = "not the secret at all"
refused(s3.list_buckets, "SignatureDoesNotMatch")
