"""boto3, past the gateway: a canary put plainly into the store, so that a search can find it.

usage: canary_control.py BUCKET CANARY_IN_BODY CANARY_IN_METADATA"""

import sys

from canary_put import framed
from connect import client

bucket, in_body, in_metadata = sys.argv[1:]
s3 = client()
s3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="plain", Body=framed(in_body), Metadata={"word": in_metadata},
              ContentType="application/octet-stream")
