"""A hand-made S3 client on http.client, for requests no library would send: wrong sums, raw bytes in
headers, bodies that stop or never seem to end. Signs with SigV4 as the S3 API reference describes it."""

import hashlib
import hmac
import http.client
import os
import ssl
import urllib.parse
from datetime import datetime, timezone

EMPTY = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"


def connect():
    address = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    if address.scheme == "http":
        return http.client.HTTPConnection(address.hostname, address.port, timeout=300)
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    return http.client.HTTPSConnection(address.hostname, address.port, timeout=300, context=context)


def signed(method, path, headers=(), payload=EMPTY, query=""):
    """The path as it is sent, and all headers: `headers` (name to str or bytes) and the signature's."""
    address = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    path = urllib.parse.quote(path, safe="/-_.~")
    headers = {name.lower(): value for name, value in dict(headers).items()}
    headers |= {"host": address, "x-amz-date": now, "x-amz-content-sha256": payload}
    raw = {name: value if isinstance(value, bytes) else value.encode() for name, value in headers.items()}
    names = ";".join(sorted(raw))
    canonical = "\n".join([method, path, query]).encode() + b"\n"
    canonical += b"".join(name.encode() + b":" + raw[name].strip() + b"\n" for name in sorted(raw))
    canonical += f"\n{names}\n{payload}".encode()
    scope = f"{now[:8]}/us-east-1/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}"
    key = b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    for word in scope.split("/") + [text]:
        key = hmac.digest(key, word.encode(), "sha256")
    raw["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, "
        f"SignedHeaders={names}, Signature={key.hex()}").encode()
    return (f"{path}?{query}" if query else path), raw


def begin(method, path, headers=(), payload=EMPTY, query="", length=None):
    """Sends the head of a request and returns its connection, for the caller to send the body; it keeps the
    headers as `signed_headers`."""
    target, headers = signed(method, path, headers, payload, query)
    connection = connect()
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    if length is not None:
        connection.putheader("content-length", str(length))
    connection.endheaders()
    connection.signed_headers = headers
    return connection


def send(method, path, headers=(), body=b"", payload=None, query=""):
    """One whole exchange: status, raw header pairs, body."""
    payload = payload or hashlib.sha256(body).hexdigest()
    connection = begin(method, path, headers, payload, query, len(body) if body else None)
    if body:
        connection.send(body)
    answer = connection.getresponse()
    result = answer.status, answer.getheaders(), answer.read()
    connection.close()
    return result
