"""boto3: objects of every kind for jobs to work on, and what a client sees of them.

usage: jobs.py fill BUCKETS     makes BUCKETS-plain, -versions and -locks; prints what they hold, as JSON
       jobs.py more BUCKETS N   writes N small objects more into BUCKETS-plain
       jobs.py seen BUCKETS     prints all that a client sees, as JSON; with one argument more, not of old versions
       jobs.py attested BUCKETS writes an object with a receipt, and prints that; receipt BUCKETS prints it again
       jobs.py rewrite BUCKETS STOP-FILE
                                writes objects over and describes them anew until the file is there; nothing that
                                was acknowledged may be undone"""

import datetime
import hashlib
import json
import os
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from connect import client, noise

step, buckets, *rest = sys.argv[1:]
s3 = client(max_pool_connections=16)
MIB = 1024 * 1024
FAR = datetime.datetime(2040, 1, 1, tzinfo=datetime.timezone.utc)
PLAIN, VERSIONS, LOCKS = (f"{buckets}-{kind}" for kind in ("plain", "versions", "locks"))


def amount(sizes):
    return {"objects": len(sizes), "bytes": sum(sizes)}


def fill():
    current, noncurrent, locked = [], [], []
    s3.create_bucket(Bucket=PLAIN)
    for size in (0, 1, 65_536, 65_537, 700_000):
        s3.put_object(Bucket=PLAIN, Key=f"size/{size} ü+&", Body=noise(size), Metadata={"size": str(size)},
                      ContentType="text/x-size", CacheControl="no-cache", Tagging="a=1&b=%2B2")
        current.append(size)
    # Metadata that does not fit beside the header in the store's 2 KB.
    s3.put_object(Bucket=PLAIN, Key="described", Body=b"x", Metadata={"long": "y" * 2000})
    current.append(1)
    upload = {"Bucket": PLAIN, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(
        **upload, Metadata={"parts": "3"}, ContentType="video/mp4", Tagging="c=3",
        ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, size in ((2, 5 * MIB), (5, 5 * MIB + 7), (9, 1234)):
        done = s3.upload_part(**upload, PartNumber=number, Body=noise(size, str(number)), ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": done["ETag"], "ChecksumSHA256": done["ChecksumSHA256"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    current.append(10 * MIB + 7 + 1234)

    s3.create_bucket(Bucket=VERSIONS)
    s3.put_object(Bucket=VERSIONS, Key="null", Body=noise(77))
    current.append(77)
    s3.put_bucket_versioning(Bucket=VERSIONS, VersioningConfiguration={"Status": "Enabled"})
    for size in (10, 20, 30):
        s3.put_object(Bucket=VERSIONS, Key="three", Body=noise(size), Tagging=f"size={size}")
    current.append(30)
    noncurrent += [10, 20]
    for size in (40, 50):
        s3.put_object(Bucket=VERSIONS, Key="deleted", Body=noise(size))
    s3.delete_object(Bucket=VERSIONS, Key="deleted")
    noncurrent += [40, 50]

    s3.create_bucket(Bucket=LOCKS, ObjectLockEnabledForBucket=True)
    retained = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": FAR}
    s3.put_object(Bucket=LOCKS, Key="retained", Body=noise(100), Metadata={"m": "1"}, Tagging="kept=yes", **retained)
    s3.put_object(Bucket=LOCKS, Key="held", Body=noise(200), ObjectLockLegalHoldStatus="ON")
    s3.put_object(Bucket=LOCKS, Key="free", Body=noise(300))
    s3.put_object(Bucket=LOCKS, Key="followed", Body=noise(400), **retained)
    s3.put_object(Bucket=LOCKS, Key="followed", Body=noise(500))
    current.extend([100, 200, 300, 500])
    noncurrent.append(400)
    locked += [100, 200, 400]
    print(json.dumps({"current": amount(current), "noncurrent": amount(noncurrent), "locked": amount(locked)}))


def more(count):
    def put(number):
        s3.put_object(Bucket=PLAIN, Key=f"more/{number:05}", Body=noise(number, "more"), Metadata={"n": str(number)})

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, range(count)))


def digest(bucket, key, **version):
    return hashlib.sha256(s3.get_object(Bucket=bucket, Key=key, **version)["Body"].read()).hexdigest()


def asked(call, member, **arguments):
    """What is answered, or nothing where there is none."""
    try:
        return call(**arguments).get(member)
    except ClientError:
        return None


def head(bucket, key):
    place = {"Bucket": bucket, "Key": key}
    seen = s3.head_object(**place, ChecksumMode="ENABLED")
    kept = ("ContentLength", "ContentType", "CacheControl", "ETag", "Metadata", "ObjectLockMode", "StorageClass",
            "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus", "ChecksumSHA256", "ChecksumType",
            "ChecksumCRC64NVME")
    facts = {name: str(seen[name]) for name in kept if name in seen}
    facts["tags"] = asked(s3.get_object_tagging, "TagSet", **place)
    facts["retention"] = str(asked(s3.get_object_retention, "Retention", **place))
    facts["hold"] = asked(s3.get_object_legal_hold, "LegalHold", **place)
    parts = asked(s3.get_object_attributes, "ObjectParts", **place, ObjectAttributes=["ObjectParts"])
    facts["parts"] = parts
    facts["sha256"] = digest(bucket, key)
    return facts


def seen():
    current, versions, keys = {}, {}, set()
    for bucket in (PLAIN, VERSIONS, LOCKS):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for one in page.get("Contents", []):
                facts = head(bucket, one["Key"])
                assert facts["ETag"] == one["ETag"] and facts["ContentLength"] == str(one["Size"]), (facts, one)
                current[f"{bucket}/{one['Key']}"] = facts
                keys.add(s3.head_object(Bucket=bucket, Key=one["Key"])["SSEKMSKeyId"].split("/")[-1])
    for bucket in () if rest else (VERSIONS, LOCKS):
        for one in s3.list_object_versions(Bucket=bucket)["Versions"]:
            version = {"VersionId": one["VersionId"]}
            versions[f"{bucket}/{one['Key']}/{one['VersionId']}"] = digest(bucket, one["Key"], **version)
    print(json.dumps({"current": current, "versions": versions, "keks": sorted(keys)}))


def rewrite(stop):
    """Each thread has keys of its own, so that what it wrote last is what is there."""
    def write(thread):
        place = {"Bucket": PLAIN, "Key": f"rewritten/{thread}"}
        for number in range(1_000_000):
            if os.path.exists(stop):
                return number
            body = noise(1000 + number, f"{thread}")
            s3.put_object(**place, Body=body, Metadata={"n": str(number)})
            found = s3.get_object(**place)
            assert found["Body"].read() == body and found["Metadata"] == {"n": str(number)}, (place, number)
            s3.copy_object(**place, CopySource=place, MetadataDirective="REPLACE", Metadata={"n": f"{number} anew"})
            found = s3.get_object(**place)
            assert found["Body"].read() == body, (place, number)
            assert found["Metadata"] == {"n": f"{number} anew"}, (place, number, found["Metadata"])

    with ThreadPoolExecutor(8) as pool:
        print(json.dumps(sum(pool.map(write, range(8)))))


def attested():
    def ask(request, **_):
        request.headers["x-sealgate-attestation"] = "true"

    s3.meta.events.register("before-sign.s3.PutObject", ask)
    s3.put_object(Bucket=PLAIN, Key="attested", Body=noise(70_000, "attested"))
    receipt()


def receipt():
    """`GET <object>?attestation`, presigned: the SDK knows no such operation, so its signer is used by hand."""
    request = AWSRequest("GET", f"{s3.meta.endpoint_url}/{PLAIN}/attested?attestation")
    S3SigV4QueryAuth(s3._request_signer._credentials, "s3", s3.meta.region_name, expires=60).add_auth(request)
    with urllib.request.urlopen(request.prepare().url, timeout=60) as answer:
        print(answer.read().decode())


if step == "fill":
    fill()
elif step == "more":
    more(int(rest[0]))
elif step == "attested":
    attested()
elif step == "receipt":
    receipt()
elif step == "rewrite":
    rewrite(rest[0])
else:
    seen()
