"""By hand: what a TLS client is offered, and how long a silent one is waited for."""

import os
import socket
import ssl
from urllib.parse import urlsplit

address = urlsplit(os.environ["AWS_ENDPOINT_URL"])
CA = os.environ["AWS_CA_BUNDLE"]


def shake(protocols=(), version=None, trust=CA):
    """The protocol and TLS version that come of a handshake."""
    # Not the default context, which trusts what the environment names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trust:
        context.load_verify_locations(trust)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if version:
        context.minimum_version = context.maximum_version = version
        # OpenSSL itself offers nothing below TLS 1.2 otherwise.
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    with socket.create_connection((address.hostname, address.port), timeout=60) as tcp:
        with context.wrap_socket(tcp, server_hostname=address.hostname) as tls:
            return tls.selected_alpn_protocol(), tls.version()


assert shake(["h2", "http/1.1"]) == ("h2", "TLSv1.3")
assert shake(["http/1.1"]) == ("http/1.1", "TLSv1.3")
assert shake(version=ssl.TLSVersion.TLSv1_2) == (None, "TLSv1.2")
for what, arguments in {
    "TLS 1.1": {"version": ssl.TLSVersion.TLSv1_1},
    "another authority": {"trust": None},
}.items():
    try:
        found = shake(**arguments)
    except ssl.SSLError:
        continue
    raise AssertionError(f"{what} was accepted: {found}")

# Who speaks no TLS, or nothing at all, is hung up on.
for begin in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16"):
    with socket.create_connection((address.hostname, address.port), timeout=60) as tcp:
        tcp.sendall(begin)
        try:
            while tcp.recv(1000):
                pass
        except ConnectionResetError:
            pass
