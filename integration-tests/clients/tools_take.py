"""Writes objects through the gateway and takes them out of the store as an administrator would: stored bytes, the
head that aws-cli would print, the plaintext, and a copy of the system bucket.

usage: tools_take.py BUCKET DIRECTORY PREFIX STORE_ENDPOINT STORE_KEY STORE_SECRET"""

import json
import sys
from pathlib import Path

import boto3
from connect import client, noise

bucket, directory, prefix, endpoint, access_key, secret_key = sys.argv[1:]
MIB = 1024 * 1024
gateway = client()
store = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=access_key, aws_secret_access_key=secret_key)
out = Path(directory)


def write_objects():
    gateway.create_bucket(Bucket=bucket)
    written = {"empty": b"", "one frame": noise(65_536, "one"), "frames": noise(200_001, "frames")}
    for key, plain in written.items():
        gateway.put_object(Bucket=bucket, Key=key, Body=plain)
    # More than fits beside the header, so that the sealed metadata continues in Cache-Control.
    written["räksmörgås/told"] = noise(1000, "told")
    gateway.put_object(Bucket=bucket, Key="räksmörgås/told", Body=written["räksmörgås/told"],
                       Metadata={"author": "Ada", "note": "n" * 1500}, ContentType="text/x-told")
    upload = {"Bucket": bucket, "Key": "parts"}
    upload["UploadId"] = gateway.create_multipart_upload(**upload)["UploadId"]
    pieces = [noise(5 * MIB, "part 1"), noise(5 * MIB + 1, "part 2"), noise(70_000, "part 3")]
    parts = [{"PartNumber": number, "ETag": gateway.upload_part(**upload, PartNumber=number, Body=piece)["ETag"]}
             for number, piece in enumerate(pieces, 1)]
    gateway.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    written["parts"] = b"".join(pieces)
    return written


def take(name, key, plain):
    answer = store.get_object(Bucket=f"{prefix}demo-{bucket}", Key=key)
    (out / f"{name}.stored").write_bytes(answer["Body"].read())
    (out / f"{name}.plain").write_bytes(plain)
    head = {field: answer[field] for field in ("ContentLength", "ETag", "CacheControl", "Metadata") if field in answer}
    (out / f"{name}.json").write_text(json.dumps(head))


for key, plain in write_objects().items():
    take(key.replace(" ", "-").split("/")[-1], key, plain)
for page in store.get_paginator("list_objects_v2").paginate(Bucket=f"{prefix}system"):
    for one in page.get("Contents", []):
        path = out / "system-bucket" / one["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.get_object(Bucket=f"{prefix}system", Key=one["Key"])["Body"].read())
