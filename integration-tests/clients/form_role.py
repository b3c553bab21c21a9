"""What a form may do is what its signer may do, however good its signature is.

usage: form_role.py BUCKET may-write|may-not-write"""

import sys

from connect import client, refused
from forms import encoded, fields, post

bucket, may = sys.argv[1:]
key = f"by-form-{may}"
status, _, answer = post(bucket, encoded(fields(bucket, [{"key": key}], key=key), b"written"))
if may == "may-write":
    assert status == 204, answer
else:
    assert status == 403 and b"AccessDenied" in answer, answer
    refused(client().head_object, "404", Bucket=bucket, Key=key)
