"""boto3: a tenant that takes too much is told to slow down, and no other tenant is.

usage: limits.py limited|free|size|bytes|at-once BUCKET"""

import sys
import time

from botocore.exceptions import ClientError
from connect import client, noise, refused

what, bucket = sys.argv[1:]
s3 = client(retries={"max_attempts": 1})


def outcomes(times):
    found = []
    for _ in range(times):
        try:
            s3.head_bucket(Bucket=bucket)
            found.append(200)
        except ClientError as error:
            found.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return found


if what == "limited":
    # Two a second: of forty in a row some are refused unless each takes half a second.
    began = time.monotonic()
    found = outcomes(40)
    took = time.monotonic() - began
    assert set(found) <= {200, 503}, found
    assert found.count(200) <= 2 * (took + 1) + 1, (found, took)
    if took < 15:
        assert 503 in found, (found, took)
    refusal = None
    while refusal is None:
        try:
            s3.list_objects_v2(Bucket=bucket)
        except ClientError as error:
            refusal = error.response
    assert refusal["Error"]["Code"] == "SlowDown", refusal
    assert refusal["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1", refusal
    # A client that waits as it is told gets through.
    time.sleep(1.1)
    s3.head_bucket(Bucket=bucket)
if what == "free":
    s3.create_bucket(Bucket=bucket)
    assert set(outcomes(40)) == {200}
if what == "size":
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="fits", Body=noise(6 << 20))
    answer = refused(s3.put_object, "EntityTooLarge", Bucket=bucket, Key="large", Body=noise((6 << 20) + 1))
    assert answer["Error"]["MaxSizeAllowed"] == str(6 << 20), answer
    for key, sizes in ("parts-fit", [5 << 20, 1 << 20]), ("parts-large", [5 << 20, (1 << 20) + 1]):
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        parts = [
            {
                "PartNumber": number,
                "ETag": s3.upload_part(
                    Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=noise(size)
                )["ETag"],
            }
            for number, size in enumerate(sizes, 1)
        ]
        complete = {"Bucket": bucket, "Key": key, "UploadId": upload, "MultipartUpload": {"Parts": parts}}
        if key == "parts-fit":
            s3.complete_multipart_upload(**complete)
        else:
            refused(s3.complete_multipart_upload, "EntityTooLarge", **complete)
if what == "bytes":
    # A mebibyte a second: eight of them are paid for with about seven seconds of rest.
    s3.create_bucket(Bucket=bucket)
    began = time.monotonic()
    s3.put_object(Bucket=bucket, Key="eight", Body=noise(8 << 20))
    refused_for = 0
    while True:
        try:
            s3.head_object(Bucket=bucket, Key="eight")
            break
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503, error
            refused_for += 1
            time.sleep(0.1)
    assert time.monotonic() - began >= 6.9, "the rest was too short"
    assert refused_for > 0 or time.monotonic() - began > 8
if what == "at-once":
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="long", Body=noise(32 << 20))
    # An answer that is not read keeps its place; when it is given up, the place is free again.
    held = s3.get_object(Bucket=bucket, Key="long")["Body"]
    held.read(1)
    refused(s3.list_objects_v2, "SlowDown", Bucket=bucket)
    held.close()
    for _ in range(100):
        try:
            s3.list_objects_v2(Bucket=bucket)
            break
        except ClientError:
            time.sleep(0.1)
    else:
        raise AssertionError("the place is not given back")
