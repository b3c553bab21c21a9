"""By hand: user metadata keeps its bytes, and a client cannot write the gateway's own."""

import sys
from email.header import decode_header, make_header

from connect import client
from raw import send

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
VALUES = {
    "x-amz-meta-name": "Zoë Müller, 東京".encode(),
    "x-amz-meta-inner": b"a comma, and = signs; stay",
    "x-amz-meta-empty": b"",
}
status, _, answer = send("PUT", f"/{bucket}/described", VALUES, b"body")
assert status == 200, (status, answer)
for method in ("HEAD", "GET"):
    status, headers, _ = send(method, f"/{bucket}/described")
    assert status == 200, status
    # http.client reads header bytes as Latin-1; back to the bytes that came.
    seen = {name.lower(): value.encode("latin-1") for name, value in headers}
    for name, value in VALUES.items():
        # As S3 does, what is not ASCII comes back in RFC 2047 form.
        told = str(make_header(decode_header(seen[name].decode("ascii")))).encode()
        assert told == value, (method, name, seen.get(name), value)
    assert not [name for name in seen if name.startswith("x-amz-meta-sof")], seen

for name in ("x-amz-meta-sof-h", "x-amz-meta-sof-m", "x-amz-meta-sof-other"):
    status, _, answer = send("PUT", f"/{bucket}/forged", {name: "AAAA"}, b"body")
    assert status == 400, (name, status, answer)

# AWS's own limit, to the byte: names and values of user metadata make 2 KiB.
full = {"x-amz-meta-a": "a" * 1023, "x-amz-meta-b": "b" * 1023}
status, _, answer = send("PUT", f"/{bucket}/full", full, b"body")
assert status == 200, (status, answer)
assert s3.head_object(Bucket=bucket, Key="full")["Metadata"] == {"a": "a" * 1023, "b": "b" * 1023}
status, _, answer = send("PUT", f"/{bucket}/over", full | {"x-amz-meta-c": "c"}, b"body")
assert status == 400 and b"MetadataTooLarge" in answer, (status, answer)
