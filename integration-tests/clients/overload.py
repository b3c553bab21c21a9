"""boto3: with no place left a request is told to come again, and served when it does.

usage: overload.py BUCKET KEY full|free"""

import sys

from connect import client, refused

bucket, key, state = sys.argv[1:]
if state == "full":
    s3 = client(retries={"total_max_attempts": 1})
    for call, arguments in ((s3.list_objects_v2, {}), (s3.put_object, {"Key": "x", "Body": bytes(100_000)})):
        answer = refused(call, "SlowDown", Bucket=bucket, **arguments)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503, answer
        assert answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"], answer
else:
    # With boto3's own retries, for the place is given back when the gateway sees that its client has gone.
    assert client(retries={"total_max_attempts": 10}).head_object(Bucket=bucket, Key=key)
