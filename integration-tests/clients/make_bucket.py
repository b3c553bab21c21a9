"""boto3: makes a bucket.

usage: make_bucket.py BUCKET"""

import sys

from connect import client

client().create_bucket(Bucket=sys.argv[1])
