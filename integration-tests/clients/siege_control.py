"""Writes an object, or reads it again and prints `exact` or `refused`; other bytes are an assertion, and so is an
object of the other tenant, which is called `theirs`."""

import sys

from botocore.exceptions import BotoCoreError, ClientError
from connect import client, noise

bucket, what = sys.argv[1:]
s3 = client(retries={"max_attempts": 0})
TEXT = noise(100_000, "control")
if what == "write":
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="object", Body=TEXT)
else:
    try:
        theirs = s3.get_object(Bucket=bucket, Key="theirs")["Body"].read()
        raise AssertionError(f"the other tenant's object was served: {theirs}")
    except (ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
    try:
        text = s3.get_object(Bucket=bucket, Key="object")["Body"].read()
        assert text == TEXT, f"{len(text)} other bytes"
        print("exact")
    except (ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        print("refused")
