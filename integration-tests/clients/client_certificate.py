"""boto3: keys that are bound to a client's certificate.

usage: client_certificate.py fingerprint CERTIFICATE, or client_certificate.py use CERTIFICATE KEY OTHER OTHER_KEY"""

import hashlib
import ssl
import sys

from botocore.exceptions import BotoCoreError
from connect import client, refused

what, *rest = sys.argv[1:]
if what == "fingerprint":
    with open(rest[0]) as file:
        pem = file.read()
    end = "-----END CERTIFICATE-----"
    first = pem.split(end)[0] + end
    print(hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest(), end="")
if what == "use":
    own, other = tuple(rest[:2]), tuple(rest[2:4])
    client(client_cert=own).list_buckets()
    refused(client().list_buckets, "AccessDenied")
    refused(client(client_cert=other).list_buckets, "AccessDenied")
if what == "strange":
    # A certificate of an authority that the gateway does not know is no connection at all.
    try:
        client(client_cert=tuple(rest), retries={"max_attempts": 1}).list_buckets()
    except BotoCoreError:
        sys.exit()
    raise AssertionError("a stranger's certificate was taken")
