"""boto3: stores a canary in every place a client has for words of its own.

usage: canary_put.py BUCKET CANARY"""

import sys

from connect import client, noise, read


def framed(canary):
    """The canary between bytes without pattern, or a store that compresses would hide it from us."""
    return noise(50) + canary.encode() + noise(100_000) + canary.encode() + noise(5)


def main(bucket, canary):
    s3 = client()
    s3.create_bucket(Bucket=bucket)
    described = {
        "Metadata": {"word": canary, "name-" + canary: "value"},
        "ContentType": f"text/plain; profile={canary}",
        "ContentDisposition": f'attachment; filename="{canary}.txt"',
        "ContentLanguage": "x-" + canary,
        "ContentEncoding": "x-" + canary,
        "CacheControl": "ext=" + canary,
    }
    body = framed(canary)
    s3.put_object(Bucket=bucket, Key="put", Body=body, **described)
    s3.put_object(Bucket=bucket, Key="small", Body=framed(canary)[:200])

    upload = {"Bucket": bucket, "Key": "multi"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, **described)["UploadId"]
    parts = []
    for number, part in enumerate((noise(5 * 1024 * 1024) + body, body), 1):
        sent = s3.upload_part(**upload, PartNumber=number, Body=part)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    # And an upload that stays open.
    upload = {"Bucket": bucket, "Key": "open"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, **described)["UploadId"]
    s3.upload_part(**upload, PartNumber=1, Body=body)

    source = {"Bucket": bucket, "Key": "small"}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, MetadataDirective="REPLACE", **described)
    for key in ("put", "multi", "copy"):
        assert s3.head_object(Bucket=bucket, Key=key)["Metadata"]["word"] == canary, key
    assert read(s3, bucket, "put") == body


if __name__ == "__main__":
    main(*sys.argv[1:])
