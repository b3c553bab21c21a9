"""Buckets that choose otherwise while nothing can be recorded: `before` makes them, `without` asks while the journal is away.

usage: going_on.py before|without"""

import sys

from connect import client, read, refused

STEP = sys.argv[1]
s3 = client(retries={"total_max_attempts": 1})
BUCKETS = ("strict", "reads-go-on", "all-goes-on")

if STEP == "before":
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="kept", Body=b"kept")
else:
    for bucket in BUCKETS[1:]:
        assert read(s3, bucket, "kept") == b"kept"
    refused(s3.get_object, "AuditUnavailable", Bucket="strict", Key="kept")
    for bucket in BUCKETS[:2]:
        refused(s3.put_object, "AuditUnavailable", Bucket=bucket, Key="late", Body=b"late")
    s3.put_object(Bucket="all-goes-on", Key="late", Body=b"late")
    assert read(s3, "all-goes-on", "late") == b"late"
