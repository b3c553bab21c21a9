"""By hand: an upload whose last check fails leaves nothing, and what was there before stays."""

import base64
import hashlib
import sys
import zlib

from connect import client, noise, read, refused
from raw import UNSIGNED, begin, send

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
# Several frames and not one buffer: the wrong end is known only after much has gone by.
GOOD = noise(3_000_000)
BAD = GOOD[:-1] + bytes([GOOD[-1] ^ 1])


def b64(digest):
    return base64.b64encode(digest).decode()


def trailing(body, checksum):
    """An unsigned aws-chunked body with a CRC-32 trailer, as SDKs send it."""
    return (f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n"
            + f"x-amz-checksum-crc32:{checksum}\r\n\r\n".encode())


crc32 = b64(zlib.crc32(GOOD).to_bytes(4, "big"))
announced = {"x-amz-trailer": "x-amz-checksum-crc32", "content-encoding": "aws-chunked",
             "x-amz-decoded-content-length": str(len(GOOD))}
TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CASES = {
    "payload hash": ({}, hashlib.sha256(GOOD).hexdigest(), lambda body: body,
                     "XAmzContentSHA256Mismatch"),
    "Content-MD5": ({"content-md5": b64(hashlib.md5(GOOD).digest())}, UNSIGNED, lambda body: body,
                    "BadDigest"),
    "checksum header": ({"x-amz-checksum-crc32": crc32}, UNSIGNED, lambda body: body, "BadDigest"),
    "sha256 checksum": ({"x-amz-checksum-sha256": b64(hashlib.sha256(GOOD).digest())}, UNSIGNED,
                        lambda body: body, "BadDigest"),
    "checksum trailer": (announced, TRAILER, lambda body: trailing(body, crc32), "BadDigest"),
}
for name, (headers, payload, framed, code) in CASES.items():
    path = f"/{bucket}/{name}"
    status, _, answer = send("PUT", path, headers, framed(BAD), payload)
    assert status == 400 and code.encode() in answer, (name, status, answer)
    refused(s3.head_object, "404", Bucket=bucket, Key=name)
    # The same request with the body it promised is taken, so the refusal was about the body.
    status, _, answer = send("PUT", path, headers, framed(GOOD), payload)
    assert status == 200, (name, status, answer)
    assert read(s3, bucket, name) == GOOD, name
    status, _, answer = send("PUT", path, headers, framed(BAD), payload)
    assert status == 400, (name, status, answer)
    assert read(s3, bucket, name) == GOOD, f"{name}: a refused upload replaced an object"

# A part is held back like an object.
upload = {"Bucket": bucket, "Key": "parts"}
upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
query = f"partNumber=1&uploadId={upload['UploadId'].replace('+', '%2B').replace('/', '%2F').replace('=', '%3D')}"
status, _, answer = send("PUT", f"/{bucket}/parts", {"content-md5": b64(hashlib.md5(GOOD).digest())},
                         BAD, UNSIGNED, query)
assert status == 400 and b"BadDigest" in answer, (status, answer)
assert not s3.list_parts(**upload).get("Parts")
s3.abort_multipart_upload(**upload)

# A client that goes away in the middle leaves nothing either.
connection = begin("PUT", f"/{bucket}/cut", {}, UNSIGNED, length=len(GOOD))
connection.send(GOOD[: len(GOOD) // 2])
connection.close()
refused(s3.head_object, "404", Bucket=bucket, Key="cut")

# A Content-MD5 that is none is refused by itself.
status, _, answer = send("PUT", f"/{bucket}/digest", {"content-md5": "bm8="}, b"body")
assert status == 400 and b"InvalidDigest" in answer, (status, answer)
listed = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
assert sorted(listed) == sorted(CASES), listed
