"""boto3: sessions that live, and end within seconds of what ends them.

usage: session_ends.py BUCKET COMMAND...: makes sessions with the account's keys, runs the command, which ends them, with
the session's access key id in place of {}, and waits until each is over."""

import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3
from botocore.exceptions import ClientError
from connect import read

bucket, *command = sys.argv[1:]
given = boto3.client("sts").get_session_token()["Credentials"]
session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
s3 = session.client("s3")
assert read(s3, bucket, "held") == b"held"
url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "held"}, ExpiresIn=3600)
assert urllib.request.urlopen(url).read() == b"held"
subprocess.run([part.replace("{}", given["AccessKeyId"]) for part in command], check=True)


def is_over(ask, codes):
    for _ in range(120):
        try:
            ask()
        except ClientError as error:
            assert error.response["Error"]["Code"] in codes, error
            return
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            assert any(code in text for code in codes), text
            return
        time.sleep(0.5)
    raise AssertionError("the session lives on")


over = ("ExpiredToken", "AccessDenied")
is_over(lambda: read(s3, bucket, "held"), over)
is_over(lambda: urllib.request.urlopen(url).read(), over)
