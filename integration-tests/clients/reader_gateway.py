"""Writes through the gateway and opens what lies in the store with the independent reader, which gets the root
key file and the store and asks the gateway nothing.

`own`: each object has a key of its own besides.

usage: reader_gateway.py keyring|own SUITE TENANT ROOT-KEY-FILE ENDPOINT ACCESS-KEY SECRET-KEY"""

import json
import sys
import uuid
from pathlib import Path

import boto3
from connect import client, noise

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reader"))
import keyring  # noqa: E402
import sof1  # noqa: E402

mode, suite, tenant, root_file, endpoint, access_key, secret_key = sys.argv[1:]
BUCKET = "independent"
MIB = 1024 * 1024
gateway = client()
store = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=access_key, aws_secret_access_key=secret_key)


def write_objects():
    """What was written: key to plaintext, user metadata and content type."""
    gateway.create_bucket(Bucket=BUCKET)
    written = {}
    for key, size in (("empty", 0), ("byte", 1), ("one frame", 65_536), ("räksmörgås/three frames", 150_001),
                      ("large", 6 * MIB + 77)):
        written[key] = noise(size, key), {}, None
        gateway.put_object(Bucket=BUCKET, Key=key, Body=written[key][0])
    # More than fits beside the header, so that the sealed metadata continues in another field.
    told = {"author": "Ada", "note": "n" * 1500}
    written["told"] = noise(1000, "told"), told, "text/x-told"
    gateway.put_object(Bucket=BUCKET, Key="told", Body=written["told"][0], Metadata=told, ContentType="text/x-told")
    for key, sizes in (("parts", (5 * MIB, 5 * MIB + 12_345)), ("staged tail", (5 * MIB + 1, 777)), ("staged only", (10,))):
        written[key] = multipart(key, sizes), {"made": "in parts"}, None
    for key, source, arguments in (
            ("copied", "large", {}), ("copied parts", "staged tail", {}),
            ("copied anew", "told", {"MetadataDirective": "REPLACE", "Metadata": {"new": "yes"}, "ContentType": "a/b"})):
        gateway.copy_object(Bucket=BUCKET, Key=key, CopySource={"Bucket": BUCKET, "Key": source}, **arguments)
        text, user, kind = written[source]
        written[key] = text, arguments.get("Metadata", user), arguments.get("ContentType", kind)
    return written


def multipart(key, sizes):
    upload = {"Bucket": BUCKET, "Key": key}
    begun = gateway.create_multipart_upload(**upload, Metadata={"made": "in parts"})
    upload["UploadId"] = begun["UploadId"]
    pieces = [noise(size, f"{key}{size}") for size in sizes]
    parts = [{"PartNumber": number, "ETag": gateway.upload_part(**upload, PartNumber=number, Body=piece)["ETag"]}
             for number, piece in enumerate(pieces, 1)]
    gateway.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    return b"".join(pieces)


def fetch(bucket, key):
    return store.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


def system_bucket(roots):
    """The store is shared: ours is the system bucket whose deployment key one of our root keys wraps."""
    for found in store.list_buckets()["Buckets"]:
        if found["Name"].endswith("-system"):
            names = [one["Key"] for one in store.list_objects_v2(Bucket=found["Name"])["Contents"]]
            deployment = next(name for name in names if name.endswith("deployment.json"))
            text = fetch(found["Name"], deployment)
            if {wrap["root_key"] for wrap in keyring.document(text)["wraps"]} & set(roots):
                ring = next(name for name in names if name.endswith(f"keyrings/{tenant}/default.json"))
                return found["Name"], text, fetch(found["Name"], ring)
    raise AssertionError("no system bucket is ours")


def read_independently(record, keks, key):
    answer = store.get_object(Bucket=record["upstream"], Key=key)
    told = answer["Metadata"]
    sof_m = told.get("sof-m", "")
    # Where sof-m is as long as its first field can be, it goes on in Cache-Control: the store takes 2 KB of
    # user metadata, names included, of which sof-h has 272 and the name of sof-m 16.
    # 16 again and its value are sof-k's.
    sof_k = told.get("sof-k", "")
    assert bool(sof_k) == (mode == "own"), told
    if len(sof_m) == 2048 - 272 - 16 - (16 + len(sof_k) if sof_k else 0):
        sof_m += answer.get("CacheControl", "")
    body = answer["Body"].read()
    arguments = (told["sof-h"], sof_m, body, keks, tenant, uuid.UUID(record["id"]).bytes)
    deployment_id = keyring.document(deployment)["id"]
    unwrap = lambda wrapped, object_id: keyring.own_key(roots, deployment_id, tenant, wrapped, object_id)  # noqa: E731
    own = {"sof_k": sof_k, "unwrap": unwrap}
    for elsewhere in ("elsewhere", key + "/"):
        try:
            sof1.open_object(*arguments, elsewhere, **own)
            raise AssertionError(f"{key} opens as {elsewhere}")
        except sof1.Refused as refused:
            assert refused.code == "E_CONTEXT", (key, refused)
    return sof1.open_object(*arguments, key, **own), sof1.Header(told["sof-h"])


written = write_objects()
roots = keyring.root_keys(Path(root_file).read_text())
system, deployment, ring = system_bucket(roots)
keks = keyring.keks(roots, deployment, ring)
record = json.loads(fetch(system, f"tenants/{tenant}/buckets/{BUCKET}.json"))
# A signed document is text inside one; whose bucket it is need not be believed, the objects' context proves it.
record = json.loads(record["document"]) if "document" in record else record
kinds, rebound = set(), set()
for key, (text, user, content_type) in written.items():
    (opened, found_user, found_system), header = read_independently(record, keks, key)
    assert opened == text, f"{key}: other bytes"
    assert {name: value.decode() for name, value in found_user.items()} == user, (key, found_user)
    assert content_type is None or found_system["content-type"].decode() == content_type, (key, found_system)
    assert header.suite_id == int(suite), (key, header.suite_id)
    kinds.add(header.kind)
    rebound |= {key} if header.flags & 4 else set()
assert kinds == {1, 2}, kinds
assert rebound == {"copied", "copied parts", "copied anew"}, rebound
