"""By hand: one form upload of many MiB whose file is made while it is sent.

usage: stream_form.py BUCKET KEY MEBIBYTES"""

import sys

from connect import client, noise
from forms import encoded, fields, post

bucket, key, mebibytes = sys.argv[1], sys.argv[2], int(sys.argv[3])
piece = noise(1 << 20)
before, after = encoded(fields(bucket, [{"key": key}], key=key), b"\0\0").split(b"\0\0")
length = len(before) + (mebibytes << 20) + len(after)


def pieces():
    yield before
    for _ in range(mebibytes):
        yield piece
    yield after


status, _, answer = post(bucket, b"", length=length, pieces=pieces())
assert status == 204, (status, answer)
assert client().head_object(Bucket=bucket, Key=key)["ContentLength"] == mebibytes << 20
