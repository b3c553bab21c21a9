"""A bucket whose objects are split into key scopes by `clinics/{scope}/`. kms_scopes.py write | read | read_scopes"""

import sys

import connect

BUCKET = "scoped"
KEYS = ["clinics/1/a", "clinics/1/b/c", "clinics/2/a", "clinics/x", "other/1/a"]
PART = 5 * 1024 * 1024

s3 = connect.client()


def key_ids():
    """The id of the KEK that each object says it is sealed under."""
    heads = {key: s3.head_object(Bucket=BUCKET, Key=key) for key in KEYS + ["clinics/2/big"]}
    return {key: head["SSEKMSKeyId"] for key, head in heads.items()}


def write():
    s3.create_bucket(Bucket=BUCKET)
    for key in KEYS:
        s3.put_object(Bucket=BUCKET, Key=key, Body=connect.noise(1000, key))
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="clinics/2/big")["UploadId"]
    names = {"Bucket": BUCKET, "Key": "clinics/2/big", "UploadId": upload}
    part = s3.upload_part(**names, PartNumber=1, Body=connect.noise(PART))
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    s3.complete_multipart_upload(**names, MultipartUpload={"Parts": parts})
    ids = key_ids()
    assert ids["clinics/1/a"] == ids["clinics/1/b/c"]
    assert ids["clinics/2/a"] == ids["clinics/2/big"]
    assert ids["clinics/x"] == ids["other/1/a"]
    assert len(set(ids.values())) == 3, ids


def read():
    for key in KEYS:
        assert connect.read(s3, BUCKET, key) == connect.noise(1000, key)
    assert connect.read(s3, BUCKET, "clinics/2/big") == connect.noise(PART)
    # A copy is sealed under the key of the scope that it comes to.
    source = {"Bucket": BUCKET, "Key": "clinics/1/a"}
    s3.copy_object(Bucket=BUCKET, Key="clinics/2/copy", CopySource=source)
    assert connect.read(s3, BUCKET, "clinics/2/copy") == connect.noise(1000, "clinics/1/a")


def read_scopes():
    """What is in no scope may be gone."""
    for key in KEYS:
        if key.startswith("clinics/") and key != "clinics/x":
            assert connect.read(s3, BUCKET, key) == connect.noise(1000, key)


globals()[sys.argv[1]]()
