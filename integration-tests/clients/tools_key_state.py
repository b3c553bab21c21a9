"""Gives a tenant's active key of a purpose another state in the keyring, and makes the MAC anew as the deployment would:
what a scrub then says of objects is tested, not how a key comes into that state.

usage: tools_key_state.py PURPOSE STATE TENANT ROOT-KEY-FILE PREFIX STORE_ENDPOINT STORE_KEY STORE_SECRET"""

import json
import sys
from pathlib import Path

import boto3

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reader"))
import keyring  # noqa: E402

purpose, state, tenant, root_file, prefix, endpoint, access_key, secret_key = sys.argv[1:]
store = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=access_key, aws_secret_access_key=secret_key)
place = {"Bucket": f"{prefix}system", "Key": f"system/keyrings/{tenant}/default.json"}


def fetch(key):
    return store.get_object(Bucket=f"{prefix}system", Key=key)["Body"].read().decode()


roots = keyring.root_keys(Path(root_file).read_text())
mac_key = keyring.mac_key(roots, fetch("system/deployment.json"))
document = keyring.document(fetch(place["Key"]), mac_key)
document["generation"] += 1
for entry in document["entries"]:
    if entry["purpose"] == purpose:
        entry["state"] = state
text = json.dumps({"document": document, "mac": keyring.mac(document, mac_key)}, ensure_ascii=False)
store.put_object(**place, Body=text.encode())
