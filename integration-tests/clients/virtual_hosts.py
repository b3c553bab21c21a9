"""The bucket in the host name: boto3's virtual-hosted style reaches the same objects as path style, with every form
of signature, on a base domain that ends in another."""

import http.client
import os
import socket
import subprocess
import urllib.parse

import boto3
from botocore.config import Config

from connect import noise

address = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])

# Names below localhost need no resolver: RFC 6761.
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve(
    address.hostname if str(host).endswith("localhost") else host, *rest, **more)


def client(base, style, version="s3v4"):
    return boto3.client(
        "s3", endpoint_url=f"http://{base}:{address.port}",
        config=Config(signature_version=version, s3={"addressing_style": style}))


by_path = client("s3.localhost", "path")
KEY, BODY = "a//b/../é+ (=*@:,).txt", noise(70_000)
hosts = []
for bucket in ("plain-bucket", "dotted.bucket.name"):
    for base in ("s3.localhost", "localhost"):
        s3 = client(base, "virtual")
        s3.meta.events.register("before-send.s3", lambda request, **_: hosts.append(urllib.parse.urlsplit(request.url).netloc))
        s3.create_bucket(Bucket=bucket)
        assert hosts[-1] == f"{bucket}.{base}:{address.port}", hosts
        s3.put_object(Bucket=bucket, Key=KEY, Body=BODY)
        for reader in (s3, by_path, client(address.hostname, "path")):
            assert reader.get_object(Bucket=bucket, Key=KEY)["Body"].read() == BODY
        listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
        assert [found["Key"] for found in listed] == [KEY], listed
        s3.head_bucket(Bucket=bucket)
        for version in ("s3v4", "s3"):
            signer = client(base, "virtual", version)
            url = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": KEY})
            parts = urllib.parse.urlsplit(url)
            assert parts.hostname == f"{bucket}.{base}", url
            connection = http.client.HTTPConnection(address.hostname, address.port)
            target = f"{parts.path}?{parts.query}"
            connection.request("GET", target, headers={"Host": parts.netloc.upper()})
            # Version 4 signs the host, in the case it was written in; Version 2 does not.
            assert connection.getresponse().status == (403 if version == "s3v4" else 200)
            connection.close()
            connection.request("GET", target, headers={"Host": parts.netloc})
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, BODY), version
            # Over HTTP/2 the host is a pseudo-header.
            fetched = subprocess.run(
                ["curl", "--silent", "--fail", "--path-as-is", "--globoff", "--http2-prior-knowledge", "--write-out", "%{stderr}%{http_version}",
                 "--resolve", f"{parts.netloc}:{address.hostname}", url], capture_output=True, check=True)
            assert (fetched.stdout, fetched.stderr) == (BODY, b"2"), (version, fetched.stderr)
            # The same path with another host names another bucket.
            connection.request("GET", target, headers={"Host": f"other-bucket.{base}:{address.port}"})
            answer = connection.getresponse()
            assert answer.status == 403 and b"SignatureDoesNotMatch" in answer.read(), version
        s3.delete_object(Bucket=bucket, Key=KEY)
        s3.delete_bucket(Bucket=bucket)
