"""boto3 signs URLs, and a client without credentials uses them."""

import sys
import urllib.error
import urllib.request

from connect import client, noise, read

bucket = sys.argv[1]
s3 = client(signature_version="s3v4")
s3.create_bucket(Bucket=bucket)
KEY, BODY = "Röntgen bild+1.dcm", noise(200_000)


def send(url, method="GET", body=None, **headers):
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def sign(operation, expires=60, key=KEY, **arguments):
    return s3.generate_presigned_url(
        operation, Params={"Bucket": bucket, "Key": key, **arguments}, ExpiresIn=expires)


put = sign("put_object")
assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in put, put
status, answer = send(put, "PUT", BODY)
assert status == 200, (status, answer)
assert read(s3, bucket, KEY) == BODY
assert send(sign("get_object")) == (200, BODY)

status, answer = send(sign("get_object"), Range="bytes=65530-65545")
assert (status, answer) == (206, BODY[65530:65546])

# A URL is leave for one operation on one key, and its text cannot be changed.
status, answer = send(sign("get_object"), "PUT", b"stolen")
assert status == 403 and b"SignatureDoesNotMatch" in answer, (status, answer)
status, answer = send(sign("get_object").replace("dcm", "dcn"))
assert status == 403 and b"SignatureDoesNotMatch" in answer, (status, answer)
status, answer = send(sign("get_object") + "&versionId=1")
assert status == 403 and b"SignatureDoesNotMatch" in answer, (status, answer)
assert read(s3, bucket, KEY) == BODY

# What was signed with the URL must be sent.
put = sign("put_object", key="typed", ContentType="text/csv")
assert send(put, "PUT", b"a,b", **{"Content-Type": "text/csv"})[0] == 200
assert s3.head_object(Bucket=bucket, Key="typed")["ContentType"] == "text/csv"
assert send(put, "PUT", b"a,b", **{"Content-Type": "text/html"})[0] == 403
