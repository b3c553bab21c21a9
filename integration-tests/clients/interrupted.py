"""Uploads from four threads until the gateway is gone. Prints the key of each upload that was confirmed."""

import sys
import threading

import botocore.exceptions

from connect import client, noise

BUCKET = sys.argv[1]
CONFIRMED = []


def upload(thread):
    s3 = client(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5)
    for number in range(100_000):
        key = f"interrupted-{thread}-{number}"
        try:
            s3.put_object(Bucket=BUCKET, Key=key, Body=noise(100_000, key))
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            return
        CONFIRMED.append(key)


threads = [threading.Thread(target=upload, args=(thread,)) for thread in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("\n".join(CONFIRMED))
