"""boto3: listings v1 and v2 page by page, against a sorted list of what was put."""

import sys

from connect import client, refused
from raw import send

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
keys = sorted([f"{folder}/{name:02}" for folder in ("a", "b", "b-", "c/d") for name in range(9)]
              + ["a", "b.txt", "ü"], key=str.encode)
ordered = list
if "file-tree" in sys.argv[2:]:
    # A store that keeps objects in a tree of files lists `b/` before `b-/`, and counts `a` and `a/` as
    # one entry of a page. Its pages must be complete all the same.
    ordered = sorted
    keys.remove("a")
for number, key in enumerate(keys):
    s3.put_object(Bucket=bucket, Key=key, Body=b"x" * number)
sizes = {key: number for number, key in enumerate(keys)}


def model(prefix="", delimiter=None, after=""):
    """S3's rule: keys by prefix, those with the delimiter after it rolled up to common prefixes."""
    objects, rolled = [], []
    for key in keys:
        if key.startswith(prefix) and key.encode() > after.encode():
            head, found, _ = key[len(prefix):].partition(delimiter) if delimiter else (key, "", "")
            if found and prefix + head + found not in rolled:
                rolled.append(prefix + head + found)
            if not found:
                objects.append(key)
    return ordered(objects), ordered(rolled)


def walk(operation, page_size, **arguments):
    objects, rolled = [], []
    pages = s3.get_paginator(operation).paginate(
        Bucket=bucket, PaginationConfig={"PageSize": page_size}, **arguments)
    for page in pages:
        found = page.get("Contents", []), page.get("CommonPrefixes", [])
        assert len(found[0]) + len(found[1]) <= page_size, page
        objects += [(one["Key"], one["Size"]) for one in found[0]]
        rolled += [one["Prefix"] for one in found[1]]
    assert all(sizes[key] == size for key, size in objects), objects
    return ordered(key for key, _ in objects), ordered(rolled)


for operation in ("list_objects", "list_objects_v2"):
    for page_size in (1, 7, 1000):
        assert walk(operation, page_size) == model(), (operation, page_size)
        assert walk(operation, page_size, Delimiter="/") == model(delimiter="/"), operation
        assert walk(operation, page_size, Prefix="b", Delimiter="/") == model("b", "/"), operation
        assert walk(operation, page_size, Prefix="c/", Delimiter="/") == model("c/", "/"), operation
        assert walk(operation, page_size, Prefix="none/") == ([], []), operation
assert walk("list_objects_v2", 5, StartAfter="c/d/03") == model(after="c/d/03")

page = s3.list_objects_v2(Bucket=bucket, MaxKeys=4)
assert page["KeyCount"] == 4 and page["IsTruncated"] and page["NextContinuationToken"]

# What Amazon S3 refuses is refused before the store is asked.
refused(s3.list_objects_v2, "InvalidArgument", Bucket=bucket, EncodingType="base64")
refused(s3.list_object_versions, "InvalidArgument", Bucket=bucket, VersionIdMarker="v")
for query in ("max-keys=-1", "max-keys=many", "max-uploads=many&uploads="):
    status, _, answer = send("GET", f"/{bucket}", query=query)
    assert status == 400 and b"<Code>InvalidArgument</Code>" in answer and b"</HostId>" in answer, (query, status, answer)
