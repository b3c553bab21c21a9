"""boto3: a bucket of 10 000 objects, page after page, whole and by folders, and deleted a thousand at a time."""

import sys
from concurrent.futures import ThreadPoolExecutor

from connect import client

bucket = sys.argv[1]
s3 = client(max_pool_connections=32)
s3.create_bucket(Bucket=bucket)
keys = [f"folder {number // 100:02}/{number:05}" for number in range(10_000)]
with ThreadPoolExecutor(32) as pool:
    list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=key.encode()), keys))


def pages(operation, **arguments):
    return s3.get_paginator(operation).paginate(Bucket=bucket, **arguments)


for operation, entries in (("list_objects", "Contents"), ("list_objects_v2", "Contents"), ("list_object_versions", "Versions")):
    seen = [page.get(entries, []) for page in pages(operation)]
    assert [len(page) for page in seen] == [1000] * 10, (operation, [len(page) for page in seen])
    found = [(one["Key"], one["Size"]) for page in seen for one in page]
    assert found == [(key, len(key)) for key in keys], operation
# 100 folders in pages of 7, each folder once, and nothing but folders.
folders = [page for page in pages("list_objects_v2", Delimiter="/", PaginationConfig={"PageSize": 7})]
assert [one["Prefix"] for page in folders for one in page["CommonPrefixes"]] == [f"folder {number:02}/" for number in range(100)]
assert not any("Contents" in page for page in folders)
for page in pages("list_objects_v2"):
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": one["Key"]} for one in page["Contents"]]})
    assert len(gone["Deleted"]) == 1000 and "Errors" not in gone, gone
assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
s3.delete_bucket(Bucket=bucket)
