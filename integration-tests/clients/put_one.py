"""boto3: writes one object, and prints the id of the key that it was sealed under.

usage: put_one.py BUCKET KEY"""

import sys

from connect import client

bucket, key = sys.argv[1:]
print(client().put_object(Bucket=bucket, Key=key, Body=b"x" * 1000)["SSEKMSKeyId"])
