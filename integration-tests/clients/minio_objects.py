"""minio-py with default settings: put, parts, stat, list, ranged read, remove."""

import io
import os
import sys
from urllib.parse import urlsplit

from connect import noise
from minio import Minio

bucket = sys.argv[1]
endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])
minio = Minio(
    endpoint.netloc,
    access_key=os.environ["AWS_ACCESS_KEY_ID"],
    secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    secure=endpoint.scheme == "https",
    region="us-east-1",
)
minio.make_bucket(bucket)
for key, size in (("small", 1000), ("parts", 12_000_000)):
    body = noise(size, key)
    put = minio.put_object(bucket, key, io.BytesIO(body), size, metadata={"n": "1"},
                           part_size=5 * 1024 * 1024)
    stat = minio.stat_object(bucket, key)
    assert (stat.size, stat.etag) == (size, put.etag), (stat.size, stat.etag, put.etag)
    assert stat.metadata["x-amz-meta-n"] == "1", stat.metadata
    assert minio.get_object(bucket, key).read() == body, key
    assert minio.get_object(bucket, key, offset=500, length=100).read() == body[500:600], key
listed = {one.object_name: one.size for one in minio.list_objects(bucket)}
assert listed == {"small": 1000, "parts": 12_000_000}, listed
for key in listed:
    minio.remove_object(bucket, key)
assert not list(minio.list_objects(bucket))
minio.remove_bucket(bucket)
