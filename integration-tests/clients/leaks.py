"""Requests with a canary wherever a client can put words, through success, refusals and failures of the store. What the
answers are is of no interest here; the test looks at what the gateway wrote meanwhile."""

import base64
import http.client
import json
import os
import sys
import urllib.parse

from raw import UNSIGNED, signed

canary = sys.argv[1]
bucket = "leaks"
address = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
sent = []


def send(point, method, target, headers, body=b""):
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(body)))
        connection.endheaders()
        connection.send(body)
        answer = connection.getresponse()
        answer.read()
        sent.append((point, answer.status))
    except (OSError, http.client.HTTPException):
        sent.append((point, 0))
    finally:
        connection.close()


def ask(point, method, path, headers=(), query="", body=b"", more=()):
    """Signed; `more` are headers that are not."""
    target, all_headers = signed(method, path, headers, UNSIGNED, query)
    send(point, method, target, all_headers | dict(more), body)


q = urllib.parse.quote
obj = f"/{bucket}/{canary}"
ask("bucket", "PUT", f"/{bucket}")
ask("key of a put, body", "PUT", obj, body=canary.encode())
ask("key of a get", "GET", obj)
ask("key of what is not there", "GET", f"/{bucket}/no-{canary}")
ask("key of a head", "HEAD", obj)
ask("metadata value", "PUT", obj, {"x-amz-meta-patient": canary})
ask("metadata name", "PUT", obj, {f"x-amz-meta-{canary}": "x"})
ask("metadata that is no ASCII", "PUT", obj, {"x-amz-meta-patient": f"{canary} \u00e9".encode("latin-1")})
ask("tags in a header", "PUT", obj, {"x-amz-tagging": f"{canary}={canary}"})
ask("tags that are none", "PUT", obj, {"x-amz-tagging": f"{canary}&&&=%zz"})
ask("tags in a document", "PUT", obj, query="tagging=", body=f"<Tagging><TagSet><Tag><Key>{canary}</Key><Value>{canary}</Value></Tag></TagSet></Tagging>".encode())
ask("content type", "PUT", obj, {"content-type": f"text/{canary}"})
ask("content disposition", "PUT", obj, {"content-disposition": f"attachment; filename={canary}"})
ask("copy source", "PUT", f"/{bucket}/copy", {"x-amz-copy-source": f"/{bucket}/{canary}"})
ask("copy source that is not there", "PUT", f"/{bucket}/copy", {"x-amz-copy-source": f"/{bucket}/no-{canary}"})
ask("copy source that is none", "PUT", f"/{bucket}/copy", {"x-amz-copy-source": f"%%{canary}"})
ask("prefix", "GET", f"/{bucket}", query=f"list-type=2&prefix={canary}")
ask("delimiter", "GET", f"/{bucket}", query=f"delimiter={canary}&list-type=2")
ask("continuation token", "GET", f"/{bucket}", query=f"continuation-token={canary}&list-type=2")
ask("unknown parameter", "GET", f"/{bucket}", query=f"{canary}=")
ask("version id", "GET", obj, query=f"versionId={canary}")
ask("version id of a deletion", "DELETE", obj, query=f"versionId={canary}")
ask("version id among several", "POST", f"/{bucket}", query="delete=", body=f"<Delete><Object><Key>x</Key><VersionId>{canary}</VersionId></Object></Delete>".encode())
ask("upload id", "PUT", obj, query=f"partNumber=1&uploadId={canary}", body=b"x")
ask("overridden header", "GET", obj, query=f"response-content-disposition={canary}")
ask("condition", "GET", obj, {"if-match": f'"{canary}"'})
ask("range", "GET", obj, {"range": f"bytes={canary}"})
ask("checksum", "PUT", obj, {"x-amz-checksum-sha256": canary})
ask("digest", "PUT", obj, {"content-md5": base64.b64encode(canary.encode()[:16]).decode()})
ask("encryption context", "PUT", obj, {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-context": base64.b64encode(json.dumps({"patient": canary}).encode()).decode()})
ask("kms key id", "PUT", obj, {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": canary})
ask("grant", "PUT", obj, {"x-amz-grant-read": f"id={canary}"})
ask("unknown header", "PUT", obj, {f"x-amz-{canary}": canary})
ask("owner", "GET", obj, {"x-amz-expected-bucket-owner": canary})
ask("several keys", "POST", f"/{bucket}", query="delete=", body=f"<Delete><Object><Key>{canary}</Key></Object><Object><Key>{canary}2</Key></Object></Delete>".encode())
ask("several keys that are none", "POST", f"/{bucket}", query="delete=", body=f"<Delete><Object><{canary}>".encode())
ask("bucket policy", "PUT", f"/{bucket}", query="policy=", body=json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": canary, "Effect": "Deny", "Principal": canary, "Action": f"s3:{canary}", "Resource": canary}]}).encode())
ask("cors rules", "PUT", f"/{bucket}", query="cors=", body=f"<CORSConfiguration><CORSRule><AllowedOrigin>https://{canary}</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>".encode())
ask("user agent, referer, cookie, origin", "GET", obj, more={"user-agent": canary, "referer": f"https://x/{canary}", "cookie": f"a={canary}", "origin": f"https://{canary}"})
ask("forwarded", "GET", obj, more={"x-forwarded-for": canary, "forwarded": f"for={canary}", "via": canary})
ask("method", canary.upper(), obj)
ask("bucket that cannot be", "GET", f"/{canary.upper()}/x")

host = {"host": address.netloc}
send("preflight", "OPTIONS", obj, host | {"origin": f"https://{canary}", "access-control-request-method": "GET", "access-control-request-headers": canary})
send("authorization", "GET", obj, host | {"authorization": f"AWS4-HMAC-SHA256 Credential={canary}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature={canary}"})
send("authorization that is none", "GET", obj, host | {"authorization": f"Basic {canary}"})
send("presigned", "GET", f"{obj}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={canary}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature={canary}", host)
send("presigned of old", "GET", f"{obj}?AWSAccessKeyId={canary}&Expires=1&Signature={canary}", host)
send("session token", "GET", obj, host | {"x-amz-security-token": canary, "authorization": f"AWS4-HMAC-SHA256 Credential=X/20260101/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-security-token, Signature={'0' * 64}"})
send("host", "GET", "/", {"host": f"{canary}.example.org"})
send("target that is none", "GET", f"/{bucket}/%zz{canary}", host)
token = f"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::{canary}:role/{canary}&RoleSessionName={canary}&WebIdentityToken={canary}"
send("web identity token", "POST", "/", host | {"content-type": "application/x-www-form-urlencoded"}, token.encode())
policy = base64.b64encode(json.dumps({"expiration": "2030-01-01T00:00:00Z", "conditions": [["eq", "$key", canary]]}).encode()).decode()
fields = {"key": canary, "policy": policy, "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": f"{canary}/20260101/us-east-1/s3/aws4_request", "x-amz-date": "20260101T000000Z", "x-amz-signature": canary, f"x-amz-meta-{canary}": canary}
form = "".join(f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
form += f'--b\r\nContent-Disposition: form-data; name="file"; filename="{canary}"\r\n\r\n{canary}\r\n--b--\r\n'
send("form", "POST", f"/{bucket}", host | {"content-type": "multipart/form-data; boundary=b"}, form.encode())
send("form that is none", "POST", f"/{bucket}", host | {"content-type": f"multipart/form-data; boundary={canary}"}, canary.encode())

print(json.dumps(sent))
