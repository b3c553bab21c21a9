"""boto3, past the gateway: what somebody may try who has the credentials of the store that the archive lies in.

usage: archive.py spoil BUCKET | plant BUCKET KEY | plain BUCKET | retained BUCKET"""

import datetime
import json
import sys

from connect import client, read, refused

act, bucket = sys.argv[1:3]
s3 = client()

if act == "plain":
    s3.create_bucket(Bucket=bucket)
elif act == "plant":
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    for key in sys.argv[3:]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"not what was recorded\n")
elif act == "retained":
    # What tells that an object is kept until 2040 (locks.py) is kept until then, and what proves it.
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [one["Key"] for page in pages for one in page["Contents"]]
    until = {key: s3.head_object(Bucket=bucket, Key=key)["ObjectLockRetainUntilDate"] for key in keys}
    logs = set()
    for key in keys:
        if "/segments/" not in key:
            continue
        lines = [json.loads(line) for line in read(s3, bucket, key).splitlines()]
        told = [line["detail"]["retain_until"] for line in lines if "retain_until" in line.get("detail", {})]
        times = [datetime.datetime.fromisoformat(time) for time in told]
        assert all(until[key] >= time for time in times), (key, told)
        if any(time.year == 2040 for time in times):
            log, last = key.split("/segments/")[0], int(key.split("-")[-1].removesuffix(".jsonl"))
            logs.add(log)
            assert until[f"{log}/certificate"].year >= 2040
            sizes = [one for one in keys if one.startswith(f"{log}/checkpoint/")]
            after = min(one for one in sizes if int(one.rsplit("/", 1)[1]) > last)
            assert until[after].year >= 2040
        elif not times:
            assert until[key].year < 2040
    assert logs
else:
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    versions = [version for page in pages for version in page.get("Versions", [])]
    assert versions
    for version in versions:
        place = {"Bucket": bucket, "Key": version["Key"], "VersionId": version["VersionId"]}
        head = s3.head_object(**place)
        assert head["ObjectLockMode"] == "COMPLIANCE", head
        days = (head["ObjectLockRetainUntilDate"] - head["LastModified"]).total_seconds() / 86400
        assert days >= (1.9 if "/canary/" in version["Key"] else 30), (version["Key"], days)
        refused(s3.delete_object, "AccessDenied", **place)
        refused(s3.delete_object, "AccessDenied", **place, BypassGovernanceRetention=True)
    # What can be done: to put something over it, to hide it, and to write beside it.
    keys = [version["Key"] for version in versions]
    first = next(key for key in keys if "/segments/" in key)
    s3.put_object(Bucket=bucket, Key=first, Body=b"another story\n")
    hidden = next(key for key in keys if "/checkpoint/" in key)
    s3.delete_object(Bucket=bucket, Key=hidden)
    folder = first.rsplit("/", 1)[0]
    s3.put_object(Bucket=bucket, Key=f"{folder}/{0:020}-{0:020}.jsonl", Body=b"a lie\n")
    checkpoints = hidden.rsplit("/", 1)[0]
    s3.put_object(Bucket=bucket, Key=f"{checkpoints}/{10**12:020}", Body=b"no note\n")
    print(len(keys))
