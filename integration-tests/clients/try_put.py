"""boto3: tries once to write one object, and prints the code of the error, or `done`.

usage: try_put.py BUCKET KEY"""

import sys

from botocore.exceptions import ClientError
from connect import client

bucket, key = sys.argv[1:]
try:
    client(retries={"total_max_attempts": 1}).put_object(Bucket=bucket, Key=key, Body=b"x" * 1000)
    print("done")
except ClientError as error:
    print(error.response["Error"]["Code"])
