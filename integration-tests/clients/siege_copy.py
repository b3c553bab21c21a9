"""Copies an object of a hostile store, as an object and as a part, and reads the copies. Prints a word for each:
`refused` if copying or reading failed, `exact` if the copy is what the file has. Other bytes are an assertion."""

import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from connect import client

bucket, key, plaintext = sys.argv[1:]
s3 = client(retries={"max_attempts": 0})
source = {"Bucket": bucket, "Key": key}


def as_object(copy):
    s3.copy_object(**copy, CopySource=source)


def as_part(copy):
    upload = {**copy, "UploadId": s3.create_multipart_upload(**copy)["UploadId"]}
    part = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)["CopyPartResult"]
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


for name, way in (("as-object", as_object), ("as-part", as_part)):
    copy = {"Bucket": bucket, "Key": f"copies/{name}"}
    s3.delete_object(**copy)
    try:
        way(copy)
        text = s3.get_object(**copy)["Body"].read()
        assert text == Path(plaintext).read_bytes(), f"{name}: {len(text)} other bytes"
        print("exact")
    except (ClientError, BotoCoreError) as error:
        print(name, error, file=sys.stderr)
        print("refused")
