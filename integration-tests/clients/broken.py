"""boto3 and requests by hand against a gateway whose store is broken in some way; the test that runs it knows
which.

usage: broken.py ACT"""

import http.client
import sys
import time
import uuid

from connect import client, noise, refused
from forms import BOUNDARY, ENDPOINT, encoded, fields
from raw import UNSIGNED, begin, send

bucket = "broken"
LARGE = noise(5_000_000)
# No retries: what the gateway itself does is to be seen.
s3 = client(retries={"total_max_attempts": 1}, read_timeout=100)
# Gives up after ten seconds without a byte.
hasty = client(retries={"total_max_attempts": 1}, read_timeout=10)


def prepare():
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="large", Body=LARGE)


def whole():
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == LARGE


def range_():
    found = s3.get_object(Bucket=bucket, Key="large", Range="bytes=100001-3999999")
    assert found["Body"].read() == LARGE[100_001:4_000_000]


def part_copy():
    upload = {"Bucket": bucket, "Key": "copied-by-part"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part_copy(**upload, PartNumber=1, CopySource=f"{bucket}/large")["CopyPartResult"]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert s3.get_object(Bucket=bucket, Key="copied-by-part")["Body"].read() == LARGE


def broken_off():
    answer = begin("GET", f"/{bucket}/large").getresponse()
    # The head had gone before anything was wrong; a 412 that nobody asked for would be worse than no answer.
    assert answer.status == 200, answer.status
    try:
        answer.read()
    except http.client.IncompleteRead as error:
        assert LARGE.startswith(error.partial) and len(error.partial) < len(LARGE)
    else:
        raise AssertionError("the answer ended as if it were whole")


def slow_down(call, **arguments):
    answer = refused(call, "SlowDown", Bucket=bucket, **arguments)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503, answer


def write_slow_down():
    slow_down(s3.put_object, Key="new", Body=LARGE)


def read_slow_down():
    slow_down(s3.get_object, Key="large")


def redirected():
    for method, key, body in (("GET", "large", b""), ("PUT", "new", b"body")):
        status, headers, answer = send(method, f"/{bucket}/{key}", {}, body)
        assert status >= 500, (method, status, answer)
        assert "location" not in [name.lower() for name, _ in headers] and b"example.org" not in answer


def not_copied():
    refused(s3.copy_object, "InternalError", "200", Bucket=bucket, Key="copied", CopySource=f"{bucket}/large")
    refused(s3.head_object, "404", Bucket=bucket, Key="copied")
    upload = {"Bucket": bucket, "Key": "completed"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=LARGE)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    refused(s3.complete_multipart_upload, "InternalError", **upload, MultipartUpload=parts)
    refused(s3.head_object, "404", Bucket=bucket, Key="completed")


def started():
    """A bucket of this run's own, with a source and an upload of one part."""
    own = f"slow-{uuid.uuid4()}"
    s3.create_bucket(Bucket=own)
    s3.put_object(Bucket=own, Key="source", Body=LARGE)
    upload = {"Bucket": own, "Key": "completed"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=LARGE)
    return own, upload, {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}


def slow():
    own, upload, parts = started()
    done = hasty.complete_multipart_upload(**upload, MultipartUpload=parts)
    head = s3.head_object(Bucket=own, Key="completed")
    assert done["ETag"] == head["ETag"] and head["ContentLength"] == len(LARGE)
    # A client that never saw the answer asks again and is told the same.
    assert s3.complete_multipart_upload(**upload, MultipartUpload=parts)["ETag"] == done["ETag"]
    # A page of another origin may read what was begun before it was known.
    rules = [{"AllowedOrigins": ["https://shop.example.org"], "AllowedMethods": ["PUT"], "ExposeHeaders": ["ETag"]}]
    s3.put_bucket_cors(Bucket=own, CORSConfiguration={"CORSRules": rules})
    status, headers, answer = send("PUT", f"/{own}/for-a-page", {
        "x-amz-copy-source": f"{own}/source", "origin": "https://shop.example.org"})
    headers = {name.lower(): value for name, value in headers}
    assert status == 200 and b" <CopyObjectResult" in answer, answer
    assert headers["access-control-allow-origin"] == "https://shop.example.org", headers
    assert headers["access-control-expose-headers"] == "ETag", headers
    copied = hasty.copy_object(Bucket=own, Key="copied", CopySource=f"{own}/source")["CopyObjectResult"]
    assert copied["ETag"] == s3.head_object(Bucket=own, Key="copied")["ETag"]


def slow_and_failed():
    own, upload, parts = started()
    refused(hasty.complete_multipart_upload, "InternalError", **upload, MultipartUpload=parts)
    refused(hasty.copy_object, "InternalError", Bucket=own, Key="copied", CopySource=f"{own}/source")
    # By hand, for boto3 hides that the status had gone before.
    status, _, answer = send("PUT", f"/{own}/copied", {"x-amz-copy-source": f"{own}/source"})
    assert status == 200 and answer.startswith(b"<?xml") and answer.count(b"<?xml") == 1, (status, answer)
    assert b" <Error><Code>InternalError</Code>" in answer, answer


def go_away():
    connection = begin("PUT", f"/{bucket}/new", {}, UNSIGNED, length=len(LARGE))
    connection.send(LARGE[:3_000_000])
    connection.close()


def form_away():
    """A large file of a form, and away in the middle: the upload that was begun for it is ended at once."""
    own = f"form-{uuid.uuid4()}"
    s3.create_bucket(Bucket=own)
    before, after = encoded(fields(own, [{"key": "left"}], key="left"), b"\0\0").split(b"\0\0")
    length = len(before) + (20 << 20) + len(after)
    connection = http.client.HTTPConnection(ENDPOINT.hostname, ENDPOINT.port, timeout=100)
    connection.putrequest("POST", f"/{own}")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    connection.putheader("Content-Length", str(length))
    connection.endheaders()
    connection.send(before + LARGE)
    # It is under way in the store before the client leaves.
    while not s3.list_multipart_uploads(Bucket=own).get("Uploads"):
        time.sleep(0.2)
    connection.close()
    for _ in range(300):
        if not s3.list_multipart_uploads(Bucket=own).get("Uploads"):
            break
        time.sleep(0.2)
    else:
        raise AssertionError("the upload stays behind")
    refused(s3.head_object, "404", Bucket=own, Key="left")


def repeated():
    """A Complete whose answer was lost is asked again; then once more, when the store lies about the object."""
    upload = {"Bucket": bucket, "Key": "repeated"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    done = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert s3.complete_multipart_upload(**upload, MultipartUpload=parts)["ETag"] == done["ETag"]
    # That there never was an upload would be another lie.
    answer = refused(s3.complete_multipart_upload, "IntegrityError", **upload, MultipartUpload=parts)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 422, answer


def no_conditions():
    own = f"unconditional-{uuid.uuid4()}"
    s3.create_bucket(Bucket=own)
    here = {"Bucket": own, "Key": "lock"}
    etag = s3.put_object(**here, Body=b"first")["ETag"]
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": etag}):
        answer = refused(s3.put_object, "NotImplemented", **here, Body=b"second", **condition)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501, answer
    upload = here | {"UploadId": s3.create_multipart_upload(**here)["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
    refused(s3.complete_multipart_upload, "NotImplemented", **upload, IfMatch=etag,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    refused(s3.delete_object, "NotImplemented", **here, IfMatch=etag)
    # Reads are another matter.
    assert s3.get_object(**here, IfMatch=etag)["Body"].read() == b"first"
    refused(s3.get_object, "304", **here, IfNoneMatch=etag)


def dirty_headers():
    target = f"/{bucket}/new"
    dirt = {"connection": "keep-alive, x-hop", "x-hop": "1", "keep-alive": "timeout=5", "te": "trailers",
            "proxy-authorization": "Basic eDp5", "forwarded": "for=192.0.2.1", "x-forwarded-for": "192.0.2.1",
            "cookie": "a=b", "via": "1.1 somebody", "accept-encoding": "gzip", "origin": "http://example.org",
            "x-forwarded-host": "example.org", "upgrade-insecure-requests": "1", "referer": "http://example.org"}
    sdk = {"amz-sdk-invocation-id": "1", "amz-sdk-request": "attempt=1", "user-agent": "by hand", "content-type": "text/x-secret",
           "x-amz-sdk-checksum-algorithm": "CRC32", "x-amz-checksum-crc32": "DUoRhQ==",
           "content-md5": "XrY7u+Ae7tCTyyK7j1rNww=="}
    status, _, answer = send("PUT", target, dirt | sdk, b"hello world")
    assert status == 200, (status, answer)


ACTS = {"prepare": prepare, "whole": whole, "range": range_, "part-copy": part_copy, "broken-off": broken_off,
        "write-slow-down": write_slow_down, "read-slow-down": read_slow_down, "redirected": redirected,
        "not-copied": not_copied, "slow": slow, "slow-and-failed": slow_and_failed, "go-away": go_away,
        "dirty-headers": dirty_headers, "form-away": form_away, "no-conditions": no_conditions, "repeated": repeated}
ACTS[sys.argv[1]]()
