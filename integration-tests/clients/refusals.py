"""boto3: who is not known, or signs wrongly, learns which of the two and nothing else."""

import os
import sys

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from connect import client, read, refused

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="private", Body=b"mine")
KNOWN, SECRET = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]


def by(access_key_id, secret):
    return boto3.client("s3", aws_access_key_id=access_key_id, aws_secret_access_key=secret)


cases = [
    (by(KNOWN, SECRET[:-1] + "_"), "SignatureDoesNotMatch"),
    (by("NOSUCHACCESSKEY", SECRET), "InvalidAccessKeyId"),
    (boto3.client("s3", config=Config(signature_version=UNSIGNED)), "AccessDenied"),
]
for somebody, code in cases:
    for call, arguments in [
        (somebody.get_object, {"Key": "private"}),
        (somebody.put_object, {"Key": "private", "Body": b"changed"}),
        (somebody.delete_object, {"Key": "private"}),
        (somebody.list_objects_v2, {}),
    ]:
        answer = refused(call, code, Bucket=bucket, **arguments)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403, answer
        assert answer["ResponseMetadata"]["RequestId"], answer
assert read(s3, bucket, "private") == b"mine"
