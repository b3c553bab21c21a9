"""By hand: a certificate that is replaced on disk is shown to new connections, an unusable one is not, and
connections that are open go on."""

import os
import shutil
import signal
import ssl
import sys
import time

import raw

process, shown, new = int(sys.argv[1]), sys.argv[2], sys.argv[3]
old_authority = os.environ["AWS_CA_BUNDLE"]


def list_buckets(connection):
    target, headers = raw.signed("GET", "/")
    connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 200, (answer.status, answer.read())
    answer.read()


def put(name, source):
    """In place of what is there, as one step."""
    shutil.copy(source, f"{shown}/{name}.new")
    os.replace(f"{shown}/{name}.new", f"{shown}/{name}")


held = raw.connect()
list_buckets(held)
socket = held.sock

# A key that is not the certificate's: told in the log, and nothing changes.
put("server-key.pem", f"{new}/server-key.pem")
os.kill(process, signal.SIGHUP)
time.sleep(1)
list_buckets(raw.connect())

# With its certificate it is a pair, and found without a signal.
put("server.pem", f"{new}/server.pem")
os.environ["AWS_CA_BUNDLE"] = f"{new}/ca.pem"
for _ in range(60):
    # Used all the while, so that it is not closed for being idle.
    list_buckets(held)
    try:
        list_buckets(raw.connect())
        break
    except ssl.SSLCertVerificationError:
        time.sleep(1)
else:
    raise AssertionError("the new certificate is not shown")
os.environ["AWS_CA_BUNDLE"] = old_authority
try:
    raw.connect().connect()
except ssl.SSLCertVerificationError:
    pass
else:
    raise AssertionError("the old certificate is still shown")
assert held.sock is socket, "the connection was closed meanwhile"
