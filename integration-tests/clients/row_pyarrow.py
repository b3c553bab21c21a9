"""pyarrow's S3 filesystem with default settings: files, Parquet, ranged reads, copies, folders."""

import os
import sys
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.dataset as dataset
import pyarrow.parquet as parquet
from connect import noise
from pyarrow import fs

bucket, mebibytes = sys.argv[1], int(sys.argv[2])
endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])
authority = os.environ.get("AWS_CA_BUNDLE")
s3 = fs.S3FileSystem(
    endpoint_override=endpoint.netloc,
    scheme=endpoint.scheme,
    allow_bucket_creation=True,
    allow_bucket_deletion=True,
    **({"tls_ca_file_path": authority} if authority else {}),
)
s3.create_dir(bucket)
sizes = {"empty": 0, "small": 1000, "large": mebibytes << 20}
for name, size in sizes.items():
    with s3.open_output_stream(f"{bucket}/{name}", metadata={"Content-Type": "text/x-own"}) as file:
        file.write(noise(size, name))
body = noise(sizes["large"], "large")
# A small one: this SDK waits 3 seconds for an answer, which a busy store may need to copy a large one.
s3.copy_file(f"{bucket}/small", f"{bucket}/copy")
for name, expected in (("large", body), ("copy", noise(1000, "small"))):
    with s3.open_input_stream(f"{bucket}/{name}") as file:
        assert file.read() == expected, name
with s3.open_input_file(f"{bucket}/large") as file:
    assert file.size() == len(body)
    assert file.read_at(100, 65_500) == body[65_500:65_600]

table = pa.table({"n": range(200_000), "text": [f"row {n}" for n in range(200_000)]})
parquet.write_table(table, f"{bucket}/tables/one.parquet", filesystem=s3, row_group_size=10_000)
rows = dataset.dataset(f"{bucket}/tables", filesystem=s3).to_table(filter=dataset.field("n") == 77_777)
assert rows.to_pylist() == [{"n": 77_777, "text": "row 77777"}], rows

s3.move(f"{bucket}/copy", f"{bucket}/moved")
seen = {one.base_name: one.size for one in s3.get_file_info(fs.FileSelector(bucket)) if one.is_file}
assert seen == sizes | {"moved": 1000}, seen
s3.delete_dir_contents(bucket)
assert not s3.get_file_info(fs.FileSelector(bucket))
s3.delete_dir(bucket)
