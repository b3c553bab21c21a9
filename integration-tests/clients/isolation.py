"""boto3: what becomes of one tenant's sealed object in another tenant's place.

usage: isolation.py put|read BUCKET TEXT; at the store: isolation.py move FROM TO [claimed]; isolation.py refused BUCKET CODE

`claimed`: the moved object says that it is sealed under the other tenant's key, as that tenant's own object does."""

import base64
import sys

from connect import client, read, refused

what, bucket, *rest = sys.argv[1:]
s3 = client()
if what == "put":
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="record", Body=rest[0].encode())
    s3.put_object(Bucket=bucket, Key="own", Body=b"untouched")
if what in ("put", "read"):
    assert read(s3, bucket, "record") == rest[0].encode()
if what == "move":
    theirs = s3.get_object(Bucket=bucket, Key="record")
    metadata = dict(theirs["Metadata"])
    if "claimed" in rest:
        def header(metadata):
            text = metadata["sof-h"]
            return bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

        changed, ours = header(metadata), header(s3.head_object(Bucket=rest[0], Key="own")["Metadata"])
        assert len(changed) == len(ours) == 192 and changed[8:16] != ours[8:16]
        changed[8:16] = ours[8:16]
        metadata["sof-h"] = base64.urlsafe_b64encode(bytes(changed)).decode().rstrip("=")
    s3.put_object(Bucket=rest[0], Key="record", Body=theirs["Body"].read(), Metadata=metadata)
if what == "refused":
    for more in ({}, {"Range": "bytes=0-3"}):
        answer = refused(s3.get_object, rest[0], Bucket=bucket, Key="record", **more)
        assert "the lab" not in str(answer), answer
    assert read(s3, bucket, "own") == b"untouched"
