"""Forms of `multipart/form-data` by hand, and policies that boto3 signed: what a browser sends for a POST upload."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import urllib.parse
from datetime import datetime, timedelta, timezone

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
ENDPOINT = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
END = f"--{BOUNDARY}--\r\n".encode()


def part(name, value, *more):
    value = value if isinstance(value, bytes) else value.encode()
    disposition = "; ".join([f'Content-Disposition: form-data; name="{name}"', *more])
    return f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode() + value + b"\r\n"


def encoded(fields, file, filename="upload.bin", after=b"", end=END):
    """The whole body: the fields in their order, the file, what follows it, and the end."""
    body = b"".join(part(name, value) for name, value in dict(fields).items())
    return body + part("file", file, f'filename="{filename}"\r\nContent-Type: image/png') + after + end


def post(bucket, body, headers=(), length=None, pieces=None):
    """Sends the form: status, headers, answer."""
    connection = http.client.HTTPConnection(ENDPOINT.hostname, ENDPOINT.port, timeout=120)
    connection.putrequest("POST", f"/{bucket}")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    connection.putheader("Content-Length", str(len(body) if length is None else length))
    for name, value in dict(headers).items():
        connection.putheader(name, value)
    connection.endheaders()
    for piece in pieces or [body]:
        connection.send(piece)
    if pieces is None and length is not None and length > len(body):
        connection.sock.shutdown(1)
    answer = connection.getresponse()
    result = answer.status, answer.headers, answer.read()
    connection.close()
    return result


def fields(bucket, conditions, version=4, seconds=600, **named):
    """Fields with a policy of these conditions, signed by hand; `named` are further fields, `_` being `-`."""
    key_id, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    now = datetime.now(timezone.utc)
    until = (now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    day = now.strftime("%Y%m%d")
    signing = {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{key_id}/{day}/us-east-1/s3/aws4_request",
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
    } if version == 4 else {}
    every = [{"bucket": bucket}, *conditions, *({name: value} for name, value in signing.items())]
    policy = base64.b64encode(json.dumps({"expiration": until, "conditions": every}).encode()).decode()
    named = {name if name == "success_action_status" or name == "success_action_redirect" else name.replace("_", "-"): value
             for name, value in named.items()}
    if version == 4:
        key = b"AWS4" + secret.encode()
        for word in (day, "us-east-1", "s3", "aws4_request", policy):
            key = hmac.digest(key, word.encode(), "sha256")
        return {**named, **signing, "policy": policy, "x-amz-signature": key.hex()}
    signature = base64.b64encode(hmac.digest(secret.encode(), policy.encode(), hashlib.sha1)).decode()
    return {**named, "AWSAccessKeyId": key_id, "policy": policy, "signature": signature}
