"""boto3: an upload in parts has the checksum chosen for it, of the object or of its parts, and gives each part
its own back; what Complete states is compared."""

import sys

import sums
from connect import client, noise, refused

bucket = sys.argv[1]
# So that nothing is chosen and nothing sent but what stands here.
s3 = client(request_checksum_calculation="when_required")
s3.create_bucket(Bucket=bucket)
MIB = 1024 * 1024
PARTS = [noise(5 * MIB, "one"), noise(5 * MIB, "two"), noise(70_000, "three")]
WHOLE = b"".join(PARTS)


def begin(key, **chosen):
    answer = s3.create_multipart_upload(Bucket=bucket, Key=key, **chosen)
    for name, value in chosen.items():
        assert answer[name] == value, answer
    return {"Bucket": bucket, "Key": key, "UploadId": answer["UploadId"]}


def send(upload, member, values):
    listed = []
    for number, (body, value) in enumerate(zip(PARTS, values), 1):
        # The second part declares none: then it is taken here.
        declared = {member: value} if number != 2 else {}
        part = s3.upload_part(**upload, PartNumber=number, Body=body, **declared)
        assert part[member] == value, part
        listed.append({"PartNumber": number, "ETag": part["ETag"], member: value})
    return listed


def complete(upload, listed, **stated):
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed}, **stated)


CASES = [("CRC32", "FULL_OBJECT"), ("CRC64NVME", "FULL_OBJECT"), ("CRC32", "COMPOSITE"), ("CRC32C", "COMPOSITE"),
         ("SHA1", "COMPOSITE"), ("SHA256", "COMPOSITE"), ("MD5", "COMPOSITE"), ("XXHASH64", "COMPOSITE"),
         ("XXHASH3", "COMPOSITE"), ("XXHASH128", "COMPOSITE")]
SLOW = {name: [sums.of(name, part) for part in PARTS] for name in ("CRC32C", "CRC64NVME")}
for algorithm, kind in CASES:
    member, key = f"Checksum{algorithm}", f"{algorithm}-{kind}"
    values = SLOW.get(algorithm) or [sums.of(algorithm, part) for part in PARTS]
    if kind == "FULL_OBJECT":
        expected = sums.of(algorithm, WHOLE)
    else:
        joined = b"".join(sums.base64.b64decode(value) for value in values)
        expected = f"{sums.of(algorithm, joined)}-3"
    upload = begin(key, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    listed = send(upload, member, values)
    parts = s3.list_parts(**upload)
    assert (parts["ChecksumAlgorithm"], parts["ChecksumType"]) == (algorithm, kind), parts
    assert [part[member] for part in parts["Parts"]] == values, parts
    [found] = [one for one in s3.list_multipart_uploads(Bucket=bucket)["Uploads"] if one["Key"] == key]
    assert (found["ChecksumAlgorithm"], found["ChecksumType"]) == (algorithm, kind), found

    swapped = [listed[0] | {member: values[1]}, *listed[1:]]
    refused(complete, "InvalidPart", upload=upload, listed=swapped)
    wrong = sums.of(algorithm, b"other")
    refused(complete, "BadDigest", upload=upload, listed=listed, **{member: wrong})
    refused(complete, "InvalidRequest", upload=upload, listed=listed, MpuObjectSize=len(WHOLE) + 1)
    other = "COMPOSITE" if kind == "FULL_OBJECT" else "FULL_OBJECT"
    refused(complete, "InvalidRequest", upload=upload, listed=listed, ChecksumType=other)
    done = complete(upload, listed, MpuObjectSize=len(WHOLE), ChecksumType=kind, **{member: expected})
    again = complete(upload, listed)
    for answer in (done, again):
        assert (answer[member], answer["ChecksumType"]) == (expected, kind), answer
    assert again["ETag"] == done["ETag"]

    place = {"Bucket": bucket, "Key": key}
    assert member not in s3.head_object(**place)
    for view in (s3.head_object, s3.get_object):
        seen = view(**place, ChecksumMode="ENABLED")
        assert (seen[member], seen["ChecksumType"]) == (expected, kind), seen
        assert seen["ETag"] == done["ETag"] and "PartsCount" not in seen, seen
    for number, (body, value) in enumerate(zip(PARTS, values), 1):
        head = s3.head_object(**place, PartNumber=number, ChecksumMode="ENABLED")
        part = s3.get_object(**place, PartNumber=number, ChecksumMode="ENABLED")
        for seen in (head, part):
            assert (seen[member], seen["ChecksumType"]) == (value, kind), seen
            assert (seen["PartsCount"], seen["ETag"]) == (3, done["ETag"]), seen
            assert seen["ContentLength"] == len(body), seen
        assert part["Body"].read() == body
    told = s3.get_object_attributes(**place, ObjectAttributes=["Checksum", "ObjectParts"])
    assert told["Checksum"] == {member: expected, "ChecksumType": kind}, told
    assert [(one["PartNumber"], one["Size"], one[member]) for one in told["ObjectParts"]["Parts"]] == [
        (number, len(body), value) for number, (body, value) in enumerate(zip(PARTS, values), 1)], told

# Nothing chosen: CRC64NVME of the object, whatever the parts declare.
upload = begin("unchosen")
listed = []
for number, body in enumerate(PARTS, 1):
    part = s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumSHA1=sums.of("SHA1", body))
    listed.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA1": part["ChecksumSHA1"]})
done = complete(upload, listed)
assert (done["ChecksumCRC64NVME"], done["ChecksumType"]) == (sums.of("CRC64NVME", WHOLE), "FULL_OBJECT"), done

# A copied part has the chosen checksum as well.
upload = begin("copied", ChecksumAlgorithm="SHA256")
copied = s3.upload_part_copy(**upload, PartNumber=1, CopySource={"Bucket": bucket, "Key": "unchosen"})["CopyPartResult"]
assert copied["ChecksumSHA256"] == sums.of("SHA256", WHOLE), copied
done = complete(upload, [{"PartNumber": 1, "ETag": copied["ETag"], "ChecksumSHA256": copied["ChecksumSHA256"]}])
assert done["ChecksumSHA256"] == sums.composite("SHA256", [WHOLE]), done

# A part that is sent again with the same bytes stands in for the one that is listed: what Complete states and what
# is kept are of the bytes, whichever of the two lies in the store and whatever it declared.
for algorithm, kind in (("CRC32C", "COMPOSITE"), ("CRC64NVME", "FULL_OBJECT"), ("SHA256", "COMPOSITE")):
    member, key = f"Checksum{algorithm}", f"again-{algorithm}"
    values = [sums.of(algorithm, part) for part in PARTS]
    upload = begin(key, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    listed = send(upload, member, values)
    for number, body in enumerate(PARTS, 1):
        s3.upload_part(**upload, PartNumber=number, Body=body)
    expected = sums.of(algorithm, WHOLE) if kind == "FULL_OBJECT" else sums.composite(algorithm, PARTS)
    refused(complete, "BadDigest", upload=upload, listed=listed, **{member: sums.of(algorithm, b"other")})
    done = complete(upload, listed, **{member: expected})
    assert (done[member], done["ChecksumType"]) == (expected, kind), done
    seen = s3.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert seen[member] == expected and seen["Body"].read() == WHOLE, key
    part = s3.head_object(Bucket=bucket, Key=key, PartNumber=2, ChecksumMode="ENABLED")
    assert (part[member], part["ContentLength"]) == (values[1], len(PARTS[1])), part

# The largest there is, with Content-MD5 beside it: the longest ETag of a part. Small parts leave no room to keep
# each part's checksum of 64 bytes; the object's is kept.
upload = begin("long", ChecksumAlgorithm="SHA512")
listed = []
for number, body in enumerate(PARTS, 1):
    part = s3.upload_part(**upload, PartNumber=number, Body=body, ContentMD5=sums.of("MD5", body),
                          ChecksumSHA512=sums.of("SHA512", body))
    listed.append({"PartNumber": number, "ETag": part["ETag"]})
assert [one["ETag"] for one in s3.list_parts(**upload)["Parts"]] == [one["ETag"] for one in listed]
done = complete(upload, listed)
assert done["ChecksumSHA512"] == sums.composite("SHA512", PARTS), done
seen = s3.head_object(Bucket=bucket, Key="long", ChecksumMode="ENABLED")
assert seen["ChecksumSHA512"] == done["ChecksumSHA512"], seen

# What cannot be chosen, and parts of another algorithm than chosen.
for chosen in ({"ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"}, {"ChecksumType": "COMPOSITE"},
               {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "COMPOSITE"}):
    refused(s3.create_multipart_upload, "InvalidRequest", Bucket=bucket, Key="refused", **chosen)
upload = begin("mixed", ChecksumAlgorithm="SHA256")
refused(s3.upload_part, "InvalidRequest", **upload, PartNumber=1, Body=b"x", ChecksumSHA1=sums.of("SHA1", b"x"))
s3.abort_multipart_upload(**upload)
