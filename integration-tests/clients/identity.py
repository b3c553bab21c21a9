"""boto3 and aws-cli: short-lived credentials for a token of a real identity provider, and every token that gets none.

usage: identity.py ISSUER BUCKET"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from connect import ENDPOINT, client, read, refused

issuer, bucket = sys.argv[1:]
ROLE = "arn:aws:iam::clinic:role/"


def provider(path, **body):
    request = urllib.request.Request(f"{issuer}/test/{path}", json.dumps(body).encode())
    return json.load(urllib.request.urlopen(request))


def sign_in(sub="alice", groups=("readers",), amr=("pwd", "otp"), **more):
    claims = {"groups": list(groups), "clinicId": "c1"}
    return provider("sign-in", sub=sub, amr=list(amr), claims=claims, **more)["token"]


def forged(token, **change):
    return provider("forge", token=token, **change)["token"]


sts = boto3.client("sts", config=Config(signature_version=UNSIGNED))


def assume(token, role="reader", **more):
    return sts.assume_role_with_web_identity(
        RoleArn=ROLE + role, RoleSessionName="laptop", WebIdentityToken=token, **more
    )


def session(answer):
    given = answer["Credentials"]
    return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def get(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def gives_credentials():
    answer = assume(sign_in())
    assert answer["SubjectFromWebIdentityToken"] == "alice", answer
    assert answer["Audience"] == "sealgate" and answer["Provider"] == issuer, answer
    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::clinic:assumed-role/reader/laptop", answer
    lasts = answer["Credentials"]["Expiration"].timestamp() - time.time()
    assert 3500 < lasts <= 3601, lasts
    who = session(answer).client("sts").get_caller_identity()
    assert who["Account"] == "clinic" and who["UserId"] == "sso/alice", who
    short = assume(sign_in(), DurationSeconds=900)["Credentials"]["Expiration"].timestamp()
    assert 850 < short - time.time() <= 901
    refused(assume, "ValidationError", token=sign_in(), DurationSeconds=43200 + 1)


def works_in_every_form_of_signature():
    admin = client()
    admin.create_bucket(Bucket=bucket)
    admin.put_object(Bucket=bucket, Key="held", Body=b"held")
    reader = session(assume(sign_in())).client("s3")
    assert read(reader, bucket, "held") == b"held"
    refused(reader.put_object, "AccessDenied", Bucket=bucket, Key="held", Body=b"changed")
    writer = session(assume(sign_in("bob", ["writers"]), "writer"))
    s3 = writer.client("s3")
    s3.put_object(Bucket=bucket, Key="written", Body=b"x" * (6 << 20))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
    assert read(s3, bucket, "parts") == b"part"
    for version in ("s3v4", "s3"):
        signer = writer.client("s3", config=Config(signature_version=version))
        url = signer.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "held"})
        assert get(url) == (200, b"held"), (version, get(url))
        form = signer.generate_presigned_post(bucket, f"form-{version}")
        fields = "".join(
            f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in form["fields"].items()
        )
        file = '--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nposted\r\n--b--\r\n'
        headers = {"content-type": "multipart/form-data; boundary=b"}
        request = urllib.request.Request(form["url"], (fields + file).encode(), headers)
        assert urllib.request.urlopen(request).status == 204
        assert read(s3, bucket, f"form-{version}") == b"posted"
    # The token of one session does not go with the keys of another, nor a static key with any token.
    mine, theirs = assume(sign_in())["Credentials"], assume(sign_in())["Credentials"]
    for keys in (mine["AccessKeyId"], mine["SecretAccessKey"]), (
        os.environ["AWS_ACCESS_KEY_ID"],
        os.environ["AWS_SECRET_ACCESS_KEY"],
    ):
        mixed = boto3.Session(*keys, theirs["SessionToken"]).client("s3")
        refused(mixed.list_buckets, "InvalidAccessKeyId")
    bare = boto3.Session(mine["AccessKeyId"], mine["SecretAccessKey"]).client("s3")
    refused(bare.list_buckets, "InvalidAccessKeyId")
    spoilt = mine["SessionToken"][:-2] + ("AA" if mine["SessionToken"][-2:] != "AA" else "BB")
    broken = boto3.Session(mine["AccessKeyId"], mine["SecretAccessKey"], spoilt).client("s3")
    refused(broken.list_buckets, "InvalidToken")


def is_found_by_sdks_from_a_file():
    with tempfile.NamedTemporaryFile("w", suffix=".jwt") as file:
        file.write(sign_in("carol", ["writers"]))
        file.flush()
        environment = {name: value for name, value in os.environ.items() if "ACCESS_KEY" not in name}
        environment |= {
            "AWS_ROLE_ARN": ROLE + "writer",
            "AWS_WEB_IDENTITY_TOKEN_FILE": file.name,
            "AWS_ROLE_SESSION_NAME": "job",
            "AWS_ENDPOINT_URL_STS": ENDPOINT,
        }
        script = f"import boto3; s3 = boto3.client('s3'); s3.put_object(Bucket={bucket!r}, Key='job', Body=b'1')"
        subprocess.run([sys.executable, "-c", script], env=environment, check=True)
        aws = os.path.join(os.path.dirname(sys.executable), "aws")
        listed = subprocess.run(
            [sys.executable, aws, "s3", "ls", f"s3://{bucket}/job"], env=environment, check=True, capture_output=True
        )
        assert listed.stdout.split()[-1] == b"job", listed.stdout


def refuses_every_other_token():
    token = sign_in()
    now = int(time.time())
    invalid, expired = "InvalidIdentityToken", "ExpiredTokenException"
    for why, code, change in [
        ("issuer", invalid, {"claims": {"iss": "http://127.0.0.1:1"}}),
        ("no issuer", invalid, {"claims": {"iss": None}}),
        ("audience", invalid, {"claims": {"aud": "another"}}),
        ("several audiences, no party", invalid, {"claims": {"aud": ["sealgate", "another"]}}),
        ("another party", invalid, {"claims": {"azp": "another"}}),
        ("expired", expired, {"claims": {"exp": now - 61}}),
        ("no end", invalid, {"claims": {"exp": None}}),
        ("an end that is text", invalid, {"claims": {"exp": str(now + 60)}}),
        ("not yet", invalid, {"claims": {"nbf": now + 120}}),
        ("from the future", invalid, {"claims": {"iat": now + 120}}),
        ("no subject", invalid, {"claims": {"sub": None}}),
        ("key id", invalid, {"header": {"kid": "second"}}),
        ("algorithm", invalid, {"header": {"alg": "RS512"}}),
        ("none", invalid, {"with": "none"}),
        ("confused", invalid, {"with": "confused"}),
        ("a stranger's key", invalid, {"with": "stranger"}),
        ("critical", invalid, {"header": {"crit": ["b64"], "b64": True}}),
        ("type", invalid, {"header": {"typ": "logout+jwt"}}),
        ("a claim twice", invalid, {"raw": '"aud":"sealgate"'}),
        ("a role twice", invalid, {"raw": '"groups":["writers"]'}),
        ("no role", "AccessDenied", {"claims": {"groups": ["guests"]}}),
        ("no second factor", "IDPRejectedClaim", {"claims": {"amr": ["pwd"]}}),
        ("no time of it", "IDPRejectedClaim", {"claims": {"auth_time": None}}),
        ("an old one", "IDPRejectedClaim", {"claims": {"auth_time": now - 13 * 3600}}),
        ("one from the future", "IDPRejectedClaim", {"claims": {"auth_time": now + 3600}}),
    ]:
        try:
            refused(assume, code, token=forged(token, **change))
        except AssertionError as error:
            raise AssertionError(why) from error
    head, body, signature = token.split(".")
    for spoilt in (head, f"{head}.{body}", f"{head}.{body}.", f"{token}x", "x" * 20001, f".{token}"):
        refused(assume, invalid, "ValidationError", token=spoilt)
    # Within the skew it is good, and what was refused spoilt nothing.
    assume(forged(token, claims={"exp": now - 5}))
    assume(forged(token, claims={"aud": ["sealgate", "another"], "azp": "sealgate"}))
    # A role that the claims do not give, and a tenant that does not know the provider.
    refused(assume, "AccessDenied", token=token, role="tenant-admin")
    stranger = {"RoleArn": "arn:aws:iam::lab:role/reader", "RoleSessionName": "laptop"}
    refused(sts.assume_role_with_web_identity, invalid, WebIdentityToken=token, **stranger)
    # A real token, for another client of the same provider.
    refused(assume, invalid, token=sign_in(client="another"))


def takes_a_token_with_an_id_once():
    once = forged(sign_in(), claims={"jti": str(uuid.uuid4())})
    assume(once)
    refused(assume, "InvalidIdentityToken", token=once)
    assume(forged(sign_in(), claims={"jti": str(uuid.uuid4())}))


def narrows_what_one_has():
    static = boto3.client("sts")
    who = static.get_caller_identity()
    assert who["Arn"] == "arn:aws:iam::clinic:user/clinic-admin", who
    narrowed = static.assume_role(RoleArn=ROLE + "tenant-admin", RoleSessionName="job")
    s3 = session(narrowed).client("s3")
    assert read(s3, bucket, "held") == b"held"
    refused(static.assume_role, "AccessDenied", RoleArn=ROLE + "writer", RoleSessionName="job")
    lab = "arn:aws:iam::lab:role/tenant-admin"
    refused(static.assume_role, "AccessDenied", RoleArn=lab, RoleSessionName="job")
    token = session(static.get_session_token(DurationSeconds=900))
    assert read(token.client("s3"), bucket, "held") == b"held"
    refused(token.client("sts").get_session_token, "AccessDenied")
    again = token.client("sts").assume_role(RoleArn=ROLE + "tenant-admin", RoleSessionName="again")
    # It does not outlive the session it was made in.
    assert again["Credentials"]["Expiration"].timestamp() - time.time() < 901
    known = os.environ["AWS_ACCESS_KEY_ID"]
    wrong = boto3.client("sts", aws_access_key_id=known, aws_secret_access_key="wrong")
    refused(wrong.get_caller_identity, "SignatureDoesNotMatch")
    refused(static.get_federation_token, "InvalidAction", Name="x" * 3)
    policy = {"Policy": "{}", "RoleSessionName": "job", "RoleArn": ROLE + "tenant-admin"}
    refused(static.assume_role, "ValidationError", "MalformedPolicyDocument", **policy)


def follows_the_providers_keys():
    old = sign_in()
    provider("rotate")
    new = sign_in()
    # A provider is asked for unknown keys every ten seconds at most, and it was asked for some above.
    for _ in range(60):
        try:
            assume(new)
            break
        except ClientError:
            time.sleep(1)
    else:
        raise AssertionError("a new key is not asked for")
    refused(assume, "InvalidIdentityToken", token=old)
    # Known keys are good while the provider does not answer; unknown ones are not asked for again and again.
    good = sign_in()
    provider("broken", broken=True)
    before = provider("asked")["asked"]
    assume(good)
    for number in range(5):
        stranger = forged(good, header={"kid": f"unknown-{number}"})
        refused(assume, "InvalidIdentityToken", "IDPCommunicationError", token=stranger)
    assert provider("asked")["asked"] - before <= 1
    provider("broken", broken=False)


gives_credentials()
works_in_every_form_of_signature()
is_found_by_sdks_from_a_file()
refuses_every_other_token()
takes_a_token_with_an_id_once()
narrows_what_one_has()
follows_the_providers_keys()
