"""Without a journal: nothing is changed, no byte is read, and the client is told to come again. `before` makes the objects,
`without` is asked while nothing can be recorded, `after` when it can again."""

import sys
import urllib.error
import urllib.request

from connect import client, read, refused

STEP, BUCKET = sys.argv[1], sys.argv[2]
s3 = client(retries={"total_max_attempts": 1})
WORDS = b"plaintext that must not leave"
# The one streams, of the other the whole answer is in hand before it is recorded.
KEPT = {"kept": WORDS * 10_000, "small": WORDS}

if STEP == "before":
    s3.create_bucket(Bucket=BUCKET)
    for key, body in KEPT.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
if STEP == "without":
    for call, arguments in (
        (s3.get_object, {"Key": "kept"}),
        (s3.put_object, {"Key": "new", "Body": KEPT["kept"]}),
        (s3.delete_object, {"Key": "kept"}),
        (s3.list_objects_v2, {}),
    ):
        answer = refused(call, "ServiceUnavailable", "AuditUnavailable", Bucket=BUCKET, **arguments)
        meta = answer["ResponseMetadata"]
        assert meta["HTTPStatusCode"] == 503, answer
        assert int(meta["HTTPHeaders"]["retry-after"]) >= 1, answer
    for key in KEPT:
        url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key})
        try:
            answer = urllib.request.urlopen(url)
            raise AssertionError(f"{key} was answered with {answer.status}")
        except urllib.error.HTTPError as error:
            body = error.read()
            assert error.code == 503 and b"AuditUnavailable" in body, (error.code, body)
            assert WORDS[:9] not in body, body
else:
    for key, body in KEPT.items():
        assert read(s3, BUCKET, key) == body
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == list(KEPT)
