"""Completes an upload twice, as a client does that lost the first answer, and prints the error code of the second."""

import sys

from botocore.exceptions import ClientError
from connect import client, noise

bucket, key = sys.argv[1:]
s3 = client(retries={"max_attempts": 0})
s3.create_bucket(Bucket=bucket)
upload = {"Bucket": bucket, "Key": key}
upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
parts = [{"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=noise(size))["ETag"]}
         for number, size in ((1, 5 * 1024 * 1024), (2, 70_000))]
s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
try:
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    print("completed")
except ClientError as error:
    print(error.response["Error"]["Code"])
