"""POST uploads: every way to sign a form, every condition of its policy, every answer, and no trace of a form that
fails at its last byte."""

import base64
import hashlib
import sys
import xml.etree.ElementTree as ET
import zlib

from connect import client, noise, read, refused
from forms import END, ENDPOINT, encoded, fields, part, post

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
ANY = ["starts-with", "$key", ""]
SMALL, MEDIUM, LARGE = b"small", noise(1_500_000), noise(12_345_678)


def head(key):
    return s3.head_object(Bucket=bucket, Key=key)


def refuse(status, code, form, file=SMALL, body=None, **sent):
    """The form is refused with this code, and nothing is stored under its key."""
    got, _, answer = post(bucket, encoded(form, file) if body is None else body, **sent)
    assert got == status and f"<Code>{code}</Code>".encode() in answer, (form, got, answer)
    if "key" in form:
        refused(s3.head_object, "404", Bucket=bucket, Key=form["key"])
    return answer.decode()


# boto3 signs policies with Version 2 by default in us-east-1, and with Version 4 when asked.
for version in (None, "s3v4"):
    signer = client(signature_version=version) if version else s3
    for size, file in {"small": SMALL, "medium": MEDIUM, "large": LARGE, "empty": b""}.items():
        key = f"{version}/{size} é+&"
        made = signer.generate_presigned_post(
            bucket, key, Fields={"acl": "private", "Content-Type": "text/x-test", "x-amz-meta-size": size},
            Conditions=[{"acl": "private"}, ["starts-with", "$Content-Type", "text/"],
                        {"x-amz-meta-size": size}, ["content-length-range", 0, 20_000_000]])
        assert ("x-amz-signature" in made["fields"]) == (version == "s3v4"), made
        status, headers, answer = post(bucket, encoded(made["fields"], file))
        assert (status, answer) == (204, b""), (key, status, answer)
        found = head(key)
        assert headers["etag"] == found["ETag"] and found["ContentLength"] == len(file)
        assert (found["ContentType"], found["Metadata"]) == ("text/x-test", {"size": size})
        assert read(s3, bucket, key) == file, key
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]
        assert [(one["Size"], one["ETag"]) for one in listed] == [(len(file), found["ETag"])]

# Fields behind the file are ignored, a missing last line break is fine, and so is any splitting.
for name, file in {"after-small": SMALL, "after-large": LARGE}.items():
    form = fields(bucket, [ANY], key=name)
    body = encoded(form, file, after=part("submit", "Upload to S3"), end=END[:-2])
    assert post(bucket, body)[0] == 204
    assert read(s3, bucket, name) == file
form = fields(bucket, [ANY], key="bytes")
body = encoded(form, b"\r\n--\r\n------WebKitFormBoundary\r\n")
assert post(bucket, body, pieces=[body[at:at + 1] for at in range(len(body))])[0] == 204
assert read(s3, bucket, "bytes") == b"\r\n--\r\n------WebKitFormBoundary\r\n"

# Answers.
for asked, expected in (("200", 200), ("201", 201), ("204", 204), ("404", 204)):
    form = fields(bucket, [ANY, {"success_action_status": asked}], key="a b", success_action_status=asked)
    status, headers, answer = post(bucket, encoded(form, SMALL))
    assert status == expected and headers["location"] == f"{ENDPOINT.geturl()}/{bucket}/a%20b", (asked, status, headers)
    if status == 201:
        told = {child.tag: child.text for child in ET.fromstring(answer)}
        assert told == {"Location": headers["location"], "Bucket": bucket, "Key": "a b", "ETag": headers["etag"]}, told
        assert headers["content-type"] == "application/xml"
    else:
        assert answer == b""
url = "https://example.org/done?a=1"
form = fields(bucket, [ANY, ["eq", "$success_action_redirect", url]], key="a b", success_action_redirect=url)
status, headers, _ = post(bucket, encoded(form, SMALL))
etag = headers["etag"].strip('"')
assert (status, headers["location"]) == (303, f"{url}&bucket={bucket}&key=a%20b&etag=%22{etag}%22"), headers

# The file's name, without the folders that old browsers send; tags; checksums.
form = fields(bucket, [["starts-with", "$key", "in/"], ["starts-with", "$tagging", ""]], key="in/${filename}",
              tagging="<Tagging><TagSet><Tag><Key>a b</Key><Value>1&amp;2</Value></Tag></TagSet></Tagging>")
assert post(bucket, encoded(form, SMALL, filename="C:\\pictures\\cat.png"))[0] == 204
tags = s3.get_object_tagging(Bucket=bucket, Key="in/cat.png")["TagSet"]
assert tags == [{"Key": "a b", "Value": "1&2"}], tags
for size, file in {"small": SMALL, "large": LARGE}.items():
    crc32 = base64.b64encode(zlib.crc32(file).to_bytes(4, "big")).decode()
    md5 = base64.b64encode(hashlib.md5(file).digest()).decode()
    form = fields(bucket, [ANY], key=f"sum-{size}", x_amz_checksum_crc32=crc32)
    refuse(400, "BadDigest", form, file[:-1] + bytes([file[-1] ^ 1]))
    assert post(bucket, encoded(form, file))[0] == 204
    form = fields(bucket, [ANY], key=f"md5-{size}", content_md5=md5)
    refuse(400, "BadDigest", form, file[:-1] + bytes([file[-1] ^ 1]))

# What the policy does not allow.
for version in (2, 4):
    key = f"refused-{version}"

    def form(*conditions, seconds=600, **named):
        return fields(bucket, [{"key": key}, *conditions], version, seconds, **{"key": key, **named})

    def invalid(made):
        answer = refuse(403, "AccessDenied", made)
        assert "Invalid according to Policy" in answer, answer
        return answer

    assert "expired" in invalid(form(seconds=-60))
    assert "$key" in invalid(form(key=f"{key}x"))
    assert "Extra input fields: x-amz-meta-a" in invalid(form(x_amz_meta_a="1"))
    assert "Extra input fields: acl" in invalid(form(acl="private"))
    assert "Extra input fields: tagging" in invalid(form(tagging="<Tagging><TagSet/></Tagging>"))
    invalid(form(["starts-with", "$x-amz-meta-a", "b"], x_amz_meta_a="a"))
    invalid(form({"bucket": "another-bucket"}))
    refuse(403, "SignatureDoesNotMatch", {**form(), "x-amz-signature" if version == 4 else "signature": "AAAA"})
    stolen = {name: value.replace("TEST", "NONE").replace("DEMO", "NONE") if "redential" in name or "AccessKey" in name else value
              for name, value in form().items()}
    refuse(403, "InvalidAccessKeyId", stolen)
    other = form(["content-length-range", 0, 1])
    refuse(403, "SignatureDoesNotMatch", {**form(), "policy": other["policy"]})
    refuse(400, "EntityTooLarge", form(["content-length-range", 0, 4]))
    refuse(400, "EntityTooSmall", form(["content-length-range", 6, 10]))
    assert post(bucket, encoded(form(["content-length-range", 5, 5]), SMALL))[0] == 204
    s3.delete_object(Bucket=bucket, Key=key)
    # One byte too many or too few of a large file shows at its end only.
    refuse(400, "EntityTooLarge", form(["content-length-range", 0, len(LARGE) - 1]), LARGE)
    refuse(400, "EntityTooSmall", form(["content-length-range", len(LARGE) + 1, 10**9]), LARGE)
    refuse(400, "AccessControlListNotSupported", form({"acl": "public-read"}, acl="public-read"))
    refuse(501, "NotImplemented", form({"x-amz-website-redirect-location": "/x"}, x_amz_website_redirect_location="/x"))

# Forms that are none.
form = fields(bucket, [ANY], key="malformed")
whole = encoded(form, SMALL)
large = encoded(form, LARGE)
refuse(403, "AccessDenied", {"key": "malformed"})
refuse(400, "InvalidArgument", {name: value for name, value in form.items() if name != "x-amz-signature"})
refuse(400, "InvalidArgument", {name: value for name, value in form.items() if name != "key"})
refuse(400, "InvalidPolicyDocument", fields(bucket, [{}, ANY], key="malformed"))
refuse(501, "NotImplemented", {**form, "x-amz-algorithm": "AWS4-ECDSA-P256-SHA256"})
refuse(400, "MalformedPOSTRequest", form, body=whole[:-len(END)])
refuse(400, "MalformedPOSTRequest", form, body=large[:-len(END)])
refuse(400, "MalformedPOSTRequest", form, body=large.replace(END, b""))
refuse(400, "MalformedPOSTRequest", form, body=large + b" " * 70_000)
refuse(400, "MalformedPOSTRequest", form, body=b"preamble" + whole)
refuse(400, "InvalidArgument", form, body=whole.replace(b'name="file"', b'name="fileX"'))
refuse(400, "MaxPostPreDataLengthExceeded", {"padding": "x" * 40_000, **form})
refuse(403, "AccessDenied", form, headers={"x-amz-meta-added": "1"})
refuse(400, "InvalidArgument", form, headers={"Authorization": "AWS4-HMAC-SHA256 x"})
status, _, answer = post("no-such-bucket-here", encoded(fields("no-such-bucket-here", [ANY], key="k"), SMALL))
assert status == 404 and b"NoSuchBucket" in answer, answer
# A client that goes away in the middle.
for body in (whole, large):
    try:
        post(bucket, body[:-3000] if len(body) > 10_000 else body[:-10], length=len(body))
    except OSError:
        pass
refused(s3.head_object, "404", Bucket=bucket, Key="malformed")
uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
assert [one["Key"] for one in uploads] in ([], ["malformed"]), "only a client that went away leaves an upload"

# A refused form leaves what was there.
assert post(bucket, encoded(fields(bucket, [ANY], key="kept"), LARGE))[0] == 204
status = post(bucket, encoded(fields(bucket, [ANY, ["content-length-range", 0, len(LARGE)]], key="kept"), LARGE + b"x"))[0]
assert status == 400 and read(s3, bucket, "kept") == LARGE
