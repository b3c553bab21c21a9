"""boto3: one client of several of a folder `a/`.

usage: folder_races.py STEP BUCKET
       make [KEY]  makes the bucket and the folder, and an object in it
       anew        makes the folder once more, with other metadata
       delete      deletes the folder
       refused     deletes it on a condition that does not hold, and it stays
       seen MODE   the folder is there, with this metadata
       gone [KEY]  it is not there; the object in it is"""

import sys

from connect import client, refused

step, bucket, *rest = sys.argv[1:]
s3 = client()
here = {"Bucket": bucket, "Key": "a/"}


def seen(mode):
    head, got = s3.head_object(**here), s3.get_object(**here)
    assert head["Metadata"] == got["Metadata"] == {"mode": mode}, (head, got)
    assert got["Body"].read() == b"", got


if step == "make":
    s3.create_bucket(Bucket=bucket)
    s3.put_object(**here, Body=b"", Metadata={"mode": "first"})
    for key in rest:
        s3.put_object(Bucket=bucket, Key=key, Body=b"b")
elif step == "anew":
    s3.put_object(**here, Body=b"", Metadata={"mode": "anew"})
elif step == "delete":
    s3.delete_object(**here)
elif step == "refused":
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a/", "ETag": '"wrong"'}]})
    assert [one["Key"] for one in deleted["Errors"]] == ["a/"] and "Deleted" not in deleted, deleted
    seen("first")
elif step == "seen":
    seen(*rest)
else:
    # SeaweedFS shows a directory for as long as something is in it; that is no object of ours.
    refused(s3.get_object, "ObjectNotSealed" if rest else "NoSuchKey", **here)
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])] == rest
