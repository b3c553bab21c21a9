"""boto3: tags come with an upload, in parts or not, stay or change with a copy, and change alone."""

import sys
import urllib.parse

from connect import client, read, refused

bucket = sys.argv[1]
s3 = client()
s3.create_bucket(Bucket=bucket)
PAIRS = [{"Key": "patient", "Value": "a b&c=d"}, {"Key": "empty", "Value": ""}]
HEADER = "patient=a%20b%26c%3Dd&empty="


def tags(key):
    found = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    return sorted(found, key=lambda tag: tag["Key"], reverse=True)


s3.put_object(Bucket=bucket, Key="put", Body=b"1", Tagging=HEADER)
assert tags("put") == PAIRS, tags("put")
assert s3.get_object(Bucket=bucket, Key="put")["ResponseMetadata"]["HTTPHeaders"][
    "x-amz-tagging-count"] == "2"

upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", Tagging=HEADER)["UploadId"]
part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"2")
s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={
    "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
assert tags("parts") == PAIRS, tags("parts")

source = {"Bucket": bucket, "Key": "put"}
s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
assert tags("kept") == PAIRS, tags("kept")
s3.copy_object(Bucket=bucket, Key="replaced", CopySource=source, TaggingDirective="REPLACE",
               Tagging="new=1")
assert tags("replaced") == [{"Key": "new", "Value": "1"}], tags("replaced")

before = s3.head_object(Bucket=bucket, Key="put")
s3.put_object_tagging(Bucket=bucket, Key="put", Tagging={"TagSet": [{"Key": "x", "Value": "y"}]})
assert tags("put") == [{"Key": "x", "Value": "y"}], tags("put")
s3.delete_object_tagging(Bucket=bucket, Key="put")
assert tags("put") == [], tags("put")
assert s3.head_object(Bucket=bucket, Key="put")["ETag"] == before["ETag"]
assert read(s3, bucket, "put") == b"1"

# Amazon S3's limits, whatever the store's are: on tags of their own and on those that come with an upload.
system = [{"Key": "aws:mine", "Value": ""}]
for bad in ([{"Key": f"{number}", "Value": ""} for number in range(11)], PAIRS[:1] * 2, system,
            [{"Key": "k" * 129, "Value": ""}], [{"Key": "k", "Value": "v" * 257}]):
    header = urllib.parse.urlencode([(tag["Key"], tag["Value"]) for tag in bad])
    refused(s3.put_object_tagging, "InvalidTag", Bucket=bucket, Key="put", Tagging={"TagSet": bad})
    refused(s3.put_object, "InvalidTag", Bucket=bucket, Key="put", Body=b"2", Tagging=header)
    refused(s3.create_multipart_upload, "InvalidTag", Bucket=bucket, Key="put", Tagging=header)
refused(s3.put_bucket_tagging, "InvalidTag", Bucket=bucket, Tagging={"TagSet": system})
assert read(s3, bucket, "put") == b"1"

s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": PAIRS[:1]})
assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == PAIRS[:1]
s3.delete_bucket_tagging(Bucket=bucket)
refused(s3.get_bucket_tagging, "NoSuchTagSet", Bucket=bucket)
