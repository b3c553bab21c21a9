"""boto3: a bucket with more than a page of keys, some of them uploads in parts, and versions; and each listing of it, page by
page. Prints how many pages a listing took.

usage: listing_cost.py BUCKET ACT"""

import concurrent.futures
import sys

from connect import client, noise

KEYS, PARTS = 1050, 3
bucket, act = sys.argv[1:]
s3 = client()


def in_parts(key):
    upload = {"Bucket": bucket, "Key": key}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    # The last is the only one that may be short.
    parts = [{"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
             for number, body in enumerate([noise(5 << 20)] * (PARTS - 1) + [b"end"], 1)]
    return upload, {"Parts": parts}


def prepare():
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        put = lambda number: s3.put_object(Bucket=bucket, Key=f"key-{number:04}", Body=b"%d" % number)
        list(threads.map(put, range(KEYS - 2)))
    for key in ("parts-1", "parts-2"):
        upload, parts = in_parts(key)
        s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    in_parts("under-way")


def paged(operation, member, count, **arguments):
    pages = list(s3.get_paginator(operation).paginate(Bucket=bucket, **arguments))
    entries = [one for page in pages for one in page[member]]
    assert len(entries) == count, (operation, len(entries))
    if member in ("Contents", "Versions"):
        sizes = {one["Key"]: one["Size"] for one in entries}
        assert (sizes["key-0007"], sizes["parts-1"]) == (1, (PARTS - 1) * (5 << 20) + 3), sizes
    print(len(pages))


def list_parts():
    [upload] = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    paged("list_parts", "Parts", PARTS, Key="under-way", UploadId=upload["UploadId"])


ACTS = {
    "prepare": prepare,
    "objects": lambda: paged("list_objects", "Contents", KEYS),
    "objects-2": lambda: paged("list_objects_v2", "Contents", KEYS),
    "versions": lambda: paged("list_object_versions", "Versions", KEYS),
    "uploads": lambda: paged("list_multipart_uploads", "Uploads", 1),
    "parts": list_parts,
}
ACTS[act]()
