"""boto3: objects of random sizes, written in every way there is, have one size and one ETag wherever they are shown."""

import os
import random
import re
import sys

from connect import client, noise

bucket = sys.argv[1]
seed = os.environ.get("SEED") or os.urandom(4).hex()
print("seed", seed)
dice = random.Random(seed)
s3 = client()
s3.create_bucket(Bucket=bucket)
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
MIB, FRAME = 1024 * 1024, 65536


def some_length():
    """Often beside the end of a frame, where mistakes are."""
    near = dice.choice((0, 1, FRAME, 2 * FRAME, 17 * FRAME, 5 * MIB)) + dice.randint(-2, 2)
    return max(0, dice.choice((near, dice.randint(0, 9 * MIB))))


def put(key):
    length = some_length()
    return length, s3.put_object(Bucket=bucket, Key=key, Body=noise(length, key))["ETag"]


def in_parts(key):
    numbers = sorted(dice.sample(range(1, 10_001), dice.randint(1, 4)))
    lengths = [5 * MIB + dice.randint(0, 2 * FRAME) for _ in numbers[:-1]] + [some_length()]
    upload = {"Bucket": bucket, "Key": key, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]}
    sent = list(zip(numbers, lengths))
    dice.shuffle(sent)
    etags = {number: s3.upload_part(**upload, PartNumber=number, Body=noise(length, key))["ETag"]
             for number, length in sent}
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [
        {"PartNumber": number, "ETag": etags[number]} for number in numbers]})
    return sum(lengths), done["ETag"]


def copied(key):
    source = dice.choice([key for key in known])
    answer = s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": source})
    return known[source][0], answer["CopyObjectResult"]["ETag"]


known = {}
for number in range(12):
    way = dice.choice((put, put, in_parts, copied)) if number else put
    key = f"{number:02}-{way.__name__}"
    known[key] = way(key)
for key, (length, etag) in known.items():
    assert not re.fullmatch(r'"[0-9a-f]{32}"', etag), f"{key}: {etag} passes for an MD5"
    for view in (s3.head_object, s3.get_object):
        seen = view(Bucket=bucket, Key=key)
        assert (seen["ContentLength"], seen["ETag"]) == (length, etag), (seed, key, length, etag, seen)
    assert sum(map(len, seen["Body"].iter_chunks())) == length, (seed, key)
    told = s3.get_object_attributes(Bucket=bucket, Key=key, ObjectAttributes=["ETag", "ObjectSize"])
    assert (told["ObjectSize"], told["ETag"]) == (length, etag.strip('"')), (seed, key, length, etag, told)
for view, entries in ((s3.list_objects, "Contents"), (s3.list_objects_v2, "Contents"), (s3.list_object_versions, "Versions")):
    seen = {one["Key"]: (one["Size"], one["ETag"]) for one in view(Bucket=bucket)[entries]}
    assert seen == known, (seed, view.__name__, seen, known)
