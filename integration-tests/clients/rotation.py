"""boto3, writing and reading while keys are rotated below it. Ends when a file is there; any error ends it with one.

usage: rotation.py BUCKET WRITER STOP-FILE"""

import os
import random
import sys

from connect import client, noise

bucket, writer, stop = sys.argv[1:]
s3 = client()
written, keks = {}, set()
while not os.path.exists(stop):
    number = len(written)
    key, body = f"{writer}/{number}", noise(1000 + number, f"{writer}{number}")
    put = s3.put_object(Bucket=bucket, Key=key, Body=body)
    keks.add(put["SSEKMSKeyId"])
    written[key] = body
    for key in random.sample(sorted(written), min(4, len(written))):
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == written[key], key
for key, body in written.items():
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body, key
print(len(written), len(keks))
