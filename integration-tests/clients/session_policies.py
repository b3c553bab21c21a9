"""boto3 and aws-cli: sessions with a policy of their own, which takes away and never gives.

usage: session_policies.py ISSUER BUCKET"""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from connect import client, read, refused

issuer, bucket = sys.argv[1:]
ROLE = "arn:aws:iam::clinic:role/"
HERE = f"arn:aws:s3:::{bucket}"


def sign_in(*groups):
    body = {"sub": "alice", "amr": ["pwd", "otp"], "claims": {"groups": groups, "clinicId": "c1"}}
    request = urllib.request.Request(f"{issuer}/test/sign-in", json.dumps(body).encode())
    return json.load(urllib.request.urlopen(request))["token"]


def allow(actions, resources, effect="Allow", **more):
    return {"Effect": effect, "Action": actions, "Resource": resources, **more}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


EVERYTHING = policy(allow("*", "*"))
OF_DESK = policy(
    allow(["s3:GetObject", "s3:PutObject"], f"{HERE}/desk/${{aws:PrincipalTag/clinicId}}/*"),
    allow("s3:ListBucket", HERE, Condition={"StringLike": {"s3:prefix": "desk/c1/*"}}),
)
sts = boto3.client("sts", config=Config(signature_version=UNSIGNED))


def web(role, **more):
    return sts.assume_role_with_web_identity(
        RoleArn=ROLE + role, RoleSessionName="job", WebIdentityToken=sign_in(role + "s"), **more
    )


def session(answer):
    given = answer["Credentials"]
    return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def status(url, body=None, headers={}):
    request = urllib.request.Request(url, body, headers, method="GET" if body is None else None)
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        return error.code


admin = client()
admin.create_bucket(Bucket=bucket)
for key in ("desk/c1/mine", "desk/c2/theirs", "desk/c1/again"):
    admin.put_object(Bucket=bucket, Key=key, Body=key.encode())


def keeps_to_a_prefix_and_to_actions():
    answer = web("writer", Policy=OF_DESK)
    assert 0 < answer["PackedPolicySize"] <= 100, answer
    assert "PackedPolicySize" not in web("writer")
    within = session(answer)
    s3 = within.client("s3")
    assert read(s3, bucket, "desk/c1/mine") == b"desk/c1/mine"
    s3.put_object(Bucket=bucket, Key="desk/c1/new", Body=b"new")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="desk/c1/")
    assert [entry["Key"] for entry in listed["Contents"]] == ["desk/c1/again", "desk/c1/mine", "desk/c1/new"]
    there, elsewhere = {"Bucket": bucket, "Key": "desk/c1/mine"}, {"Bucket": bucket, "Key": "desk/c2/theirs"}
    for call, arguments in [
        (s3.get_object, elsewhere),
        (s3.head_object, elsewhere),
        (s3.put_object, elsewhere | {"Body": b"x"}),
        (s3.create_multipart_upload, elsewhere),
        (s3.copy_object, there | {"CopySource": elsewhere}),
        (s3.copy_object, elsewhere | {"CopySource": there}),
        (s3.delete_object, there),
        (s3.get_object_tagging, there),
        (s3.list_objects_v2, {"Bucket": bucket}),
        (s3.list_objects_v2, {"Bucket": bucket, "Prefix": "desk/"}),
        (s3.list_buckets, {}),
        (s3.create_bucket, {"Bucket": bucket + "-2"}),
    ]:
        refused(call, "AccessDenied", "403", **arguments)
    s3.copy_object(Bucket=bucket, Key="desk/c1/copy", CopySource=there)
    errors = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "desk/c1/copy"}]})["Errors"]
    assert [error["Code"] for error in errors] == ["AccessDenied"], errors
    for version in ("s3v4", "s3"):
        signer = within.client("s3", config=Config(signature_version=version))
        of = lambda place: signer.generate_presigned_url("get_object", place)
        assert (status(of(there)), status(of(elsewhere))) == (200, 403), version
    for key, expected in ("desk/c1/form", 204), ("desk/c2/form", 403):
        form = within.client("s3", config=Config(signature_version="s3v4")).generate_presigned_post(bucket, key)
        part = '--b\r\ncontent-disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
        fields = [part.format(name, "", value) for name, value in form["fields"].items()]
        body = "".join([*fields, part.format("file", '; filename="f"', "x"), "--b--\r\n"]).encode()
        headers = {"content-type": "multipart/form-data; boundary=b"}
        assert status(form["url"], body, headers) == expected, key


def gives_nothing():
    reader = session(web("reader", Policy=EVERYTHING)).client("s3")
    assert read(reader, bucket, "desk/c2/theirs") == b"desk/c2/theirs"
    refused(reader.put_object, "AccessDenied", Bucket=bucket, Key="desk/c1/x", Body=b"x")
    # What a session's policy denies is denied, whatever else it allows.
    without = policy(allow("s3:*", "*"), allow("s3:GetObject", f"{HERE}/desk/c2/*", "Deny"))
    reader = session(web("reader", Policy=without)).client("s3")
    assert read(reader, bucket, "desk/c1/mine") == b"desk/c1/mine"
    refused(reader.get_object, "AccessDenied", Bucket=bucket, Key="desk/c2/theirs")
    # A bucket's policy lets a session do no more than its own does.
    mine = {"AWS": "arn:aws:iam::clinic:user/sso/alice"}
    admin.put_bucket_policy(Bucket=bucket, Policy=policy(allow("s3:*", [HERE, HERE + "/*"], Principal=mine)))
    writer = session(web("writer", Policy=OF_DESK)).client("s3")
    refused(writer.get_object, "AccessDenied", Bucket=bucket, Key="desk/c2/theirs")
    refused(writer.delete_bucket_policy, "AccessDenied", Bucket=bucket)
    admin.delete_bucket_policy(Bucket=bucket)


def is_kept_by_sessions_made_in_it():
    within = session(web("writer", Policy=OF_DESK))
    for more in ({}, {"Policy": EVERYTHING}):
        answer = within.client("sts").assume_role(RoleArn=ROLE + "writer", RoleSessionName="next", **more)
        s3 = session(answer).client("s3")
        assert read(s3, bucket, "desk/c1/mine") == b"desk/c1/mine"
        refused(s3.get_object, "AccessDenied", Bucket=bucket, Key="desk/c2/theirs")
    reads = policy(allow("s3:GetObject", HERE + "/*"))
    answer = within.client("sts").assume_role(RoleArn=ROLE + "writer", RoleSessionName="next", Policy=reads)
    s3 = session(answer).client("s3")
    assert read(s3, bucket, "desk/c1/mine") == b"desk/c1/mine"
    refused(s3.get_object, "AccessDenied", Bucket=bucket, Key="desk/c2/theirs")
    refused(s3.put_object, "AccessDenied", Bucket=bucket, Key="desk/c1/x", Body=b"x")


def works_in_aws_cli():
    aws = [sys.executable, os.path.join(os.path.dirname(sys.executable), "aws")]
    call = [*aws, "sts", "assume-role", "--role-arn", ROLE + "tenant-admin", "--role-session-name", "job"]
    only = policy(allow("s3:GetObject", f"{HERE}/desk/c1/*"))
    answer = json.loads(subprocess.run([*call, "--policy", only], check=True, capture_output=True).stdout)
    given = answer["Credentials"]
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
    copy = lambda key: subprocess.run([*aws, "s3", "cp", f"s3://{bucket}/{key}", "-"], env=environment, capture_output=True)
    assert copy("desk/c1/mine").stdout == b"desk/c1/mine"
    assert copy("desk/c2/theirs").returncode != 0


def refuses_what_it_does_not_understand():
    static = boto3.client("sts")
    ours = {"RoleArn": ROLE + "tenant-admin", "RoleSessionName": "job"}
    malformed = "MalformedPolicyDocument"
    for document in (
        "{}",
        "not JSON",
        policy(allow("s3:NoSuchAction", "*")),
        policy(allow("s3:*", "*", Principal="*")),
        policy(allow("s3:*", "*", Condition={"StringEquals": {"aws:NoSuchKey": "x"}})),
        policy(allow("s3:*", "*", Condition={"ForAllValues:StringEquals": {"s3:prefix": "x"}})),
        policy(allow("s3:GetObject", "arn:aws:s3:::rec*/x")),
    ):
        answer = refused(static.assume_role, malformed, **ours, Policy=document)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400, answer
    refused(web, malformed, role="reader", Policy="{}")
    managed = [{"arn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}]
    refused(static.assume_role, "ValidationError", **ours, PolicyArns=managed)
    refused(web, "ValidationError", role="reader", PolicyArns=managed)
    refused(static.assume_role, "ValidationError", **ours, Tags=[{"Key": "clinicId", "Value": "c2"}])
    # The longest is taken; one character more is not.
    longest = EVERYTHING + " " * (2048 - len(EVERYTHING))
    last = session(static.assume_role(**ours, Policy=longest))
    assert read(last.client("s3"), bucket, "desk/c1/mine") == b"desk/c1/mine"
    refused(static.assume_role, "ValidationError", **ours, Policy=longest + " ")
    # Every link of a chain keeps its own, and only so many fit into a token.
    last = session(last.client("sts").assume_role(**ours, Policy=longest))
    assert read(last.client("s3"), bucket, "desk/c1/mine") == b"desk/c1/mine"
    refused(last.client("sts").assume_role, "PackedPolicyTooLarge", **ours, Policy=longest)


keeps_to_a_prefix_and_to_actions()
gives_nothing()
is_kept_by_sessions_made_in_it()
works_in_aws_cli()
refuses_what_it_does_not_understand()
