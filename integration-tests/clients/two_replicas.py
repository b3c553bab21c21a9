"""boto3: a session made at one replica is good at another, and over at both five seconds after it was ended at one.

usage: two_replicas.py BUCKET OTHER_ENDPOINT COMMAND...: the command ends the session"""

import subprocess
import sys
import time

import boto3
from connect import read, refused

bucket, other, *command = sys.argv[1:]
given = boto3.client("sts").get_session_token()["Credentials"]
session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
replicas = [session.client("s3"), session.client("s3", endpoint_url=other)]
for s3 in replicas:
    assert read(s3, bucket, "held") == b"held"
subprocess.run([part.replace("{}", given["AccessKeyId"]) for part in command], check=True)
# What is promised, and a second for the clocks of two processes.
time.sleep(6)
for s3 in replicas:
    refused(s3.get_object, "ExpiredToken", Bucket=bucket, Key="held")
