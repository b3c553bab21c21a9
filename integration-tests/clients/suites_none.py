"""boto3: not one object of a bucket is opened, because all are sealed with a suite below the tenant's minimum.

usage: suites_none.py BUCKET"""

import sys

from connect import client, refused

bucket = sys.argv[1]
s3 = client()
listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
assert len(listed) >= 10, listed
for one in listed:
    refused(s3.get_object, "ObjectNotSealed", Bucket=bucket, Key=one["Key"])
print("all refused")
