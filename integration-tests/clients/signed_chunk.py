"""By hand: one signed chunk of a whole object, whose signature can be checked at its end only.

usage: signed_chunk.py BUCKET KEY MEBIBYTES"""

import hashlib
import hmac
import os
import sys

from raw import begin

bucket, key, mebibytes = sys.argv[1], sys.argv[2], int(sys.argv[3])
STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
piece = hashlib.shake_128(b"piece").digest(1 << 20)
length = mebibytes << 20
digest = hashlib.sha256()
for _ in range(mebibytes):
    digest.update(piece)

# The request's own signature seeds those of the chunks.
headers = {"x-amz-decoded-content-length": str(length)}
wire = len(f"{length:x};chunk-signature=") + 64 + 2 + length + 2 + len("0;chunk-signature=") + 64 + 4
connection = begin("PUT", f"/{bucket}/{key}", headers, STREAMING, length=wire)
sent = connection.signed_headers
date = sent["x-amz-date"].decode()
scope = f"{date[:8]}/us-east-1/s3/aws4_request"
secret = b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode()
for word in scope.split("/"):
    secret = hmac.digest(secret, word.encode(), "sha256")
before = sent["authorization"].decode().rpartition("Signature=")[2]


def signature(before, data_digest):
    """As the S3 API reference describes it under Signature Calculations, chunked upload."""
    text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", date, scope, before,
                      hashlib.sha256(b"").hexdigest(), data_digest])
    return hmac.digest(secret, text.encode(), "sha256").hex()


first = signature(before, digest.hexdigest())
connection.send(f"{length:x};chunk-signature={first}\r\n".encode())
for _ in range(mebibytes):
    connection.send(piece)
last = signature(first, hashlib.sha256(b"").hexdigest())
connection.send(f"\r\n0;chunk-signature={last}\r\n\r\n".encode())
answer = connection.getresponse()
assert answer.status == 200, (answer.status, answer.read())
