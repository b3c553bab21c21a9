"""Presigned URLs of Signature Version 4, rule by rule: nothing may be added that was not signed, and no URL lives
longer than a week."""

import contextlib
import datetime
import re
import sys
import urllib.error
import urllib.request
from unittest import mock

from connect import client

bucket = sys.argv[1]
s3 = client(signature_version="s3v4")
s3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="key", Body=b"body")


def send(url, method="GET", body=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def sign(operation="get_object", expires=60, **arguments):
    return s3.generate_presigned_url(
        operation, Params={"Bucket": bucket, "Key": "key", **arguments}, ExpiresIn=expires)


@contextlib.contextmanager
def dated(**shift):
    """Signs as a clock would that is off by so much."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(**shift)
    with mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: now):
        yield


def refused(expected, code, *arguments, **headers):
    status, answer = send(*arguments, **headers)
    assert status == expected and f"<Code>{code}</Code>" in answer, (arguments, status, answer)
    return answer


get, put = sign(), sign("put_object")
assert send(get) == (200, "body")
assert send(get, "HEAD")[0] == 403, "leave to GET is no leave to HEAD"
assert send(sign("head_object"), "HEAD")[0] == 200
refused(403, "SignatureDoesNotMatch", get + "&response-content-type=text/html")
refused(403, "SignatureDoesNotMatch", get + "&versionId=x")
refused(403, "SignatureDoesNotMatch", get + "&unknown=1".replace("unknown", "prefix"))
answer = refused(403, "AccessDenied", put, "PUT", b"x", x_amz_meta_added="1")
assert "<HeadersNotSigned>x-amz-meta-added</HeadersNotSigned>" in answer, answer
answer = refused(403, "AccessDenied", put, "PUT", b"", x_amz_copy_source=f"/{bucket}/key")
assert "x-amz-copy-source" in answer, answer
refused(403, "AccessDenied", get, x_amz_security_token="stolen")
refused(400, "AuthorizationQueryParametersError", get + "&X-Amz-Expires=60")
refused(400, "InvalidArgument", get, Authorization="AWS4-HMAC-SHA256 Credential=a")
refused(400, "InvalidArgument", get + "&Signature=a&Expires=1&AWSAccessKeyId=b")
for seconds, status in ((604_800, 200), (604_801, 400), (0, 400), (-1, 400)):
    assert send(sign(expires=seconds))[0] == status, seconds
with dated(minutes=5):
    # Of a clock that is a little ahead, so that the shortest life does not end on a slow machine's way there.
    assert send(sign(expires=1)) == (200, "body")
with dated(minutes=-5):
    assert "expired" in refused(403, "AccessDenied", sign(expires=299))
refused(403, "SignatureDoesNotMatch", get.replace("X-Amz-Expires=60", "X-Amz-Expires=61"))
refused(501, "NotImplemented", get.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"))
refused(400, "AuthorizationQueryParametersError", re.sub(r"&X-Amz-Date=[^&]*", "", get))
refused(400, "AuthorizationQueryParametersError", get.replace("us-east-1", "mars-north-1"))
status, answer = send(f"{get.split('?')[0]}", Authorization="AWS4-ECDSA-P256-SHA256 Credential=a")
assert status == 501 and "<Code>NotImplemented</Code>" in answer, answer
assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"body"
