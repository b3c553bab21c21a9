"""boto3: a tenant that the admin API made has an identity provider and limits of its own. usage: made_tenant.py ISSUER BUCKET"""

import json
import sys
import time
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from connect import read, refused

issuer, bucket = sys.argv[1:]
body = {"sub": "lena", "amr": ["otp"], "claims": {"groups": ["lab"]}}
request = urllib.request.Request(f"{issuer}/test/sign-in", json.dumps(body).encode())
token = json.load(urllib.request.urlopen(request))["token"]
sts = boto3.client("sts", config=Config(signature_version=UNSIGNED))
role = {"RoleArn": "arn:aws:iam::lab:role/tenant-admin", "RoleSessionName": "laptop", "WebIdentityToken": token}
said = None
for _ in range(60):
    try:
        given = sts.assume_role_with_web_identity(**role)["Credentials"]
        break
    except ClientError as error:
        said = error
        time.sleep(0.5)
else:
    raise AssertionError(f"the tenant's identity provider is not asked: {said}")
s3 = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]).client("s3")
s3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="small", Body=b"small")
assert read(s3, bucket, "small") == b"small"
refused(s3.put_object, "EntityTooLarge", Bucket=bucket, Key="large", Body=bytes(1 << 20 | 1))
# The provider vouches for nobody in a tenant that does not name it.
demo = role | {"RoleArn": "arn:aws:iam::demo:role/tenant-admin"}
refused(sts.assume_role_with_web_identity, "InvalidIdentityToken", **demo)
