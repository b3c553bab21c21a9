"""boto3: objects that have keys of their own, step by step, so that the calls to key management can be counted.

usage: own_keys.py STEP BUCKET, with `write`, `upload`, `get`, `range`, `head`, `list`, `copy`, `tags`, `delete`;
       refused BUCKET CODE STATUS: reading and writing are refused so, listing is not; spoilt BUCKET: reading is refused
       as damaged; recovers BUCKET: it works again, after a while;
       at the store, exchange BUCKET: two objects' own keys change places"""

import sys
import time

from botocore.exceptions import ClientError
from connect import client, noise, read, refused

step, bucket, *rest = sys.argv[1:]
s3 = client()
MIB = 1024 * 1024
KEY = "ward 7/Jane Roe.pdf"
PARTS = "ward 7/film.mp4"
BODY = noise(70_000, KEY)
PIECES = [noise(5 * MIB, "1"), noise(5 * MIB, "2"), noise(100, "3")]
TOLD = {"author": "Ada", "note": "n" * 1500}


def write():
    s3.put_object(Bucket=bucket, Key=KEY, Body=BODY, Metadata=TOLD)


def upload():
    of = {"Bucket": bucket, "Key": PARTS}
    of["UploadId"] = s3.create_multipart_upload(**of, Metadata=TOLD)["UploadId"]
    parts = [{"PartNumber": number, "ETag": s3.upload_part(**of, PartNumber=number, Body=piece)["ETag"]}
             for number, piece in enumerate(PIECES, 1)]
    s3.complete_multipart_upload(**of, MultipartUpload={"Parts": parts})


def get():
    for key, body in ((KEY, BODY), (PARTS, b"".join(PIECES))):
        answer = s3.get_object(Bucket=bucket, Key=key)
        assert answer["Body"].read() == body and answer["Metadata"] == TOLD, answer


def ranged():
    assert s3.get_object(Bucket=bucket, Key=KEY, Range="bytes=65530-65545")["Body"].read() == BODY[65_530:65_546]


def head():
    assert s3.head_object(Bucket=bucket, Key=KEY)["Metadata"] == TOLD


def listed():
    sizes = {one["Key"]: one["Size"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert sizes == {KEY: len(BODY), PARTS: sum(map(len, PIECES))}, sizes


def copied():
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": KEY})


def tags():
    s3.put_object_tagging(Bucket=bucket, Key=KEY, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})


def delete():
    s3.delete_object(Bucket=bucket, Key="copy")


def is_refused():
    once = client(retries={"total_max_attempts": 1})
    code, status = rest
    for call, more in ((once.get_object, {}), (once.put_object, {"Body": b"x"})):
        refused(call, code, Bucket=bucket, Key=KEY, **more)
    refused(once.head_object, status, Bucket=bucket, Key=KEY)
    listed()


def recovers():
    """A service that failed is left alone for a while."""
    end = time.monotonic() + 120
    while True:
        try:
            return get()
        except ClientError:
            assert time.monotonic() < end, "never again"
            time.sleep(0.2)


def spoilt():
    for key in (KEY, "other"):
        refused(client(retries={"total_max_attempts": 1}).get_object, "IntegrityError", Bucket=bucket, Key=key)


def exchange():
    metadata = {key: s3.head_object(Bucket=bucket, Key=key) for key in (KEY, "other")}
    own = {key: told["Metadata"]["sof-k"] for key, told in metadata.items()}
    assert len(set(own.values())) == 2, own
    for key, another in ((KEY, "other"), ("other", KEY)):
        told = metadata[key]
        changed = {**told["Metadata"], "sof-k": own[another]}
        s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": key}, MetadataDirective="REPLACE",
                       Metadata=changed, CacheControl=told.get("CacheControl", ""), ContentType=told["ContentType"])


def prepare():
    s3.create_bucket(Bucket=bucket)
    write()
    s3.put_object(Bucket=bucket, Key="other", Body=b"other")
    assert read(s3, bucket, "other") == b"other"


{"make": lambda: s3.create_bucket(Bucket=bucket), "write": write, "upload": upload, "get": get, "range": ranged,
 "head": head, "list": listed, "copy": copied, "tags": tags, "delete": delete, "refused": is_refused, "recovers": recovers, "spoilt": spoilt,
 "exchange": exchange, "prepare": prepare}[step]()
