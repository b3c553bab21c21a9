"""Puts the objects that the hostile store plays with, keeps their plaintext in a directory, and prints for each
its key, presigned URLs for GET and HEAD, and the lengths of its parts."""

import json
import sys
from pathlib import Path

from connect import client, noise

bucket, prefix, seed, directory = sys.argv[1:]
s3 = client(signature_version="s3v4")
MIB = 1024 * 1024
told = {"Metadata": {"seed": seed}, "ContentType": "text/x-siege"}


def multipart(key, lengths, pieces):
    upload = {"Bucket": bucket, "Key": key}
    upload["UploadId"] = s3.create_multipart_upload(**upload, **told)["UploadId"]
    # An earlier upload of part 1, for the store to bring up again.
    s3.upload_part(**upload, PartNumber=1, Body=noise(lengths[0], f"{seed}/earlier"))
    parts = [{"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=piece)["ETag"]}
             for number, piece in enumerate(pieces, 1)]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


if bucket not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
    s3.create_bucket(Bucket=bucket)
objects = []
for shape, lengths in (("small", [1000]), ("large", [200_001]), ("parts", [5 * MIB, 123_456])):
    key = prefix + shape
    pieces = [noise(length, f"{bucket}/{key}/{seed}/{number}") for number, length in enumerate(lengths)]
    if len(pieces) > 1:
        multipart(key, lengths, pieces)
    else:
        s3.put_object(Bucket=bucket, Key=key, Body=pieces[0], **told)
    place = {"Params": {"Bucket": bucket, "Key": key}, "ExpiresIn": 6 * 3600}
    Path(directory, key).write_bytes(b"".join(pieces))
    objects.append({"key": key, "parts": lengths, "get": s3.generate_presigned_url("get_object", **place),
                    "head": s3.generate_presigned_url("head_object", **place)})
print(json.dumps(objects))
