"""boto3: what type an upload is by its bytes, whatever it says of itself, as the shipped template `attestation-intake` asks.

usage: policies_sniffed.py BUCKET ACCESS_KEY_ID SECRET, the latter of an uploader."""

import base64
import hashlib
import struct
import sys
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

from connect import client, noise, read, refused
from forms import encoded, post

bucket, key_id, secret = sys.argv[1:4]
owner = client()
as_kiosk = {"aws_access_key_id": key_id, "aws_secret_access_key": secret}
kiosk = boto3.client("s3", **as_kiosk)
MIB = 1 << 20
TAGS = "contractId=7&witnessId=9"
# Of a video the file type box (ISO 14496-12), of a document its header (ISO 32000), of a program the DOS header.
MP4 = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"isom", 512, b"isom", b"mp41")
PDF, EXE = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0"
MP4_TYPE, PDF_TYPE = "video/mp4", "application/pdf"
owner.create_bucket(Bucket=bucket)
kept = {}


def sha256(body):
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def put(s3, key, body, content_type, **more):
    named = {"Bucket": bucket, "Key": f"attestations/{key}", "Tagging": TAGS, "ContentType": content_type}
    return lambda **_: s3.put_object(**named, Body=body, **more)


def accept(key, body, content_type, s3=kiosk, **more):
    put(s3, key, body, content_type, **more)()
    kept[f"attestations/{key}"] = body


def refuse(key, body, content_type, s3=kiosk, **more):
    call = put(s3, key, body, content_type, **more)
    call.__name__ = key
    refused(call, "AccessDenied")


# In one request: in chunks with a trailer, as boto3 sends by default, and signed as a whole; from a few bytes to many.
whole = boto3.client("s3", **as_kiosk, config=Config(request_checksum_calculation="when_required"))
for name, s3, own in (("chunks", kiosk, False), ("whole", whole, True)):
    for size in (0, 5000, 3 * MIB):
        rest = noise(size, name)
        for begins, says, passes in ((MP4, MP4_TYPE, True), (MP4, PDF_TYPE, False), (PDF, PDF_TYPE, True),
                                     (PDF, MP4_TYPE, False), (EXE, PDF_TYPE, False), (EXE, MP4_TYPE, False)):
            more = {"ChecksumSHA256": sha256(begins + rest)} if own else {}
            key = f"{name}/{size}/{begins[:2].hex()}/{says}"
            (accept if passes else refuse)(key, begins + rest, says, s3, **more)
refuse("empty", b"", PDF_TYPE)
refuse("noise", noise(5000), PDF_TYPE)
refuse("late", b"\n" * 10 + MP4, MP4_TYPE)


# By a URL that was signed beforehand, for a client without credentials.
def by_url(key, body, content_type):
    named = {"Bucket": bucket, "Key": f"attestations/{key}", "Tagging": TAGS, "ContentType": content_type,
             "ChecksumSHA256": sha256(body)}
    url = boto3.client("s3", **as_kiosk, config=Config(signature_version="s3v4")).generate_presigned_url(
        "put_object", Params=named, ExpiresIn=60)
    headers = {"content-type": content_type, "x-amz-tagging": TAGS, "x-amz-checksum-sha256": sha256(body)}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers, method="PUT")) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


status, answer = by_url("url", PDF + noise(9000), PDF_TYPE)
assert status == 200, answer
kept["attestations/url"] = PDF + noise(9000)
status, answer = by_url("url-program", EXE + noise(9000), PDF_TYPE)
assert status == 403 and b"AccessDenied" in answer, (status, answer)


# By a form: the file stands behind its fields.
def by_form(key, body, content_type):
    signer = boto3.client("s3", **as_kiosk, config=Config(signature_version="s3v4"))
    tagging = "<Tagging><TagSet><Tag><Key>contractId</Key><Value>7</Value></Tag><Tag><Key>witnessId</Key><Value>9</Value></Tag></TagSet></Tagging>"
    fields = {"Content-Type": content_type, "tagging": tagging, "x-amz-checksum-sha256": sha256(body)}
    made = signer.generate_presigned_post(bucket, f"attestations/{key}", Fields=fields,
                                          Conditions=[{name: value} for name, value in fields.items()])
    return post(bucket, encoded(made["fields"], body))


status, _, answer = by_form("form", PDF + noise(9000), PDF_TYPE)
assert status == 204, answer
kept["attestations/form"] = PDF + noise(9000)
status, _, answer = by_form("form-program", EXE + noise(9000), PDF_TYPE)
assert status == 403 and b"AccessDenied" in answer, (status, answer)


# In parts: the first is looked at, and is the first.
def begun(key):
    key = f"attestations/{key}"
    upload = kiosk.create_multipart_upload(Bucket=bucket, Key=key, Tagging=TAGS, ContentType=MP4_TYPE,
                                           ChecksumAlgorithm="CRC32")["UploadId"]
    return {"Bucket": bucket, "Key": key, "UploadId": upload}


def part(named, number, body):
    sent = kiosk.upload_part(**named, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32")
    return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumCRC32": sent["ChecksumCRC32"]}


first, second = MP4 + noise(5 * MIB), EXE + noise(MIB)
named = begun("parts")
parts = [part(named, 1, first), part(named, 2, second)]
kiosk.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
kept["attestations/parts"] = first + second
named = begun("parts-program")
refused(kiosk.upload_part, "AccessDenied", **named, PartNumber=1, Body=EXE + noise(5 * MIB))
parts = [part(named, 2, EXE + noise(MIB))]
refused(kiosk.complete_multipart_upload, "AccessDenied", **named, MultipartUpload={"Parts": parts})

listed = {found["Key"] for found in owner.list_objects_v2(Bucket=bucket)["Contents"]}
assert listed == set(kept), listed ^ set(kept)
for key, body in kept.items():
    assert read(owner, bucket, key) == body, key
