"""boto3: keys that proxies like to mend. Each must come back as the very bytes it was."""

import re
import sys

from connect import client, noise, read

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)

KEYS = [
    "plain",
    "with space",
    "plus+and%20percent",
    "double//slash",
    "trailing/",
    "dots/../kept",
    "dot/./kept",
    "..hidden",
    "punctuation!-_.*'()&$@=;:,?#[]{}|^~`\"<>\\",
    "Grüße/Zürich",
    "日本語/キー",
    "emoji/😀",
    "nfc/\u00e9",
    "nfd/e\u0301",
    "long/" + "x" * 250 + "/" + "y" * 250,
]
FILE_TREE = "file-tree" in sys.argv[2:]
if FILE_TREE:
    # The store behind keeps objects in a tree of files: it has no empty, `.` or `..` folder names,
    # takes a backslash for a slash and drops the body of `trailing/`.
    KEYS = [key for key in KEYS if not re.search(r"//|/\.|\\|/$", key)]

for key in KEYS:
    s3.put_object(Bucket=bucket, Key=key, Body=noise(100, key), Metadata={"n": "v"})
for key in KEYS:
    assert read(s3, bucket, key) == noise(100, key), key
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == 100, key

pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
listed = [one["Key"] for page in pages for one in page.get("Contents", [])]
assert sorted(listed) == sorted(KEYS), set(listed) ^ set(KEYS)
if not FILE_TREE:
    assert listed == sorted(KEYS, key=str.encode), "not in the order of UTF-8 bytes"

for key in KEYS:
    copied = "copy of " + key
    s3.copy_object(Bucket=bucket, Key=copied, CopySource={"Bucket": bucket, "Key": key})
    assert read(s3, bucket, copied) == noise(100, key), key
    s3.delete_object(Bucket=bucket, Key=key)
left = s3.list_objects_v2(Bucket=bucket)["Contents"]
assert sorted(one["Key"] for one in left) == sorted("copy of " + key for key in KEYS)
