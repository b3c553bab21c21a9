"""boto3: empty objects whose keys end in a slash, by which clients mark folders: they have metadata, are listed, copied,
written over and deleted as other objects are, also where the store makes directories of them."""

import sys

from connect import client, refused

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)


def looked_at(key, **expected):
    here = {"Bucket": bucket, "Key": key}
    head, got = s3.head_object(**here), s3.get_object(**here)
    assert got["Body"].read() == b"", got
    for seen in (head, got):
        assert (seen["ContentLength"], seen["Metadata"]) == (0, expected), seen
    attributes = s3.get_object_attributes(**here, ObjectAttributes=["ETag", "ObjectSize"])
    assert (attributes["ObjectSize"], f'"{attributes["ETag"]}"') == (0, head["ETag"]), attributes
    return head


put = s3.put_object(Bucket=bucket, Key="a/", Body=b"", ContentType="application/x-directory", Metadata={"mode": "493"})
head = looked_at("a/", mode="493")
assert (head["ETag"], head["ContentType"]) == (put["ETag"], "application/x-directory"), head
# Below another, and after what lies in it.
s3.put_object(Bucket=bucket, Key="a/b/c", Body=b"1")
s3.put_object(Bucket=bucket, Key="a/b/", Body=b"", Metadata={"n": "1"})
looked_at("a/b/", n="1")
looked_at("a/", mode="493")
listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
assert {one["Key"]: one["Size"] for one in listed} == {"a/": 0, "a/b/": 0, "a/b/c": 1}, listed

# The last upload counts.
s3.put_object(Bucket=bucket, Key="a/b/", Body=b"", Metadata={"n": "2"})
looked_at("a/b/", n="2")
s3.put_object(Bucket=bucket, Key="plain/", Body=b"")
looked_at("plain/")

# What is gone is gone, and comes back as it is written then.
s3.delete_object(Bucket=bucket, Key="a/b/c")
s3.delete_object(Bucket=bucket, Key="plain/")
s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a/b/"}]})
for key in ("plain/", "a/b/"):
    refused(s3.head_object, "404", Bucket=bucket, Key=key)
s3.put_object(Bucket=bucket, Key="a/b/", Body=b"", Metadata={"n": "3"})
looked_at("a/b/", n="3")
for key in ("a/b/", "a/"):
    s3.delete_object(Bucket=bucket, Key=key)
s3.delete_bucket(Bucket=bucket)
