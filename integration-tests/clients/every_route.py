"""Every operation of docs/s3-compatibility.md and of the token service, asked once with credentials and once without,
and requests that mean nothing. Prints `operation request-id` of each; `-` where there is no operation.
What is answered is others' business: here it matters that each leaves its trace.

usage: every_route.py PAGE"""

import pathlib
import re
import sys

import boto3
from botocore import UNSIGNED
from botocore.client import Config
from botocore.exceptions import ClientError
from raw import begin, connect

ROW = re.compile(r"^\| (\w+) \| `([A-Z]+) (/\S*?)(?:\?(\S*?))?( \+ x-amz-copy-source)?`", re.MULTILINE)


def told(name, answer):
    answer.read()
    print(name, answer.headers["x-amz-request-id"])


def main():
    rows = ROW.findall(pathlib.Path(sys.argv[1]).read_text())
    assert len(rows) > 100, len(rows)
    for name, method, path, query, copies in rows:
        path = path.replace("/bucket", "/every-route")
        pairs = [pair if "=" in pair else f"{pair}=1" if pair in ("uploadId", "partNumber", "id", "annotationName") else f"{pair}="
                 for pair in sorted(query.split("&")) if pair]
        headers = {"x-amz-copy-source": "/every-route/source"} if copies else {}
        connection = begin(method, path, headers, query="&".join(pairs), length=0)
        told(f"s3:{name}", connection.getresponse())
        connection = connect()
        connection.request(method, f"{path}?{'&'.join(pairs)}", headers=headers)
        told(f"s3:{name}", connection.getresponse())
    for method, target in (("PATCH", "/every-route/key"), ("GET", "/every-route?no-such-thing&acl&tagging"),
                           ("GET", "/UPPER.CASE..bucket/key")):
        connection = connect()
        connection.request(method, target)
        told("-", connection.getresponse())
    tokens()


def tokens():
    role = {"RoleArn": "arn:aws:iam::clinic:role/tenant-admin", "RoleSessionName": "someone"}
    calls = {"GetCallerIdentity": {}, "GetSessionToken": {}, "AssumeRole": role,
             "AssumeRoleWithWebIdentity": {**role, "WebIdentityToken": "no token at all"}}
    for config in (Config(), Config(signature_version=UNSIGNED)):
        sts = boto3.client("sts", config=config)
        for name, arguments in calls.items():
            try:
                answer = sts._make_api_call(name, arguments)
            except ClientError as error:
                answer = error.response
            print(f"sts:{name}", answer["ResponseMetadata"]["RequestId"])
    for body in (b"Action=NoSuchAction&Version=2011-06-15", b"Action=AssumeRole"):
        connection = connect()
        connection.request("POST", "/", body, {"content-type": "application/x-www-form-urlencoded"})
        told("-", connection.getresponse())


main()
