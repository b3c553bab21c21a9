"""By hand: when a client is told to go on, how an early error reaches it, and how long it is waited for."""

import sys

from connect import client, noise, read, refused
from raw import UNSIGNED
from sockets import head, open_socket, read_head

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
DATA = noise(300_000)


def expecting(path, query="", spoil=False, length=len(DATA), headers=()):
    """Sends a head that asks for `100 Continue`; what is answered to it."""
    connection = open_socket()
    request = head("PUT", path, headers, payload=UNSIGNED, query=query,
                   unsigned={"content-length": length, "expect": "100-continue"})
    if spoil:
        at = request.index(b"Signature=") + len(b"Signature=")
        request = request[:at] + (b"1" if request[at:at + 1] == b"0" else b"0") + request[at + 1:]
    connection.sendall(request)
    return connection, read_head(connection)


# Continue comes before any of the body is sent, and only once.
connection, (answer, rest) = expecting(f"/{bucket}/continued")
assert answer == b"HTTP/1.1 100 Continue" and rest == b"", (answer, rest)
connection.sendall(DATA)
answer, _ = read_head(connection)
assert answer.startswith(b"HTTP/1.1 200 "), answer
assert read(s3, bucket, "continued") == DATA

# Who may not is not told to go on: neither by a wrong signature nor by policy, nor with an access list for others.
for path, arguments in ((f"/{bucket}/refused", {"spoil": True}), (f"/{bucket}", {"query": "replication="}),
                        (f"/{bucket}/public", {"headers": {"x-amz-acl": "public-read"}})):
    connection, (answer, _) = expecting(path, **arguments)
    assert b" 100 " not in answer and answer.split(b" ")[1][:1] in b"45", answer
    # Nobody can tell whether a body or another request comes next, so this is the connection's last answer; a
    # client that had lost its patience and sends the body finds somebody who listens.
    assert b"connection: close" in answer.lower(), answer
    connection.sendall(DATA)
    while connection.recv(65536):
        pass

# A client that sends without asking reads the error, not a reset, though nobody wants its body.
for length in (1000, 1_000_000):
    connection = open_socket()
    request = head("PUT", f"/{bucket}/early", payload=UNSIGNED, unsigned={"content-length": length})
    connection.sendall(request.replace(b"Signature=", b"Signature=0") + bytes(length))
    answer = b"".join(read_head(connection))
    assert b"<Code>" in answer and answer.startswith(b"HTTP/1.1 4"), answer

# Of a large one only a little is read.
connection = open_socket()
connection.sendall(head("PUT", f"/{bucket}/early", payload=UNSIGNED, unsigned={
    "content-length": 1 << 34}).replace(b"Signature=", b"Signature=0"))
sent = 0
try:
    while sent < 1 << 30:
        sent += connection.send(bytes(1 << 20))
except OSError:
    pass
assert sent < 64 << 20, f"{sent} bytes of a refused upload were taken"

# A client that falls silent in the middle is told so while it can still read, and nothing is kept.
connection = open_socket()
connection.sendall(head("PUT", f"/{bucket}/silent", payload=UNSIGNED, unsigned={"content-length": len(DATA)}))
connection.sendall(DATA[:200_000])
answer = b"".join(read_head(connection))
assert answer.startswith(b"HTTP/1.1 400 ") and b"RequestTimeout" in answer, answer
refused(s3.head_object, "404", Bucket=bucket, Key="silent")
