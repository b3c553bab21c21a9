"""By hand: one PUT of many MiB whose body is made while it is sent.

usage: stream_upload.py BUCKET KEY MEBIBYTES [PAUSE_AFTER]
With PAUSE_AFTER the script says `sent` on standard output after that many MiB and goes on slowly, for
a caller who wants to end something in the middle."""

import sys
import time

from connect import noise
from raw import UNSIGNED, begin

bucket, key, mebibytes = sys.argv[1], sys.argv[2], int(sys.argv[3])
pause_after = int(sys.argv[4]) if len(sys.argv) > 4 else None
piece = noise(1 << 20)

connection = begin("PUT", f"/{bucket}/{key}", {}, UNSIGNED, length=mebibytes << 20)
for number in range(mebibytes):
    if pause_after is not None and number >= pause_after:
        if number == pause_after:
            print("sent", flush=True)
        time.sleep(0.1)
    connection.send(piece)
answer = connection.getresponse()
assert answer.status == 200, (answer.status, answer.read())
print("stored", flush=True)
