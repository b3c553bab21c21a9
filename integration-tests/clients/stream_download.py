"""By hand: reads back what stream_upload.py stored, piece by piece.

usage: stream_download.py BUCKET KEY MEBIBYTES [PAUSE_AFTER]
With PAUSE_AFTER the script says `received` on standard output after that many MiB, and goes on slowly for
a while."""

import sys
import time

from connect import noise
from raw import begin

bucket, key, mebibytes = sys.argv[1], sys.argv[2], int(sys.argv[3])
pause_after = int(sys.argv[4]) if len(sys.argv) > 4 else None
piece = noise(1 << 20)

answer = begin("GET", f"/{bucket}/{key}").getresponse()
assert answer.status == 200, (answer.status, answer.read())
for number in range(mebibytes):
    if number == pause_after:
        print("received", flush=True)
    if pause_after is not None and pause_after <= number < pause_after + 20:
        time.sleep(0.1)
    assert answer.read(1 << 20) == piece, f"MiB {number} came back different"
assert answer.read() == b""
