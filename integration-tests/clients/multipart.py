"""boto3: parts out of order, uploaded again, of any size, listed, completed from the list, aborted."""

import sys

from connect import ENDPOINT, client, noise, read, refused

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
MIB = 1024 * 1024


def begin(key, **arguments):
    return {"Bucket": bucket, "Key": key,
            "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=key, **arguments)["UploadId"]}


def send(upload, number, body):
    return s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]


def complete(upload, parts):
    listed = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed})


# Out of order, with gaps, one of them twice: the last bytes sent for a number count.
upload = begin("shuffled", Metadata={"made": "multipart"}, ContentType="video/mp4")
last, second = noise(1234, "last"), noise(6 * MIB + 1, "second")
etags = {70: send(upload, 70, last), 9: send(upload, 9, noise(5 * MIB, "lost"))}
stale = etags[9]
etags[2] = send(upload, 2, second)
etags[9] = send(upload, 9, noise(5 * MIB + 77, "kept"))
listed = s3.list_parts(**upload)["Parts"]
assert [(one["PartNumber"], one["Size"], one["ETag"]) for one in listed] == [
    (2, len(second), etags[2]), (9, 5 * MIB + 77, etags[9]), (70, len(last), etags[70])], listed
assert "shuffled" in [one["Key"] for one in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]]
assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0, "an open upload is no object"

refused(s3.complete_multipart_upload, "InvalidPart", **upload, MultipartUpload={"Parts": [
    {"PartNumber": 2, "ETag": etags[2]}, {"PartNumber": 9, "ETag": stale}]})
refused(s3.complete_multipart_upload, "InvalidPartOrder", **upload, MultipartUpload={"Parts": [
    {"PartNumber": 9, "ETag": etags[9]}, {"PartNumber": 2, "ETag": etags[2]}]})
done = complete(upload, sorted(etags.items()))
body = second + noise(5 * MIB + 77, "kept") + last
head = s3.head_object(Bucket=bucket, Key="shuffled")
assert (head["ContentLength"], head["ETag"]) == (len(body), done["ETag"]), head
assert head["Metadata"] == {"made": "multipart"} and head["ContentType"] == "video/mp4", head
assert read(s3, bucket, "shuffled") == body
assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")

# One part only, small; and one part only, large.
for key, size in (("one-small", 10), ("one-large", 7 * MIB)):
    upload = begin(key)
    done = complete(upload, [(1, send(upload, 1, noise(size, key)))])
    assert done["Location"] == f"{ENDPOINT}/{bucket}/{key}", done
    assert read(s3, bucket, key) == noise(size, key)

# A part that is sent again with the same bytes may be listed by either ETag; the newest bytes count.
upload = begin("again")
same = noise(5 * MIB, "same")
listed = send(upload, 1, same)
send(upload, 1, same)
complete(upload, [(1, listed), (2, send(upload, 2, b"end"))])
assert read(s3, bucket, "again") == same + b"end"

# The last part may be empty, and so may the only one.
for key, bodies in (("empty-end", [noise(5 * MIB, "full"), b""]), ("empty-only", [b""])):
    upload = begin(key)
    complete(upload, [(number, send(upload, number, body)) for number, body in enumerate(bodies, 1)])
    assert read(s3, bucket, key) == b"".join(bodies), key
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == sum(map(len, bodies)), key

# A part that is too small is only wrong if it is not the last.
upload = begin("too-small")
parts = [(1, send(upload, 1, b"tiny")), (2, send(upload, 2, b"end"))]
refused(s3.complete_multipart_upload, "EntityTooSmall", **upload, MultipartUpload={"Parts": [
    {"PartNumber": number, "ETag": etag} for number, etag in parts]})
s3.abort_multipart_upload(**upload)
refused(s3.upload_part, "NoSuchUpload", **upload, PartNumber=1, Body=b"late")
refused(s3.get_object, "NoSuchKey", Bucket=bucket, Key="too-small")

# Parts copied from an object: whole and by a range that no frame begins at.
upload = begin("from-copies")
source = {"Bucket": bucket, "Key": "shuffled"}
whole = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)
piece = s3.upload_part_copy(**upload, PartNumber=2, CopySource=source,
                            CopySourceRange="bytes=70001-6000123")
complete(upload, [(1, whole["CopyPartResult"]["ETag"]), (2, piece["CopyPartResult"]["ETag"])])
assert read(s3, bucket, "from-copies") == body + body[70001:6000124]
