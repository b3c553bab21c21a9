"""minio-py with default settings: put, parts, stat, list, ranged read, copy, remove."""

import io
import os
import sys
from urllib.parse import urlsplit

from connect import noise
from minio import Minio
from minio.commonconfig import CopySource
from minio.deleteobjects import DeleteObject

bucket, mebibytes = sys.argv[1], int(sys.argv[2])
endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])
minio = Minio(
    endpoint.netloc,
    access_key=os.environ["AWS_ACCESS_KEY_ID"],
    secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    secure=endpoint.scheme == "https",
)
minio.make_bucket(bucket)
sizes = {"small": 1000, "parts": mebibytes << 20}
for key, size in sizes.items():
    body = noise(size, key)
    put = minio.put_object(bucket, key, io.BytesIO(body), size, metadata={"n": "1"})
    stat = minio.stat_object(bucket, key)
    assert (stat.size, stat.etag) == (size, put.etag), (stat.size, stat.etag, put.etag)
    assert stat.metadata["x-amz-meta-n"] == "1", stat.metadata
    minio.copy_object(bucket, f"copy of {key}", CopySource(bucket, key))
    for name in (key, f"copy of {key}"):
        assert minio.get_object(bucket, name).read() == body, name
        assert minio.get_object(bucket, name, offset=500, length=100).read() == body[500:600], name
listed = {one.object_name: one.size for one in minio.list_objects(bucket)}
assert listed == sizes | {f"copy of {key}": size for key, size in sizes.items()}, listed
assert not list(minio.remove_objects(bucket, [DeleteObject(key) for key in listed]))
assert not list(minio.list_objects(bucket))
minio.remove_bucket(bucket)
