"""What every script needs: its account from the environment, boto3 clients with default settings, and
bytes that look like nothing else. Scripts assert; a failed one ends with a traceback and status 1."""

import hashlib
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]


def client(**config):
    return boto3.client("s3", config=Config(**config)) if config else boto3.client("s3")


def noise(length, seed="seed"):
    """`length` bytes without pattern, the same for the same seed."""
    return hashlib.shake_128(seed.encode()).digest(length)


def refused(call, *codes, **arguments):
    """Asserts that `call` fails with one of `codes`, and returns the whole answer."""
    try:
        call(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert code in codes, f"expected one of {codes}, got {code}: {error}"
        return error.response
    raise AssertionError(f"{call.__name__} {arguments} succeeded; expected one of {codes}")


def read(s3, bucket, key, **arguments):
    return s3.get_object(Bucket=bucket, Key=key, **arguments)["Body"].read()
