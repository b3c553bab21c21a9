"""DuckDB with httpfs: Parquet written in parts, found by a pattern, and read by ranges."""

import os
import sys
from urllib.parse import urlsplit

import duckdb
import duckdb_ext
from connect import client

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])
EXTENSIONS = os.path.join(list(duckdb_ext.__path__)[0], "extensions")
db = duckdb.connect(config={"extension_directory": EXTENSIONS,
                            "autoinstall_known_extensions": "false"})
db.execute("LOAD httpfs")
if endpoint.scheme == "https":
    db.execute("SET ca_cert_file = ?", [os.environ["AWS_CA_BUNDLE"]])
# An address has no subdomains, so the bucket must be in the path.
db.execute(f"""CREATE SECRET (TYPE s3, KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}',
    SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}', ENDPOINT '{endpoint.netloc}',
    REGION 'us-east-1', USE_SSL {endpoint.scheme == "https"}, URL_STYLE 'path')""")

for name, rows in (("small", 10), ("large", 12_000_000)):
    db.execute(f"""COPY (SELECT range AS n, hash(range) AS h FROM range({rows}))
                   TO 's3://{bucket}/tables/{name}.parquet' (FORMAT parquet)""")
    counted, total = db.execute(
        f"SELECT count(*), sum(n) FROM 's3://{bucket}/tables/{name}.parquet'").fetchone()
    assert (counted, total) == (rows, rows * (rows - 1) // 2), (counted, total)
large = s3.head_object(Bucket=bucket, Key="tables/large.parquet")
assert int(large["ETag"].strip('"').rpartition("-")[2]) > 1, "it was meant to be written in parts"
found = db.execute(
    f"SELECT count(*) FROM 's3://{bucket}/tables/*.parquet' WHERE n = 7").fetchone()
assert found == (2,), found

listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": one["Key"]} for one in listed]})
s3.delete_bucket(Bucket=bucket)
