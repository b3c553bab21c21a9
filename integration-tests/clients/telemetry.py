"""boto3: a known number of requests of a known size, for the gateway's numbers to follow.

usage: telemetry.py BUCKET BYTES"""

import sys

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from connect import client, noise, read, refused

bucket, size = sys.argv[1], int(sys.argv[2])
s3 = client()
s3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="a key", Body=noise(size))
assert read(s3, bucket, "a key") == noise(size)
refused(s3.get_object, "NoSuchKey", Bucket=bucket, Key="no key")
nobody = boto3.client("s3", config=Config(signature_version=UNSIGNED))
refused(nobody.get_object, "AccessDenied", Bucket=bucket, Key="a key")
