"""By hand and with boto3: requests that are under way when their client is killed. Prints `begun` when it may be.

usage: disconnects.py ACT"""

import sys
import threading

from connect import client, noise
from raw import UNSIGNED, begin

BUCKET, LARGE = "disconnects", noise(8_000_000)
act = sys.argv[1]
# No retries: the one request is to be seen.
s3 = client(retries={"total_max_attempts": 1}, read_timeout=300)


def prepare():
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="source", Body=LARGE)


def begun():
    print("begun", flush=True)


def read():
    answer = begin("GET", f"/{BUCKET}/source").getresponse()
    assert answer.read(100_000) == LARGE[:100_000]
    begun()
    answer.read()


def send(query=""):
    connection = begin("PUT", f"/{BUCKET}/new", {}, UNSIGNED, query, len(LARGE))
    connection.send(LARGE[:3_000_000])
    begun()
    threading.Event().wait()


def begin_upload():
    return s3.create_multipart_upload(Bucket=BUCKET, Key="new")["UploadId"]


def copy():
    begun()
    s3.copy_object(Bucket=BUCKET, Key="new", CopySource=f"{BUCKET}/source")


def copy_part():
    upload = begin_upload()
    begun()
    s3.upload_part_copy(Bucket=BUCKET, Key="new", UploadId=upload, PartNumber=1, CopySource=f"{BUCKET}/source")


ACTS = {"prepare": prepare, "read": read, "write": send, "write-part": lambda: send(f"partNumber=1&uploadId={begin_upload()}"),
        "copy": copy, "copy-part": copy_part}
ACTS[act]()
