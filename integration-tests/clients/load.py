"""By hand, as cheaply as Python can: the same request many times on one connection.

usage: load.py put|get BUCKET SIZE COUNT
`put` must come first. Prints the seconds that the requests took."""

import sys
import time

from connect import noise
from raw import EMPTY, UNSIGNED, connect, signed

operation, bucket, size, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
KEYS = 8
body, answered = noise(size), bytearray(size)
connection = connect()


def put(path):
    target, headers = signed("PUT", path, {}, UNSIGNED)
    connection.putrequest("PUT", target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.putheader("content-length", str(size))
    connection.endheaders()
    connection.send(body)
    answer = connection.getresponse()
    assert answer.status == 200, (answer.status, answer.read())
    answer.read()


def get(path):
    target, headers = signed("GET", path, {}, EMPTY)
    connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 200, (answer.status, answer.read())
    view, filled = memoryview(answered), 0
    while read := answer.readinto(view[filled:]):
        filled += read
    answer.read()
    assert filled == size, (filled, size)


request = {"put": put, "get": get}[operation]
started = time.monotonic()
for number in range(count):
    request(f"/{bucket}/load-{size}-{number % KEYS}")
print(time.monotonic() - started)
assert operation == "put" or answered == body, "the bytes came back different"
