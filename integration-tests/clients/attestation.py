"""The story of a video attestation: a presigned multipart upload as a browser makes it, its receipt, playback by range,
and a legal hold. `attestation.py upload BUCKET DIRECTORY` leaves the video and its receipt in the directory;
`attestation.py again BUCKET DIRECTORY` asks for the receipt once more."""

import hashlib
import pathlib
import sys
import urllib.error
import urllib.request

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from connect import client

PART = 5 * 1024 * 1024


def video():
    """11 MiB and a bit, the same each time and no part like another."""
    block = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(32768))
    return (block * 12)[:11 * 1024 * 1024 + 12345]


def send(method, url, data=None):
    """Status, headers and body of an answer."""
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": ""})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def upload(s3, bucket, key, body):
    """As a page does: it is given URLs and knows no secret."""
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key, ContentType="video/webm")["UploadId"]
    parts = []
    for number, start in enumerate(range(0, len(body), PART), 1):
        url = s3.generate_presigned_url("upload_part", Params={
            "Bucket": bucket, "Key": key, "UploadId": upload_id, "PartNumber": number})
        status, headers, said = send("PUT", url, body[start:start + PART])
        assert status == 200, said
        parts.append((number, headers["ETag"]))
    url = s3.generate_presigned_url("complete_multipart_upload", Params={
        "Bucket": bucket, "Key": key, "UploadId": upload_id})
    listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>" for number, tag in parts)
    status, _, said = send("POST", url, f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode())
    assert status == 200 and b"<ETag>" in said, said


def attestation(s3, bucket, key):
    """`GET <object>?attestation`, presigned: the SDK knows no such operation, so its signer is used by hand."""
    request = AWSRequest("GET", f"{s3.meta.endpoint_url}/{bucket}/{key}?attestation")
    S3SigV4QueryAuth(s3._request_signer._credentials, "s3", s3.meta.region_name, expires=60).add_auth(request)
    return send("GET", request.prepare().url)


def main():
    step, bucket, directory = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    s3, key = client(), "interviews/ann.webm"
    if step == "upload":
        body = video()
        s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        upload(s3, bucket, key, body)
        (directory / "video").write_bytes(body)
        # Playback seeks.
        start, end = 6 * 1024 * 1024 - 7, 6 * 1024 * 1024 + 200_000
        played = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{end}")
        assert played["Body"].read() == body[start:end + 1]
        # A hold: the version cannot be deleted.
        version = s3.head_object(Bucket=bucket, Key=key)["VersionId"]
        s3.put_object_legal_hold(Bucket=bucket, Key=key, LegalHold={"Status": "ON"})
        try:
            s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
            raise AssertionError("a version under legal hold was deleted")
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        # A bucket of no class gives a receipt where one is asked for, and only there.
        other = bucket + "-plain"
        s3.create_bucket(Bucket=other)
        s3.put_object(Bucket=other, Key="none", Body=b"nobody asked")
        assert attestation(s3, other, "none")[0] == 404
        s3.meta.events.register("before-sign.s3.PutObject", lambda request, **_: request.headers.add_header(
            "x-sealgate-attestation", "true"))
        s3.put_object(Bucket=other, Key="asked", Body=b"hello")
        status, _, asked = attestation(s3, other, "asked")
        assert status == 200, asked
        (directory / "asked").write_bytes(b"hello")
        (directory / "asked.json").write_bytes(asked)
    status, headers, receipt = attestation(s3, bucket, key)
    assert status == 200 and headers["Content-Type"] == "application/json", receipt
    (directory / f"receipt-{step}.json").write_bytes(receipt)


main()
