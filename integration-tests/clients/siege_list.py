"""Writes three objects, or lists their bucket and reads what is listed and what was written. Prints what the listing
says, keys and sizes, or null if it was refused; and for each key `exact` or `refused`. Other bytes are an assertion.

usage: siege_list.py BUCKET write|objects|versions"""

import json
import sys

from botocore.exceptions import BotoCoreError, ClientError
from connect import client, noise

bucket, what = sys.argv[1:]
s3 = client(retries={"max_attempts": 0})
WRITTEN = {"a": 10, "b": 70_000, "c": 1000}


def listed():
    try:
        if what == "versions":
            return s3.list_object_versions(Bucket=bucket).get("Versions", [])
        return s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    except (ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return None


def read(key, **version):
    try:
        text = s3.get_object(Bucket=bucket, Key=key, **version)["Body"].read()
        assert text == noise(WRITTEN[key], key), f"{key}: {len(text)} other bytes"
        return "exact"
    except (ClientError, BotoCoreError) as error:
        print(key, error, file=sys.stderr)
        return "refused"


if what == "write":
    s3.create_bucket(Bucket=bucket)
    for key, size in WRITTEN.items():
        s3.put_object(Bucket=bucket, Key=key, Body=noise(size, key))
else:
    found = listed()
    keys = sorted({*WRITTEN, *(one["Key"] for one in found or [])})
    versions = [read(one["Key"], VersionId=one["VersionId"]) for one in found or [] if "VersionId" in one]
    print(json.dumps({"listed": found and [[one["Key"], one["Size"]] for one in found],
                      "read": {key: read(key) for key in keys}, "versions": versions}))
