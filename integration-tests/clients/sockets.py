"""A connection of bytes, for what http.client would hide: interim answers, early answers, silence."""

import os
import socket
import ssl
import urllib.parse

from raw import EMPTY, signed


def open_socket(receive_buffer=None):
    address = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    tcp = socket.socket()
    if receive_buffer:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    tcp.settimeout(120)
    tcp.connect((address.hostname, address.port))
    if address.scheme == "http":
        return tcp
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    return context.wrap_socket(tcp, server_hostname=address.hostname)


def head(method, path, headers=(), payload=EMPTY, query="", unsigned=()):
    """The head of a signed request, with further headers that are not signed."""
    target, headers = signed(method, path, headers, payload, query)
    lines = [f"{method} {target} HTTP/1.1".encode()]
    lines += [name.encode() + b": " + value for name, value in headers.items()]
    lines += [f"{name}: {value}".encode() for name, value in dict(unsigned).items()]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def read_head(connection):
    """An answer's head, and what has come of its body."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = connection.recv(65536)
        assert piece, f"hung up after {answer!r}"
        answer += piece
    return answer.split(b"\r\n\r\n", 1)
