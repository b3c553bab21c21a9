"""Writes objects through the gateway, and spoils them in the store, each in its own way, for a scrub to find. Prints
what must be found: kinds and keys.

usage: tools_spoil.py BUCKET PREFIX OTHER_PREFIX STORE_ENDPOINT STORE_KEY STORE_SECRET
The bucket is of tenant `demo`; tenant `rival` and the deployment behind OTHER_PREFIX have one of that name too."""

import json
import sys

import boto3
from connect import client, noise

bucket, prefix, other_prefix, endpoint, access_key, secret_key = sys.argv[1:]
MIB = 1024 * 1024
gateway = client()
store = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=access_key, aws_secret_access_key=secret_key)
ours, theirs, others = f"{prefix}demo-{bucket}", f"{prefix}rival-{bucket}", f"{other_prefix}demo-{bucket}"
expected = []


def put(key, size=100_000, seed=None, where=bucket):
    gateway.put_object(Bucket=where, Key=key, Body=noise(size, seed or key))


def fetch(where, key):
    answer = store.get_object(Bucket=where, Key=key)
    kept = {name: answer[name] for name in ("Metadata", "ContentType", "CacheControl") if name in answer}
    return answer["Body"].read(), kept


def replant(source, key, body=None):
    """Stores an object of the store again, under another key or with another body."""
    bytes_there, kept = fetch(*source)
    store.put_object(Bucket=ours, Key=key, Body=bytes_there if body is None else body, **kept)


def flipped(key, at):
    body = bytearray(fetch(ours, key)[0])
    body[at] ^= 1
    return bytes(body)


def spoil(kind, key, size=100_000):
    put(key, size)
    expected.append([kind, key])
    return key


gateway.create_bucket(Bucket=bucket)
gateway.create_bucket(Bucket=bucket + "-two")
for key in ("whole", "räksmörgås & 100 %+x/whole", "deep/er/whole", "empty/"):
    put(key, 0 if key.endswith("/") else 150_000)

# Part header, frame, padding, manifest; of the trailer what only its MACs cover: sealed facts, audit MAC, MAC.
for at in (20, 60_000, -430, -400, -200, -250, -40, -1):
    key = spoil("damaged", f"damaged at {at}")
    replant((ours, key), key, flipped(key, at))
key = spoil("damaged", "cut")
replant((ours, key), key, fetch(ours, key)[0][:-1])
key = spoil("damaged", "another's body")
replant((ours, key), key, fetch(ours, "whole")[0])
key = spoil("unsealed", "plain")
store.put_object(Bucket=ours, Key=key, Body=b"plaintext")
key = spoil("wrong-place", "of another key")
replant((ours, "whole"), key)
put("of another bucket", where=bucket + "-two")
key = spoil("wrong-place", "of another bucket")
replant((ours + "-two", key), key)
key = spoil("wrong-place", "of another tenant")
replant((theirs, "theirs"), key)
key = spoil("unknown-key", "of another deployment")
replant((others, "theirs"), key)
key = spoil("missing", "lost")
store.delete_object(Bucket=ours, Key=key)
put("rolled back", seed="old")
old = fetch(ours, "rolled back")
key = spoil("not-latest", "rolled back")
store.put_object(Bucket=ours, Key=key, Body=old[0], **old[1])
put("deleted")
old = fetch(ours, "deleted")
gateway.delete_object(Bucket=bucket, Key="deleted")
store.put_object(Bucket=ours, Key="deleted", Body=old[0], **old[1])
expected.append(["not-latest", "deleted"])
# The ways in which a key may rightly hold something else than its first write.
put("overwritten", seed="first")
put("overwritten", seed="second")
put("gone")
gateway.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "gone"}]})
gateway.copy_object(Bucket=bucket, Key="copied", CopySource={"Bucket": bucket, "Key": "whole"})
upload = {"Bucket": bucket, "Key": "parts"}
upload["UploadId"] = gateway.create_multipart_upload(**upload)["UploadId"]
parts = [{"PartNumber": number, "ETag": gateway.upload_part(**upload, PartNumber=number, Body=noise(size))["ETag"]}
         for number, size in ((1, 5 * MIB), (2, 10))]
gateway.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
print(json.dumps(sorted(expected)))
