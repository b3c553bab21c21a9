"""boto3: what a bucket says of itself: its one access list, nothing public, settings kept and given back."""

import sys

from connect import client, refused

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket, ACL="private", ObjectOwnership="ObjectWriter")
s3.put_object(Bucket=bucket, Key="k", Body=b"1", ACL="bucket-owner-full-control")
# Made again, it is what it was.
s3.create_bucket(Bucket=bucket)
assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1

# The list that is read can be written; no other can.
PUBLIC = "http://acs.amazonaws.com/groups/global/AllUsers"
for get, put, where in [
    (s3.get_bucket_acl, s3.put_bucket_acl, {"Bucket": bucket}),
    (s3.get_object_acl, s3.put_object_acl, {"Bucket": bucket, "Key": "k"}),
]:
    seen = get(**where)
    own = {"Owner": seen["Owner"], "Grants": seen["Grants"]}
    assert [one["Permission"] for one in own["Grants"]] == ["FULL_CONTROL"], own
    put(**where, AccessControlPolicy=own)
    put(**where, ACL="private")
    for canned in ("public-read", "public-read-write", "authenticated-read"):
        answer = refused(put, "AccessControlListNotSupported", **where, ACL=canned)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400, answer
    refused(put, "InvalidArgument", **where, ACL="everybody")
    everybody = {"Grantee": {"Type": "Group", "URI": PUBLIC}, "Permission": "READ"}
    refused(put, "AccessControlListNotSupported", **where, AccessControlPolicy={
        "Owner": own["Owner"], "Grants": [*own["Grants"], everybody]})
    refused(put, "AccessControlListNotSupported", **where, GrantRead=f'uri="{PUBLIC}"')
    assert get(**where)["Grants"] == own["Grants"]
refused(s3.put_object_acl, "NoSuchKey", Bucket=bucket, Key="none", ACL="private")
# As Amazon S3 answers of a new bucket, whose owner owns every object.
public = {"Bucket": bucket, "Key": "p", "ACL": "public-read"}
refused(s3.put_object, "AccessControlListNotSupported", **public, Body=b"")
refused(s3.create_multipart_upload, "AccessControlListNotSupported", **public)
refused(s3.copy_object, "AccessControlListNotSupported", **public, CopySource=f"{bucket}/k")
refused(s3.create_bucket, "InvalidBucketAclWithObjectOwnership", Bucket=bucket + "-public", ACL="public-read")
refused(s3.head_bucket, "404", Bucket=bucket + "-public")
refused(s3.head_object, "404", Bucket=bucket, Key="p")

refused(s3.get_bucket_policy, "NoSuchBucketPolicy", Bucket=bucket)
assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
refused(s3.put_bucket_policy, "MalformedPolicy", Bucket=bucket, Policy="{}")

ALL = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
assert block == dict.fromkeys(ALL, True), block
some = {name: name.startswith("Block") for name in ALL}
s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=some)
assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == some
# Who blocks public access lists by name is answered by name.
refused(s3.put_object, "AccessDenied", **public, Body=b"")
refused(s3.put_bucket_acl, "AccessDenied", Bucket=bucket, ACL="public-read-write")
s3.delete_public_access_block(Bucket=bucket)
refused(s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", Bucket=bucket)


def ownership():
    return s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]


assert ownership() == [{"ObjectOwnership": "ObjectWriter"}], ownership()
rules = [{"ObjectOwnership": "BucketOwnerEnforced"}]
s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": rules})
assert ownership() == rules, ownership()
s3.delete_bucket_ownership_controls(Bucket=bucket)
refused(s3.get_bucket_ownership_controls, "OwnershipControlsNotFoundError", Bucket=bucket)

# A bucket made again is a new one.
s3.delete_object(Bucket=bucket, Key="k")
s3.delete_bucket(Bucket=bucket)
s3.create_bucket(Bucket=bucket)
assert ownership() == rules, ownership()
assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == block

# Buckets are listed page after page.
names = [f"{bucket}-{number}" for number in range(5)]
for name in names:
    s3.create_bucket(Bucket=name)
seen, token = [], {}
while True:
    page = s3.list_buckets(Prefix=bucket + "-", MaxBuckets=2, **token)
    assert len(page["Buckets"]) <= 2, page
    seen += [one["Name"] for one in page["Buckets"]]
    if "ContinuationToken" not in page:
        break
    token = {"ContinuationToken": page["ContinuationToken"]}
assert seen == names, seen
assert s3.list_buckets(Prefix=bucket + "-", BucketRegion="eu-west-9")["Buckets"] == []
