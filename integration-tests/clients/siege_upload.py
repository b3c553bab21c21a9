"""An upload in parts to a hostile store: prints `refused` if any step or the read after it failed, and `exact` if
the object reads back as it was sent. Any other bytes, or a clean end before them, are an assertion.

Steps: a second upload of the same key that is left open, a first part sent twice, a last part under 5 MiB sent
twice, ETags taken from the answers (`answers`) or from ListParts (`listed`)."""

import sys

from botocore.exceptions import BotoCoreError, ClientError
from connect import client, noise

bucket, key, source = sys.argv[1:]
s3 = client(retries={"max_attempts": 0})
MIB = 1024 * 1024
place = {"Bucket": bucket, "Key": key}
if bucket not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
    s3.create_bucket(Bucket=bucket)
FIRST, LAST = noise(5 * MIB + 3, "first"), noise(70_000, "last")


def begin():
    return {**place, "UploadId": s3.create_multipart_upload(**place)["UploadId"]}


def send(upload, number, body):
    return {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}


def upload():
    left_open = begin()
    send(left_open, 1, noise(5 * MIB + 3, "other upload"))
    ours = begin()
    send(ours, 1, noise(5 * MIB + 3, "earlier first"))
    send(ours, 2, noise(70_000, "earlier last"))
    parts = [send(ours, 1, FIRST), send(ours, 2, LAST)]
    if source == "listed":
        listed = s3.list_parts(**ours).get("Parts", [])
        parts = [{"PartNumber": one["PartNumber"], "ETag": one["ETag"]} for one in listed]
    s3.complete_multipart_upload(**ours, MultipartUpload={"Parts": parts})


try:
    upload()
    body = s3.get_object(**place)["Body"]
    text = body.read()
    assert text == FIRST + LAST, f"{len(text)} other bytes"
    print("exact")
except (ClientError, BotoCoreError) as error:
    print("refused", error, file=sys.stderr)
    print("refused")
