"""Without a journal: nothing is changed, no byte is read, and the client is told to come again. `before` makes the objects,
`without` is asked while nothing can be recorded, `after` when it can again."""

import sys

from connect import client, read, refused

STEP, BUCKET = sys.argv[1], sys.argv[2]
s3 = client(retries={"total_max_attempts": 1})
BODY = b"plaintext that must not leave" * 10_000

if STEP == "before":
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="kept", Body=BODY)
if STEP == "without":
    for call, arguments in (
        (s3.get_object, {"Key": "kept"}),
        (s3.put_object, {"Key": "new", "Body": BODY}),
        (s3.delete_object, {"Key": "kept"}),
        (s3.list_objects_v2, {}),
    ):
        answer = refused(call, "ServiceUnavailable", "AuditUnavailable", Bucket=BUCKET, **arguments)
        meta = answer["ResponseMetadata"]
        assert meta["HTTPStatusCode"] == 503, answer
        assert int(meta["HTTPHeaders"]["retry-after"]) >= 1, answer
else:
    assert read(s3, BUCKET, "kept") == BODY
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["kept"]
