"""The Rust crate object_store, through obstore, with default settings: put, parts, list, ranges, copy,
conditions, delete. It makes no buckets."""

import os
import sys

import obstore
from connect import client, noise
from obstore.exceptions import AlreadyExistsError, NotFoundError
from obstore.store import S3Store

bucket, mebibytes = sys.argv[1], int(sys.argv[2])
client().create_bucket(Bucket=bucket)
http = os.environ["AWS_ENDPOINT_URL"].startswith("http://")
store = S3Store(bucket, client_options={"allow_http": True} if http else {})

sizes = {"empty": 0, "folder/Grüße two": 1000, "large": mebibytes << 20}
for key, size in sizes.items():
    put = obstore.put(store, key, noise(size, key), attributes={"Content-Type": "text/x-own"})
    head = obstore.head(store, key)
    assert (head["size"], head["e_tag"]) == (size, put["e_tag"]), (head, put)
    assert bytes(obstore.get(store, key).bytes()) == noise(size, key), key
body = noise(sizes["large"], "large")
assert bytes(obstore.get_range(store, "large", start=65_500, length=100)) == body[65_500:65_600]
pieces = obstore.get_ranges(store, "large", starts=[0, 5_000_000], lengths=[10, 200_000])
assert [bytes(piece) for piece in pieces] == [body[:10], body[5_000_000:5_200_000]]

# A condition that the store decides.
try:
    obstore.put(store, "large", b"again", mode="create")
    raise AssertionError("an object that exists was created")
except AlreadyExistsError:
    pass

obstore.copy(store, "large", "copy")
assert bytes(obstore.get(store, "copy").bytes()) == body
listed = {one["path"]: one["size"] for one in obstore.list(store).collect()}
assert listed == sizes | {"copy": len(body)}, listed
obstore.delete(store, list(listed))
assert not obstore.list(store).collect()
try:
    obstore.head(store, "large")
    raise AssertionError("a deleted object is there")
except (NotFoundError, FileNotFoundError):
    pass
client().delete_bucket(Bucket=bucket)
