"""boto3: every operation of its service model, asked once with the least that it takes, and what the gateway said.
Prints a line for each: its name, the status and the code.

usage: routes.py BUCKET [OPERATION...]"""

import datetime
import sys

from botocore.exceptions import ClientError
from connect import client
from raw import send

bucket, chosen = sys.argv[1], sys.argv[2:]
s3 = client(parameter_validation=False, retries={"total_max_attempts": 1}, signature_version="s3v4")
NAMES = {s3.meta.method_to_api_mapping[method]: method for method in s3.meta.method_to_api_mapping}
# Their requests go to other hosts than a bucket's.
ELSEWHERE = {"ListDirectoryBuckets", "WriteGetObjectResponse"}
KNOWN = {"Bucket": bucket, "Key": "key", "CopySource": f"{bucket}/key", "UploadId": "none"}


def least(shape, name=""):
    """The least value that a shape of the model takes."""
    if name in KNOWN:
        return KNOWN[name]
    if shape.type_name == "structure":
        return {member: least(shape.members[member], member) for member in shape.required_members}
    if shape.type_name == "list":
        return [least(shape.member)]
    if shape.type_name == "map":
        return {"a": "b"}
    scalars = {"string": "a", "blob": b"a", "integer": 1, "long": 1, "boolean": True,
               "timestamp": datetime.datetime(2030, 1, 1), "float": 1.0, "double": 1.0}
    return shape.enum[0] if getattr(shape, "enum", None) else scalars[shape.type_name]


def ask(name):
    model = s3.meta.service_model.operation_model(name)
    arguments = least(model.input_shape) if model.input_shape else {}
    try:
        answer = getattr(s3, NAMES[name])(**arguments)
        return answer["ResponseMetadata"]["HTTPStatusCode"], "-"
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]


if not chosen:
    s3.create_bucket(Bucket=bucket)
    # A sub-resource or a header that is not known here might be one that the store knows.
    for method in ("GET", "PUT", "DELETE"):
        for path in (f"/{bucket}", f"/{bucket}/key"):
            for headers, query in (({}, "newThing="), ({"x-amz-new-thing": "1"}, "")):
                status, _, answer = send(method, path, headers, query=query)
                assert status == 501 and b"<Code>NotImplemented</Code>" in answer, (method, path, query, status, answer)
    status, _, answer = send("PATCH", f"/{bucket}/key")
    assert status == 405 and b"<Code>MethodNotAllowed</Code>" in answer, (status, answer)
# What deletes comes last.
for name in sorted(chosen or s3.meta.service_model.operation_names, key=lambda name: (name.startswith("Delete"), name)):
    if name not in ELSEWHERE:
        print(name, *ask(name))
