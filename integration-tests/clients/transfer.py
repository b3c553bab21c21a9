"""boto3's transfer manager with default settings: 100 MiB up in parts and down in threads."""

import hashlib
import sys
import tempfile

from connect import client, noise

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)

with tempfile.TemporaryDirectory() as directory:
    with open(f"{directory}/up", "wb") as file:
        for piece in range(100):
            file.write(noise(1024 * 1024, f"piece {piece}"))
    s3.upload_file(f"{directory}/up", bucket, "large", ExtraArgs={"Metadata": {"n": "100"}})
    head = s3.head_object(Bucket=bucket, Key="large")
    assert head["ContentLength"] == 100 * 1024 * 1024, head
    assert head["Metadata"] == {"n": "100"}, head
    assert int(head["ETag"].strip('"').rpartition("-")[2]) > 1, "default settings upload in parts"

    s3.download_file(bucket, "large", f"{directory}/down")
    up, down = (hashlib.file_digest(open(f"{directory}/{name}", "rb"), "sha256").digest()
                for name in ("up", "down"))
    assert up == down, "the file came back different"
