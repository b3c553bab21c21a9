"""boto3: every form of range, against the same slice of the bytes."""

import os
import random
import sys

from connect import client, noise, read, refused

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
FRAME = 65536
seed = os.environ.get("SEED") or os.urandom(4).hex()
print("seed", seed)
dice = random.Random(seed)


def check(key, body, header, first, last):
    """RFC 9110: what `header` selects is body[first..=last]."""
    got = s3.get_object(Bucket=bucket, Key=key, Range=header)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206, header
    assert got["ContentRange"] == f"bytes {first}-{last}/{len(body)}", (header, got["ContentRange"])
    assert got["ContentLength"] == last - first + 1, header
    assert got["Body"].read() == body[first : last + 1], header


def check_any(key, body, times):
    """Random ranges of GET and HEAD, against the rules of RFC 9110 on the bytes; also ranges past the end."""
    size = len(body)
    for _ in range(times):
        first, last = sorted(dice.choice((0, FRAME, size, dice.randint(0, size + FRAME))) + dice.randint(-1, 1) for _ in "ab")
        first, last = max(first, 0), max(last, 0)
        header, first, last = dice.choice((
            (f"bytes={first}-{last}", first, last), (f"bytes={first}-", first, size),
            (f"bytes=-{last}", max(size - last, 0) if last else size, size)))
        last = min(last, size - 1)
        if first >= size:
            refused(s3.get_object, "InvalidRange", Bucket=bucket, Key=key, Range=header)
            refused(s3.head_object, "416", Bucket=bucket, Key=key, Range=header)
            continue
        check(key, body, header, first, last)
        head = s3.head_object(Bucket=bucket, Key=key, Range=header)
        assert head["ResponseMetadata"]["HTTPStatusCode"] == 206, (seed, header)
        assert head["ContentLength"] == last - first + 1, (seed, header, head)
        assert head["ContentRange"] == f"bytes {first}-{last}/{size}", (seed, header, head)


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
        assert answer["Error"]["ActualObjectSize"] == str(len(body)), answer
        assert answer["Error"]["RangeRequested"] == header, answer
    check_any(key, body, 30)
    # Several ranges at once are none to S3.
    for header in ("bytes=9-5", "bytes=x-", "lines=1-2", "bytes=0-1,4-5"):
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
# The last bytes of nothing are nothing, and no error.
last = s3.get_object(Bucket=bucket, Key="empty", Range="bytes=-5")
assert (last["ResponseMetadata"]["HTTPStatusCode"], last["ContentLength"]) == (200, 0), last
