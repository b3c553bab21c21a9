"""boto3: reads and writes that depend on what is there."""

import sys
import threading
from datetime import datetime, timedelta, timezone

from botocore.exceptions import ClientError
from connect import client, read, refused

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
here = {"Bucket": bucket, "Key": "lock"}

first = s3.put_object(**here, Body=b"first", IfNoneMatch="*")["ETag"]
refused(s3.put_object, "PreconditionFailed", **here, Body=b"second", IfNoneMatch="*")
assert read(s3, bucket, "lock") == b"first"

second = s3.put_object(**here, Body=b"second", IfMatch=first)["ETag"]
refused(s3.put_object, "PreconditionFailed", **here, Body=b"third", IfMatch=first)
refused(s3.put_object, "NoSuchKey", Bucket=bucket, Key="never", Body=b"", IfMatch=first)
upload = {"Bucket": bucket, "Key": "never"}
upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
part = s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
refused(s3.complete_multipart_upload, "NoSuchKey", **upload, IfMatch=first,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
assert read(s3, bucket, "lock") == b"second"

assert s3.get_object(**here, IfMatch=second)["Body"].read() == b"second"
refused(s3.get_object, "PreconditionFailed", **here, IfMatch=first)
assert s3.get_object(**here, IfNoneMatch=first)["Body"].read() == b"second"
for view in (s3.get_object, s3.head_object):
    answer = refused(view, "304", **here, IfNoneMatch=second)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 304
past = datetime.now(timezone.utc) - timedelta(days=1)
assert s3.head_object(**here, IfModifiedSince=past)["ETag"] == second
refused(s3.head_object, "412", **here, IfUnmodifiedSince=past)

# Many writers, one lock: exactly one has it, and every loser is told so.
outcomes = []


def race(number):
    try:
        s3.put_object(Bucket=bucket, Key="race", Body=str(number).encode(), IfNoneMatch="*")
        outcomes.append(number)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert code in ("PreconditionFailed", "ConditionalRequestConflict"), error
        outcomes.append(None)


writers = [threading.Thread(target=race, args=(number,)) for number in range(8)]
for writer in writers:
    writer.start()
for writer in writers:
    writer.join()
winners = [number for number in outcomes if number is not None]
assert len(outcomes) == 8 and len(winners) == 1, outcomes
assert read(s3, bucket, "race") == str(winners[0]).encode()
