"""CORS, as the exact requests of a browser: preflights without a signature, and answers that a page may read.

usage: cors.py BUCKET"""

import http.client
import os
import sys
import urllib.parse

from connect import client, refused
from forms import encoded, fields, post

bucket = sys.argv[1]
s3 = client(signature_version="s3v4")
s3.create_bucket(Bucket=bucket)
address = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
SHOP = "https://shop.example.org"


def send(method, target, body=None, **headers):
    """Status, headers, answer; `_` in a header's name is `-`."""
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    target = target.removeprefix(os.environ["AWS_ENDPOINT_URL"])
    connection.request(method, target, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    result = answer.status, answer.headers, answer.read()
    connection.close()
    return result


def preflight(status, target, **headers):
    got, told, answer = send("OPTIONS", target, **headers)
    assert got == status, (target, headers, got, answer)
    assert ("access-control-allow-origin" in told) == (status == 200), told
    return told


def sign(operation, key="key", **arguments):
    return s3.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": key, **arguments})


get, put = sign("get_object"), sign("put_object")
s3.put_object(Bucket=bucket, Key="key", Body=b"body", Metadata={"colour": "blue"})

# Without rules there is no CORS.
refused(s3.get_bucket_cors, "NoSuchCORSConfiguration", Bucket=bucket)
asking = {"Origin": SHOP, "Access_Control_Request_Method": "PUT"}
answer = preflight(403, put, **asking)
preflight(400, put)
preflight(400, put, Origin=SHOP)
preflight(403, "/no-such-bucket/key", **asking)
assert "access-control-allow-origin" not in send("GET", get, Origin=SHOP)[1]

rules = [
    {"ID": "uploads", "AllowedOrigins": [SHOP, "https://*.preview.example.org"], "AllowedMethods": ["PUT", "POST", "GET"],
     "AllowedHeaders": ["content-*", "x-amz-*"], "ExposeHeaders": ["ETag", "x-amz-meta-colour"], "MaxAgeSeconds": 600},
    {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD"]},
]
s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules

# Preflights: for a presigned URL of either version, for a signed request that is yet to come, and for a form.
version2 = client(signature_version="s3").generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "key"})
for target in (put, version2, f"/{bucket}/any/key", f"/{bucket}", f"/{bucket}/?delete", f"/{bucket}/key?unknown=1"):
    told = preflight(200, target, Access_Control_Request_Headers="Content-Type,X-Amz-Meta-A", **asking)
    expected = {
        "access-control-allow-origin": SHOP,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "PUT, POST, GET",
        "access-control-allow-headers": "content-type, x-amz-meta-a",
        "access-control-expose-headers": "ETag, x-amz-meta-colour",
        "access-control-max-age": "600",
    }
    assert {name: told[name] for name in expected} == expected, dict(told)
    assert "Origin" in told["vary"] and told["content-length"] == "0"
told = preflight(200, put, Origin="https://a.preview.example.org", Access_Control_Request_Method="PUT")
assert told["access-control-allow-origin"] == "https://a.preview.example.org"
preflight(403, put, Access_Control_Request_Headers="authorization", **asking)
preflight(403, put, Origin="https://evil.example.org", Access_Control_Request_Method="PUT")
preflight(403, put, Origin=f"{SHOP}.evil.org", Access_Control_Request_Method="PUT")
preflight(403, put, Origin=SHOP, Access_Control_Request_Method="DELETE")
told = preflight(200, put, Origin="https://evil.example.org", Access_Control_Request_Method="HEAD")
assert told["access-control-allow-origin"] == "*" and "access-control-allow-credentials" not in told

# Answers, good and bad, may be read by the page; another page gets the same answer without leave to read it.
status, told, answer = send("PUT", put, b"new", Origin=SHOP)
assert status == 200 and told["access-control-allow-origin"] == SHOP and told["etag"], dict(told)
assert told["access-control-expose-headers"] == "ETag, x-amz-meta-colour"
status, told, answer = send("GET", get, Origin=SHOP)
assert (status, answer, told["access-control-allow-origin"]) == (200, b"new", SHOP)
for target, expected in ((sign("get_object", "nothing"), 404), (get + "x", 403), (f"/{bucket}/key", 403)):
    status, told, _ = send("GET", target, Origin=SHOP)
    assert (status, told["access-control-allow-origin"]) == (expected, SHOP), (target, dict(told))
for origin in ("https://evil.example.org", "null"):
    status, told, answer = send("GET", get, Origin=origin)
    assert (status, answer) == (200, b"new") and "access-control-allow-origin" not in told
assert "access-control-allow-origin" not in send("GET", get)[1]
status, told, _ = post(bucket, encoded(fields(bucket, [{"key": "form"}], key="form"), b"by form"), {"Origin": SHOP})
assert (status, told["access-control-allow-origin"]) == (204, SHOP), (status, dict(told))
status, told, _ = post(bucket, encoded({"key": "form"}, b"unsigned"), {"Origin": SHOP})
assert (status, told["access-control-allow-origin"]) == (403, SHOP), (status, dict(told))
# A preflight opens nothing.
status, _, answer = send("PUT", f"/{bucket}/key", b"unsigned", Origin=SHOP)
assert status == 403 and b"AccessDenied" in answer, answer

refused(s3.put_bucket_cors, "InvalidRequest", Bucket=bucket, CORSConfiguration={
    "CORSRules": [{"AllowedOrigins": ["*.*"], "AllowedMethods": ["GET"]}]})
refused(s3.put_bucket_cors, "InvalidRequest", Bucket=bucket, CORSConfiguration={
    "CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]}]})
refused(s3.put_bucket_cors, "MalformedXML", Bucket=bucket, CORSConfiguration={"CORSRules": []})
assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules
s3.delete_bucket_cors(Bucket=bucket)
s3.delete_bucket_cors(Bucket=bucket)
refused(s3.get_bucket_cors, "NoSuchCORSConfiguration", Bucket=bucket)
preflight(403, put, **asking)
