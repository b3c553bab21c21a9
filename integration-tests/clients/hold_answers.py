"""By hand: begins reads of a large object and does not go on, until told to on standard input.

usage: hold_answers.py BUCKET KEY HOW_MANY"""

import sys

from raw import EMPTY
from sockets import head, open_socket, read_head

bucket, key, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
held = []
for _ in range(count):
    connection = open_socket(receive_buffer=65536)
    connection.sendall(head("GET", f"/{bucket}/{key}", payload=EMPTY))
    answer, _ = read_head(connection)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    held.append(connection)
print("held", flush=True)
sys.stdin.readline()
