"""boto3: makes one bucket, or deletes it.

usage: one_bucket.py make|delete BUCKET"""

import sys

from connect import client

what, bucket = sys.argv[1:]
do = {"make": client().create_bucket, "delete": client().delete_bucket}[what]
do(Bucket=bucket)
