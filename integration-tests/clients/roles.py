"""boto3: what one principal may do with one object of its own tenant, and what not.

usage: roles.py BUCKET KEY [may-read] [may-write]
The object is there already and holds `held`; writes go to keys beside it."""

import sys

from connect import client, read, refused

bucket, key, *may = sys.argv[1:]
s3 = client()
if "may-read" in may:
    assert read(s3, bucket, key) == b"held"
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] >= 1
else:
    refused(s3.get_object, "AccessDenied", Bucket=bucket, Key=key)
    refused(s3.head_object, "403", Bucket=bucket, Key=key)
if "may-write" in may:
    s3.put_object(Bucket=bucket, Key=f"by-{'-'.join(may)}", Body=b"written")
else:
    refused(s3.put_object, "AccessDenied", Bucket=bucket, Key=key, Body=b"changed")
    refused(s3.delete_object, "AccessDenied", Bucket=bucket, Key=key)
refused(s3.delete_bucket, "AccessDenied", Bucket=bucket)
