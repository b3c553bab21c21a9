"""Objects of one bucket while the key management is in trouble.
kms.py write KEY | read KEY | refused KEY CODE | recovers KEY | bridged KEY SECONDS | burst KEY COUNT"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import connect
from botocore.exceptions import ClientError

BUCKET = "kept"
PATIENCE = 120

s3 = connect.client(retries={"total_max_attempts": 1}, max_pool_connections=64)
patient = connect.client()


def write(key):
    try:
        patient.create_bucket(Bucket=BUCKET)
    except patient.exceptions.BucketAlreadyOwnedByYou:
        pass
    patient.put_object(Bucket=BUCKET, Key=key, Body=connect.noise(1000, key))


def read(key):
    assert connect.read(s3, BUCKET, key) == connect.noise(1000, key)


def refusal(call):
    """The answer of a call that is refused sooner or later: a key that is unwrapped serves for a while."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            call()
        except ClientError as error:
            return error.response
        time.sleep(0.1)
    raise AssertionError("never refused")


def refused(key, code):
    body = connect.noise(1000, key)
    for call in [lambda: read(key), lambda: s3.put_object(Bucket=BUCKET, Key=key, Body=body)]:
        answer = refusal(call)
        assert answer["Error"]["Code"] == code, answer
        if code == "SlowDown":
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503, answer
            assert int(answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) > 0, answer


def recovers(key):
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return read(key)
        except ClientError:
            assert time.monotonic() < end, "never again"
            time.sleep(0.1)


def bridged(key, seconds):
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        read(key)
        time.sleep(0.1)
    write(key)


def burst(key, count):
    with ThreadPoolExecutor(64) as threads:
        list(threads.map(lambda _: read(key), range(int(count))))


globals()[sys.argv[1]](*sys.argv[2:])
