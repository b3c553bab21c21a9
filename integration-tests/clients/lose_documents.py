"""Deletes from a gateway's system bucket, past the gateway, every keyring and the index of KEKs; or all that is in it.
Prints how many documents.

usage: lose_documents.py SYSTEM_BUCKET keys|all, with the store's endpoint and credentials"""

import re
import sys

from connect import client

bucket, what = sys.argv[1:]
store = client()
KEYS = re.compile(r"system/(keyrings|keks)/")
names = [
    one["Key"]
    for page in store.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    for one in page.get("Contents", [])
]
lost = [name for name in names if what == "all" or KEYS.match(name)]
for name in lost:
    store.delete_object(Bucket=bucket, Key=name)
print(len(lost))
