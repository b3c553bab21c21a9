"""boto3: every form of range, against the same slice of the bytes."""

import sys

from connect import client, noise, read, refused

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
FRAME = 65536


def check(key, body, header, first, last):
    """RFC 9110: what `header` selects is body[first..=last]."""
    got = s3.get_object(Bucket=bucket, Key=key, Range=header)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206, header
    assert got["ContentRange"] == f"bytes {first}-{last}/{len(body)}", (header, got["ContentRange"])
    assert got["ContentLength"] == last - first + 1, header
    assert got["Body"].read() == body[first : last + 1], header


def check_all(key, body):
    end = len(body) - 1
    for first, last in [(0, 0), (0, end), (1, 1), (end, end), (FRAME - 1, FRAME), (FRAME, FRAME),
                        (FRAME, 2 * FRAME - 1), (FRAME - 1, 2 * FRAME), (100_000, 200_000)]:
        check(key, body, f"bytes={first}-{last}", first, last)
    check(key, body, "bytes=5-", 5, end)
    check(key, body, f"bytes={end}-", end, end)
    check(key, body, f"bytes=0-{end + 1000}", 0, end)
    check(key, body, "bytes=-1", end, end)
    check(key, body, f"bytes=-{FRAME + 1}", end - FRAME, end)
    check(key, body, f"bytes=-{end + 1}", 0, end)
    check(key, body, f"bytes=-{end + 5000}", 0, end)
    for header in (f"bytes={end + 1}-", f"bytes={end + 7}-{end + 9}", "bytes=-0"):
        answer = refused(s3.get_object, "InvalidRange", Bucket=bucket, Key=key, Range=header)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 416, header
    for header in ("bytes=9-5", "bytes=x-", "lines=1-2"):
        assert read(s3, bucket, key, Range=header) == body, f"{header} is no range: the whole object"


single = noise(300_001)
s3.put_object(Bucket=bucket, Key="single", Body=single)
check_all("single", single)

parts = [noise(5 * 1024 * 1024 + 17, "one"), noise(5 * 1024 * 1024 + 1, "two"), noise(99, "three")]
upload = s3.create_multipart_upload(Bucket=bucket, Key="multi")["UploadId"]
etags = [
    s3.upload_part(Bucket=bucket, Key="multi", UploadId=upload, PartNumber=n, Body=part)["ETag"]
    for n, part in enumerate(parts, 1)
]
s3.complete_multipart_upload(
    Bucket=bucket, Key="multi", UploadId=upload,
    MultipartUpload={"Parts": [{"PartNumber": n, "ETag": e} for n, e in enumerate(etags, 1)]},
)
multi = b"".join(parts)
check_all("multi", multi)
seam = len(parts[0])
check("multi", multi, f"bytes={seam - 3}-{seam + 3}", seam - 3, seam + 3)
check("multi", multi, f"bytes=-{len(parts[2]) + 10}", len(multi) - len(parts[2]) - 10, len(multi) - 1)

s3.put_object(Bucket=bucket, Key="empty", Body=b"")
refused(s3.get_object, "InvalidRange", Bucket=bucket, Key="empty", Range="bytes=0-")
