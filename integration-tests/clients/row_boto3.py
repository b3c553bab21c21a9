"""boto3 with default settings: 100 MiB up in parts and down in threads, list, range, copy, delete."""

import hashlib
import sys
import tempfile

from connect import client, noise, read

bucket, mebibytes = sys.argv[1], int(sys.argv[2])
s3 = client()
s3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="small", Body=noise(1000))

with tempfile.TemporaryDirectory() as directory:
    with open(f"{directory}/up", "wb") as file:
        for piece in range(mebibytes):
            file.write(noise(1024 * 1024, f"piece {piece}"))
    s3.upload_file(f"{directory}/up", bucket, "large", ExtraArgs={"Metadata": {"n": "100"}})
    head = s3.head_object(Bucket=bucket, Key="large")
    assert head["ContentLength"] == mebibytes * 1024 * 1024, head
    assert head["Metadata"] == {"n": "100"}, head
    assert int(head["ETag"].strip('"').rpartition("-")[2]) > 1, "default settings upload in parts"

    # Large objects are copied part by part.
    s3.copy({"Bucket": bucket, "Key": "large"}, bucket, "copy")
    for key in ("large", "copy"):
        s3.download_file(bucket, key, f"{directory}/{key}")
    up, down, copy = (hashlib.file_digest(open(f"{directory}/{name}", "rb"), "sha256").digest()
                      for name in ("up", "large", "copy"))
    assert up == down, "the file came back different"
    assert up == copy, "the copy came back different"

assert read(s3, bucket, "large", Range="bytes=1048570-1048585") == (
    noise(1024 * 1024, "piece 0")[-6:] + noise(1024 * 1024, "piece 1")[:10])
listed = {one["Key"]: one["Size"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
assert listed == {"small": 1000, "large": mebibytes << 20, "copy": mebibytes << 20}, listed
gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in listed]})
assert len(gone["Deleted"]) == 3 and "Errors" not in gone, gone
s3.delete_bucket(Bucket=bucket)
