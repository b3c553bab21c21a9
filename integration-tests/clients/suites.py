"""boto3, in steps around changes of a tenant's cipher suite. The steps share nothing but S3.

usage: suites.py before|changed|raised BUCKET"""

import sys

from connect import client, noise, read, refused

step, bucket = sys.argv[1:]
s3 = client()
MIB = 1024 * 1024
LARGE = noise(300_001, "large")
FIRST, SECOND = noise(5 * MIB + 5, "first"), noise(777, "second")


def write(prefix):
    """One object of each kind: in one frame, in several, in parts of which the last is small."""
    s3.put_object(Bucket=bucket, Key=prefix + "small", Body=b"small", Metadata={"kept": "yes"})
    s3.put_object(Bucket=bucket, Key=prefix + "large", Body=LARGE)
    upload = begin(prefix + "parts")
    complete(upload, [send(upload, 1, FIRST), send(upload, 2, SECOND)])


def begin(key):
    upload = {"Bucket": bucket, "Key": key}
    return upload | {"UploadId": s3.create_multipart_upload(**upload)["UploadId"]}


def send(upload, number, piece):
    return {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=piece)["ETag"]}


def complete(upload, parts):
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


def begun(key):
    """The upload of `key` as its listing tells it, with the parts that were sent."""
    found = [one for one in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) if one["Key"] == key]
    return {"Bucket": bucket, "Key": key, "UploadId": found[0]["UploadId"]}


def check(prefix):
    """Everything of `write` reads as it was written: whole, in ranges, its head."""
    assert read(s3, bucket, prefix + "small") == b"small"
    head = s3.head_object(Bucket=bucket, Key=prefix + "small")
    assert head["Metadata"] == {"kept": "yes"} and head["ContentLength"] == 5, head
    for key, text in (("large", LARGE), ("parts", FIRST + SECOND)):
        assert read(s3, bucket, prefix + key) == text, prefix + key
        assert s3.head_object(Bucket=bucket, Key=prefix + key)["ContentLength"] == len(text)
        for first, last in ((65_530, 65_600), (len(text) - 800, len(text) - 1)):
            assert read(s3, bucket, prefix + key, Range=f"bytes={first}-{last}") == text[first : last + 1]


def copy(source, key):
    s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": source})


def copy_parts(source, key):
    """A copy that passes through the gateway, so that it is sealed anew."""
    upload = begin(key)
    copied = s3.upload_part_copy(**upload, PartNumber=1, CopySource={"Bucket": bucket, "Key": source})
    complete(upload, [{"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}])


if step == "before":
    s3.create_bucket(Bucket=bucket)
    write("old/")
    check("old/")
    for key in ("finished later", "left behind"):
        send(begin(key), 1, FIRST)
elif step == "changed":
    check("old/")
    write("new/")
    check("new/")
    # The store copies the sealed bytes, so what is old stays old.
    for name in ("small", "large", "parts"):
        copy("old/" + name, "copied old/" + name)
        copy("new/" + name, "copied new/" + name)
        copy_parts("old/" + name, "sealed anew/" + name)
    check("copied old/")
    check("copied new/")
    assert read(s3, bucket, "sealed anew/parts") == FIRST + SECOND
    assert read(s3, bucket, "sealed anew/small") == b"small"
    # An upload ends in the suite in which it began.
    upload = begun("finished later")
    send(upload, 2, SECOND)
    parts = [{"PartNumber": one["PartNumber"], "ETag": one["ETag"]} for one in s3.list_parts(**upload)["Parts"]]
    complete(upload, parts)
    assert read(s3, bucket, "finished later") == FIRST + SECOND
else:
    check("new/")
    check("copied new/")
    for name, text in (("small", b"small"), ("large", LARGE), ("parts", FIRST + SECOND)):
        assert read(s3, bucket, "sealed anew/" + name) == text
    old = [place + name for place in ("old/", "copied old/") for name in ("small", "large", "parts")]
    for key in old + ["finished later"]:
        whole = refused(s3.get_object, "ObjectNotSealed", Bucket=bucket, Key=key)
        assert whole["ResponseMetadata"]["HTTPStatusCode"] == 409, whole
        refused(s3.get_object, "ObjectNotSealed", Bucket=bucket, Key=key, Range="bytes=1-2")
        refused(s3.head_object, "409", Bucket=bucket, Key=key)
        source = {"Bucket": bucket, "Key": key}
        refused(s3.copy_object, "ObjectNotSealed", Bucket=bucket, Key="stolen", CopySource=source)
        upload = begin("stolen")
        refused(s3.upload_part_copy, "ObjectNotSealed", **upload, PartNumber=1, CopySource=source)
        s3.abort_multipart_upload(**upload)
    # What is refused can still be listed and removed.
    listed = {one["Key"]: one["Size"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert listed["old/large"] == len(LARGE) and listed["old/parts"] == len(FIRST + SECOND), listed
    s3.delete_object(Bucket=bucket, Key="old/small")
    refused(s3.get_object, "NoSuchKey", Bucket=bucket, Key="old/small")
    upload = begun("left behind")
    refused(s3.upload_part, "NoSuchUpload", **upload, PartNumber=2, Body=SECOND)
    refused(s3.list_parts, "NoSuchUpload", **upload)
    s3.abort_multipart_upload(**upload)
    left = [one["Key"] for one in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]
    assert left == [], left
