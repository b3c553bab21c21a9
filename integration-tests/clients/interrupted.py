"""Uploads, deletes and reads from six threads until the gateway is gone. Prints what came of it, a line each: `put` or
`delete` with the request's id and the key where it was confirmed, `read` with the id where a byte of plaintext came.

usage: interrupted.py BUCKET ROUND"""

import sys
import threading

import botocore.exceptions

from connect import client, noise

BUCKET, ROUND = sys.argv[1:]
GONE = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
TOLD = []


def request_id(answer):
    return answer["ResponseMetadata"]["RequestId"]


def write(s3, thread, number):
    key = f"interrupted-{ROUND}-{thread}-{number}"
    put = s3.put_object(Bucket=BUCKET, Key=key, Body=noise(100_000, key))
    TOLD.append(f"put {request_id(put)} {key}")
    if number % 3 == 2:
        gone = s3.delete_object(Bucket=BUCKET, Key=key)
        TOLD.append(f"delete {request_id(gone)} {key}")


def read(s3, thread, number):
    # The whole object streams; of a short range the answer is in hand before it is recorded.
    part = {"Range": "bytes=7-99"} if number % 2 else {}
    got = s3.get_object(Bucket=BUCKET, Key="earlier", **part)
    if got["Body"].read(1):
        TOLD.append(f"read {request_id(got)} earlier")
    while got["Body"].read(65_536):
        pass


def work(does, thread):
    s3 = client(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5)
    for number in range(100_000):
        try:
            does(s3, thread, number)
        except GONE:
            return


threads = [threading.Thread(target=work, args=(does, n)) for n, does in enumerate([write] * 4 + [read] * 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("\n".join(TOLD))
