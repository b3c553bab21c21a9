"""By hand: an upload as SDKs send it over TLS, aws-chunked in a chunked transfer without Content-Length, its
checksum in the trailer."""

import base64
import sys
import zlib

from connect import client, noise
from raw import begin

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
DATA = noise(300_000)
CRC32 = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()


def put(key, crc32, length):
    """The answer's status and body; `length` is what the headers announce."""
    headers = {
        "content-encoding": "aws-chunked",
        "transfer-encoding": "chunked",
        "x-amz-decoded-content-length": str(length),
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    wire = b""
    for at in range(0, len(DATA), 65536):
        piece = DATA[at:at + 65536]
        wire += b"%x\r\n%s\r\n" % (len(piece), piece)
    wire += b"0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % crc32.encode()
    connection = begin("PUT", f"/{bucket}/{key}", headers, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    # Transfer chunks end where they like, not where the aws-chunks inside them do.
    for at in range(0, len(wire), 10_007):
        piece = wire[at:at + 10_007]
        connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    connection.send(b"0\r\n\r\n")
    answer = connection.getresponse()
    return answer.status, answer.read()


assert put("good", CRC32, len(DATA)) == (200, b"")
found = s3.get_object(Bucket=bucket, Key="good")
assert found["Body"].read() == DATA
assert "ContentEncoding" not in found, "aws-chunked is how it travelled, not what it is"
for key, crc32, length, code in (
    ("wrong-sum", "AAAAAA==", len(DATA), b"BadDigest"),
    ("too-long", CRC32, len(DATA) - 1, b"IncompleteBody"),
    ("too-short", CRC32, len(DATA) + 1, b"IncompleteBody"),
):
    status, answer = put(key, crc32, length)
    assert status == 400 and code in answer, (key, status, answer)
assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["good"]
