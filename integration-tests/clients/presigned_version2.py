"""boto3 as it presigns by default in us-east-1, with Signature Version 2: its URLs are leave for one operation on
one key, and nothing of meaning can be added to them."""

import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from connect import client, noise, read

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
KEY, BODY = "Röntgen bild+1 (=*@:,).dcm", noise(200_000)


def send(url, method="GET", body=None, **headers):
    # urllib adds a content type to a body that has none; an empty one is what was signed.
    headers = {"Content-Type": "", **headers} if body is not None else headers
    request = urllib.request.Request(
        url, data=body, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def sign(operation, expires=60, key=KEY, **arguments):
    return s3.generate_presigned_url(
        operation, Params={"Bucket": bucket, "Key": key, **arguments}, ExpiresIn=expires)


def refused(url, code, *arguments, **headers):
    status, answer = send(url, *arguments, **headers)
    assert status == 403 and f"<Code>{code}</Code>".encode() in answer, (url, status, answer)


put = sign("put_object")
assert "AWSAccessKeyId=" in put and "X-Amz-Algorithm" not in put, put
assert send(put, "PUT", BODY)[0] == 200
assert read(s3, bucket, KEY) == BODY
get = sign("get_object")
assert send(get) == (200, BODY)
assert send(get, Range="bytes=65530-65545") == (206, BODY[65530:65546])
disposition = sign("get_object", ResponseContentDisposition='attachment; filename="a b+c.txt"')
assert send(disposition) == (200, BODY)
assert send(sign("head_object"), "HEAD") == (200, b"")
listing = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": bucket, "Prefix": "R"})
status, answer = send(listing)
assert status == 200 and b"<Key>R%C3%B6ntgen" in answer, answer

# One operation, one key, and of the query every sub-resource.
refused(get, "SignatureDoesNotMatch", "PUT", b"stolen")
refused(get.replace("dcm", "dcn"), "SignatureDoesNotMatch")
refused(get + "&versionId=1", "SignatureDoesNotMatch")
refused(get + "&response-content-type=text/html", "SignatureDoesNotMatch")
refused(get + "&x-amz-acl=private", "SignatureDoesNotMatch")
refused(disposition.replace("attachment", "inline"), "SignatureDoesNotMatch")
refused(get + "&legal-hold", "AccessDenied")
refused(put + "&retention", "AccessDenied", "PUT", b"stolen")
refused(put, "SignatureDoesNotMatch", "PUT", b"stolen", x_amz_meta_added="1")
refused(put, "SignatureDoesNotMatch", "PUT", b"stolen", x_amz_copy_source=f"/{bucket}/{urllib.parse.quote(KEY)}")
refused(put, "SignatureDoesNotMatch", "PUT", b"stolen", Content_Type="text/html")
for method in ("HEAD", "PUT"):
    assert send(get, method)[0] == 403, method
signature = urllib.parse.parse_qs(urllib.parse.urlsplit(get).query)["AWSAccessKeyId"][0]
refused(get.replace(signature, "NOBODY"), "InvalidAccessKeyId")
expired = sign("get_object", expires=-30)
refused(expired, "AccessDenied")
assert b"Request has expired" in send(expired)[1]
later = str(int(time.time()) + 3600)
earlier = urllib.parse.parse_qs(urllib.parse.urlsplit(expired).query)["Expires"][0]
refused(expired.replace(f"Expires={earlier}", f"Expires={later}"), "SignatureDoesNotMatch")
assert read(s3, bucket, KEY) == BODY

# What was signed with the URL must be sent; headers that start with x-amz- may also stay in it.
typed = sign("put_object", key="typed", ContentType="text/csv")
assert send(typed, "PUT", b"a,b", Content_Type="text/csv")[0] == 200
assert s3.head_object(Bucket=bucket, Key="typed")["ContentType"] == "text/csv"
named = sign("put_object", key="named", Metadata={"colour": "blue"}, Tagging="a=b")
assert send(named, "PUT", b"1")[0] == 200
assert send(named, "PUT", b"1", x_amz_meta_colour="blue")[0] == 200
# Another value is a contradiction, whichever of the two was signed.
assert send(named, "PUT", b"1", x_amz_meta_colour="red")[0] == 400
assert s3.head_object(Bucket=bucket, Key="named")["Metadata"] == {"colour": "blue"}
