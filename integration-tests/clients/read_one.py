"""boto3: reads one object, and prints its length or the code of the error.

usage: read_one.py BUCKET KEY"""

import sys

from botocore.exceptions import ClientError
from connect import client

bucket, key = sys.argv[1:]
try:
    print(len(client().get_object(Bucket=bucket, Key=key)["Body"].read()))
except ClientError as error:
    print(error.response["Error"]["Code"])
