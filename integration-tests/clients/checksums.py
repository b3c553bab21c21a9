"""boto3 and by hand: every algorithm of S3 is verified on the way in, given back when asked for, and never
with a range; mistakes are refused as Amazon S3 refuses them, and leave nothing."""

import sys
import urllib.error
import urllib.parse
import urllib.request

import sums
from connect import client, noise, read, refused
from raw import UNSIGNED, send
from sums import b64

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
BODY = noise(150_001, "checksums")
assert sums.of("CRC32C", b"123456789") == "4waSgw==" and sums.of("CRC64NVME", b"123456789") == "rosUhgp5mIg="


def shown(answer):
    """The checksums in an answer, and their type."""
    names = {f"Checksum{name}" for name in sums.DIGESTS}
    return {key: answer[key] for key in names & set(answer)}, answer.get("ChecksumType")


for algorithm in sums.DIGESTS:
    member, header = f"Checksum{algorithm}", f"x-amz-checksum-{algorithm.lower()}"
    value, wrong = sums.of(algorithm, BODY), sums.of(algorithm, BODY[1:])
    own = ({member: value}, "FULL_OBJECT")
    key = {"Bucket": bucket, "Key": f"header/{algorithm}"}
    put = s3.put_object(**key, Body=BODY, **{member: value})
    assert shown(put) == own, put
    assert shown(s3.head_object(**key)) == ({}, None)
    for length in (0, 5000):
        # One that comes with its frame, and one that a tail is fetched for.
        small = {"Bucket": bucket, "Key": f"short/{algorithm}/{length}"}
        expected = ({member: sums.of(algorithm, BODY[:length])}, "FULL_OBJECT")
        s3.put_object(**small, Body=BODY[:length], **expected[0])
        assert shown(s3.get_object(**small, ChecksumMode="ENABLED")) == expected, (algorithm, length)
        assert shown(s3.head_object(**small, ChecksumMode="ENABLED")) == expected, (algorithm, length)
    for _ in range(2):
        assert shown(s3.head_object(**key, ChecksumMode="ENABLED")) == own, algorithm
        got = s3.get_object(**key, ChecksumMode="ENABLED")
        assert shown(got) == own and got["Body"].read() == BODY, algorithm
    ranged = s3.get_object(**key, ChecksumMode="ENABLED", Range="bytes=0-99999")
    assert shown(ranged) == ({}, None) and ranged["Body"].read() == BODY[:100_000]
    assert shown(s3.head_object(**key, ChecksumMode="ENABLED", Range="bytes=0-9")) == ({}, None)
    refused(s3.put_object, "BadDigest", **key, Body=BODY, **{member: wrong})
    assert read(s3, bucket, key["Key"]) == BODY

    # The trailer of an aws-chunked body.
    def trailing(checksum):
        return (f"{len(BODY):x}\r\n".encode() + BODY + f"\r\n0\r\n{header}:{checksum}\r\n\r\n".encode())

    announced = {"x-amz-trailer": header, "x-amz-decoded-content-length": str(len(BODY))}
    path, form = f"/{bucket}/trailer/{algorithm}", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    status, _, answer = send("PUT", path, announced, trailing(wrong), form)
    assert status == 400 and b"<Code>BadDigest</Code>" in answer, (algorithm, status, answer)
    refused(s3.head_object, "404", Bucket=bucket, Key=f"trailer/{algorithm}")
    status, headers, answer = send("PUT", path, announced, trailing(value), form)
    assert status == 200 and (header, value) in headers, (algorithm, status, headers, answer)
    head = s3.head_object(Bucket=bucket, Key=f"trailer/{algorithm}", ChecksumMode="ENABLED")
    assert shown(head) == own, (algorithm, head)

# Where none is declared S3 takes CRC64NVME by itself.
plain = client(request_checksum_calculation="when_required")
default = ({"ChecksumCRC64NVME": sums.of("CRC64NVME", BODY)}, "FULL_OBJECT")
assert shown(plain.put_object(Bucket=bucket, Key="none", Body=BODY)) == default
assert shown(s3.get_object(Bucket=bucket, Key="none")) == default, "boto3 asks for it by default"
status, headers, _ = send("HEAD", f"/{bucket}/none", {"x-amz-checksum-mode": "enabled"})
assert ("x-amz-checksum-crc64nvme", default[0]["ChecksumCRC64NVME"]) in headers, headers
copied = {"Bucket": bucket, "Key": "copied"}
s3.copy_object(**copied, CopySource={"Bucket": bucket, "Key": "header/SHA1"})
assert shown(s3.head_object(**copied, ChecksumMode="ENABLED"))[0] == {"ChecksumSHA1": sums.of("SHA1", BODY)}

# A checksum in the query of a presigned URL counts as a header does.
SHA256 = {"x-amz-checksum-sha256": sums.of("SHA256", b"this body")}
signer = client(signature_version="s3v4")


def hoist(request, **_):
    del request.headers["x-amz-checksum-sha256"]
    request.url += "?" + urllib.parse.urlencode(SHA256)


signer.meta.events.register("before-sign.s3.PutObject", hoist)
url = signer.generate_presigned_url("put_object", {
    "Bucket": bucket, "Key": "presigned", "ChecksumSHA256": SHA256["x-amz-checksum-sha256"]})
assert "x-amz-checksum-sha256=" in url, url
for body, expected in ((b"that body", 400), (b"this body", 200)):
    request = urllib.request.Request(url, data=body, method="PUT", headers={"content-type": ""})
    try:
        status, text = urllib.request.urlopen(request).status, b""
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    assert status == expected and (status == 200 or b"BadDigest" in text), (body, status, text)

# Mistakes, each with the code of Amazon S3.
CRC32 = {"x-amz-checksum-crc32": sums.of("CRC32", b"body")}
for name, headers, code in [
    ("two values", CRC32 | {"x-amz-checksum-sha1": sums.of("SHA1", b"body")}, "InvalidRequest"),
    ("a value and a trailer", CRC32 | {"x-amz-trailer": "x-amz-checksum-crc32"}, "InvalidRequest"),
    ("an algorithm without a value", {"x-amz-sdk-checksum-algorithm": "CRC32"}, "InvalidRequest"),
    ("another algorithm's value", CRC32 | {"x-amz-sdk-checksum-algorithm": "SHA1"}, "InvalidRequest"),
    ("an unknown algorithm", CRC32 | {"x-amz-sdk-checksum-algorithm": "CRC33"}, "InvalidRequest"),
    ("an unknown header", {"x-amz-checksum-crc33": "AAAAAA=="}, "InvalidRequest"),
    ("not base64", {"x-amz-checksum-crc32": "not base64!"}, "InvalidRequest"),
    ("too short", {"x-amz-checksum-crc32": "AAAA"}, "InvalidRequest"),
    ("another's", {"x-amz-checksum-crc32": sums.of("CRC32", b"other")}, "BadDigest"),
    ("no MD5", {"content-md5": "not base64!"}, "InvalidDigest"),
    ("half an MD5", {"content-md5": b64(b"eightbyt")}, "InvalidDigest"),
    ("another's MD5", {"content-md5": sums.of("MD5", b"other")}, "BadDigest"),
]:
    status, _, answer = send("PUT", f"/{bucket}/mistaken", headers, b"body", UNSIGNED)
    assert status == 400 and f"<Code>{code}</Code>".encode() in answer, (name, status, answer)
for name, end, code in [
    ("no trailer", "", "MalformedTrailerError"),
    ("another trailer", f"x-amz-checksum-sha1:{sums.of('SHA1', b'body')}\r\n", "MalformedTrailerError"),
    ("a trailer of no value", "x-amz-checksum-crc32:AAAA\r\n", "InvalidRequest"),
]:
    body = b"4\r\nbody\r\n0\r\n" + end.encode() + b"\r\n"
    headers = {"x-amz-trailer": "x-amz-checksum-crc32", "x-amz-decoded-content-length": "4"}
    status, _, answer = send("PUT", f"/{bucket}/mistaken", headers, body, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    assert status == 400 and f"<Code>{code}</Code>".encode() in answer, (name, status, answer)
refused(s3.head_object, "404", Bucket=bucket, Key="mistaken")
