"""Signs the URLs that curl uses, and clears up after it."""

import sys

from connect import client

bucket, task = sys.argv[1:]
s3 = client(signature_version="s3v4")
where = {"Bucket": bucket, "Key": "Röntgen bild+1.dcm"}
if task == "sign":
    s3.create_bucket(Bucket=bucket)
    for operation in ("put_object", "get_object"):
        print(s3.generate_presigned_url(operation, Params=where))
else:
    s3.delete_object(**where)
    s3.delete_bucket(Bucket=bucket)
