"""boto3: a bucket's policy decides for others of the tenant, comes back as it was put, and is refused where it is not
understood.

usage: bucket_policies.py BUCKET ACCESS_KEY_ID SECRET, the latter of a principal `guest` that no other policy
permits anything."""

import json
import sys
from datetime import datetime, timedelta, timezone

import boto3
from botocore.exceptions import ClientError

from connect import client, read, refused

bucket, key_id, secret = sys.argv[1:4]
owner = client()
guest = boto3.client("s3", aws_access_key_id=key_id, aws_secret_access_key=secret)
BUCKET, OBJECTS = f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=3)


def allow(action, resource, **more):
    return {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::clinic:user/guest"}, "Action": action,
            "Resource": resource, **more}


def put(text):
    owner.put_bucket_policy(Bucket=bucket, Policy=text)


owner.create_bucket(Bucket=bucket)
for name in ("open/a", "open/b", "shut/a", "desk/guest/x", "desk/other/x"):
    owner.put_object(Bucket=bucket, Key=name, Body=name.encode())
refused(guest.get_object, "AccessDenied", Bucket=bucket, Key="open/a")

# What is put comes back byte for byte, and decides at once.
text = policy(allow("s3:GetObject", [f"arn:aws:s3:::{bucket}/open/*", f"arn:aws:s3:::{bucket}/desk/${{aws:username}}/*"]),
              allow("s3:ListBucket", BUCKET, Condition={"StringLike": {"s3:prefix": "open/*"}}))
put(text)
assert owner.get_bucket_policy(Bucket=bucket)["Policy"] == text
assert owner.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
assert read(guest, bucket, "open/a") == b"open/a"
assert read(guest, bucket, "desk/guest/x") == b"desk/guest/x"
for name in ("shut/a", "desk/other/x"):
    refused(guest.get_object, "AccessDenied", Bucket=bucket, Key=name)
assert guest.list_objects_v2(Bucket=bucket, Prefix="open/")["KeyCount"] == 2
refused(guest.list_objects_v2, "AccessDenied", Bucket=bucket)
refused(guest.list_objects_v2, "AccessDenied", Bucket=bucket, Prefix="shut/")
refused(guest.put_bucket_policy, "AccessDenied", Bucket=bucket, Policy=text)

# Each key of DeleteObjects, and both ends of a copy.
put(policy(allow("s3:DeleteObject", f"arn:aws:s3:::{bucket}/open/*"),
           allow("s3:PutObject", f"arn:aws:s3:::{bucket}/copies/*"),
           allow("s3:GetObject", f"arn:aws:s3:::{bucket}/open/*")))
guest.copy_object(Bucket=bucket, Key="copies/a", CopySource=f"{bucket}/open/a")
refused(guest.copy_object, "AccessDenied", Bucket=bucket, Key="copies/b", CopySource=f"{bucket}/shut/a")
refused(guest.copy_object, "AccessDenied", Bucket=bucket, Key="elsewhere", CopySource=f"{bucket}/open/a")
answer = guest.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "open/b"}, {"Key": "shut/a"}]})
assert [done["Key"] for done in answer["Deleted"]] == ["open/b"], answer
assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("shut/a", "AccessDenied")], answer
assert read(owner, bucket, "shut/a") == b"shut/a"

# A denial wins over whatever else permits, but nobody is locked out of the policy itself.
put(policy({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [BUCKET, OBJECTS]}))
refused(owner.get_object, "AccessDenied", Bucket=bucket, Key="open/a")
refused(owner.list_objects_v2, "AccessDenied", Bucket=bucket)
owner.get_bucket_policy(Bucket=bucket)
owner.delete_bucket_policy(Bucket=bucket)
refused(owner.get_bucket_policy, "NoSuchBucketPolicy", Bucket=bucket)
assert read(owner, bucket, "open/a") == b"open/a"

# The tags of the object that is there, and those that a request sets.
put(policy(allow(["s3:GetObject"], OBJECTS, Condition={"StringEquals": {"s3:ExistingObjectTag/share": "yes"}}),
           allow("s3:PutObjectTagging", OBJECTS, Condition={"StringEquals": {"s3:RequestObjectTag/colour": "red"}})))
tags = {"TagSet": [{"Key": "share", "Value": "yes"}]}
owner.put_object_tagging(Bucket=bucket, Key="open/a", Tagging=tags)
assert read(guest, bucket, "open/a") == b"open/a"
refused(guest.get_object, "AccessDenied", Bucket=bucket, Key="shut/a")
refused(guest.put_object_tagging, "AccessDenied", Bucket=bucket, Key="shut/a", Tagging=tags)
guest.put_object_tagging(Bucket=bucket, Key="shut/a", Tagging={"TagSet": [{"Key": "colour", "Value": "red"}]})

# A retention is decided about by what its document says. (The bucket keeps none: what is permitted is refused otherwise.)
put(policy(allow("s3:PutObjectRetention", OBJECTS),
           {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObjectRetention", "Resource": OBJECTS,
            "Condition": {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "10"}}}))
for days, denied in ((20, True), (5, False)):
    until = datetime.now(timezone.utc) + timedelta(days=days)
    try:
        guest.put_object_retention(Bucket=bucket, Key="open/a", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until})
        raise AssertionError("a bucket without Object Lock keeps nothing")
    except ClientError as error:
        assert (error.response["Error"]["Code"] == "AccessDenied") == denied, (days, error)



# A store that takes the last of two modes is not asked when the decision was about the first.
def twice(params, **_):
    params["body"] = params["body"].replace(b"<Mode>", b"<Mode>COMPLIANCE</Mode><Mode>")


guest.meta.events.register("before-call.s3.PutObjectRetention", twice)
refused(guest.put_object_retention, "MalformedXML", Bucket=bucket, Key="open/a",
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(timezone.utc) + timedelta(days=5)})
guest.meta.events.unregister("before-call.s3.PutObjectRetention", twice)

# What is not understood in full is refused, and what was there stays.
before = owner.get_bucket_policy(Bucket=bucket)["Policy"]
for element, bad in (
    ("Policy", "no JSON"),
    ("Statement[0].Condition.StringLikes", policy(allow("s3:GetObject", OBJECTS, Condition={"StringLikes": {"s3:prefix": "a"}}))),
    ("Statement[0].Condition.StringLike.s3:prefix", policy(allow("s3:GetObject", OBJECTS, Condition={"StringLike": {"s3:prefix": "a"}}))),
    ("Statement[0].Action", policy(allow("s3:GetObject", BUCKET))),
    ("Statement[0].Resource", policy(allow("s3:GetObject", "arn:aws:s3:::another/*"))),
    ("Statement[0].NotPrincipal", policy({"Effect": "Allow", "NotPrincipal": "*", "Action": "s3:*", "Resource": OBJECTS})),
):
    answer = refused(owner.put_bucket_policy, "MalformedPolicy", Bucket=bucket, Policy=bad)
    assert element in answer["Error"]["Message"], answer
assert owner.get_bucket_policy(Bucket=bucket)["Policy"] == before

# Public, in S3's sense; refused where a client has asked for that.
everybody = policy({"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": BUCKET})
put(everybody)
assert owner.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
guest.list_objects_v2(Bucket=bucket)
block = {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": False}
owner.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
refused(owner.put_bucket_policy, "AccessDenied", Bucket=bucket, Policy=everybody)
put(text)
