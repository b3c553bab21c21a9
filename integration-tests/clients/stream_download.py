"""By hand: reads back what stream_upload.py stored, piece by piece.

usage: stream_download.py BUCKET KEY MEBIBYTES"""

import sys

from connect import noise
from raw import begin

bucket, key, mebibytes = sys.argv[1], sys.argv[2], int(sys.argv[3])
piece = noise(1 << 20)

answer = begin("GET", f"/{bucket}/{key}").getresponse()
assert answer.status == 200, (answer.status, answer.read())
for number in range(mebibytes):
    assert answer.read(1 << 20) == piece, f"MiB {number} came back different"
assert answer.read() == b""
