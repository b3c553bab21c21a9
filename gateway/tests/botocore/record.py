"""Record requests as boto3 signs and frames them, for gateway/tests/botocore.rs.

Run from the root of the repository, with boto3 installed:

    python gateway/tests/botocore/record.py > gateway/tests/botocore/requests.json

Nothing is sent: each request is caught after signing, its body read as it would go over the wire.
"""

import base64
import datetime
import io
import json
import sys

import boto3
import botocore
import botocore.auth
import botocore.awsrequest
from botocore.config import Config

NOW = datetime.datetime(2026, 2, 3, 4, 5, 6)
ACCESS_KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION = "eu-west-1"
BODY = b"hello world"

recorded = []


def client(scheme, token=None, **s3):
    session = boto3.session.Session(
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET,
        aws_session_token=token,
        region_name=REGION,
    )
    config = Config(signature_version="s3v4", s3={"addressing_style": "path", **s3}, retries={"max_attempts": 0})
    return session.client("s3", endpoint_url=f"{scheme}://gateway.test:9000", config=config)


class Caught(Exception):
    pass


def catch(name, call, **expect):
    def before_send(request, **_):
        body = request.body
        if body is None:
            body = b""
        if hasattr(body, "read"):
            body = body.read()
        headers = [
            [key, base64.b64encode(value if isinstance(value, bytes) else value.encode("utf-8")).decode()]
            for key, value in request.headers.items()
            if key.lower() not in ("user-agent", "expect", "transfer-encoding")
        ]
        record(name, request.method, request.url, headers, body, expect)
        raise Caught

    try:
        call(before_send)
    except Caught:
        return
    raise SystemExit(f"{name} sent nothing")


def record(name, method, url, headers, body, expect):
    recorded.append(
        {
            "name": name,
            "method": method,
            "url": url,
            "headers": headers,
            "body": base64.b64encode(body).decode(),
            **expect,
        }
    )


def call(scheme, operation, token=None, **arguments):
    def run(before_send):
        s3 = client(scheme, token)
        s3.meta.events.register("before-send.s3", before_send)
        getattr(s3, operation)(**arguments)

    return run


def presign(name, operation, method, token=None, **arguments):
    url = client("http", token).generate_presigned_url(operation, Params=arguments, ExpiresIn=3600)
    record(name, method, url, [], b"", {"form": "presigned", "payload": "unsigned", "token": token})


def main():
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: NOW
    object_ = {"Bucket": "bucket", "Key": "key"}
    signed = {"form": "header", "payload": "literal", "token": None}
    trailer = {"form": "header", "payload": "unsigned-trailer", "token": None}

    odd_keys = ["a//b/../c/./d", "a+b c", "Grüße/日本😀", "(=*@:,;!$&')~", "%2F%", "/leading"]
    for key in odd_keys:
        arguments = {"Bucket": "bucket", "Key": key}
        catch(f"get {key}", call("http", "get_object", **arguments), **signed)
        presign(f"presigned get {key}", "get_object", "GET", **arguments)
    catch("list", call("http", "list_objects_v2", Bucket="bucket", Prefix="a+b/ é&=", Delimiter="/", MaxKeys=7), **signed)
    catch("uploads", call("http", "create_multipart_upload", **object_), **signed)
    catch("range", call("http", "get_object", Range="bytes=0-9", IfMatch='"e-1"', **object_), **signed)
    metadata = {"spaces": "a   b", "plain": "value"}
    catch("put over http", call("http", "put_object", Body=BODY, Metadata=metadata, **object_), **signed)
    catch("put nothing over http", call("http", "put_object", Body=b"", **object_), **signed)
    catch("put over https", call("https", "put_object", Body=io.BytesIO(BODY), **object_), **trailer)
    for algorithm in ("CRC32", "SHA1", "SHA256"):
        arguments = {"Body": io.BytesIO(BODY), "ChecksumAlgorithm": algorithm, **object_}
        catch(f"put {algorithm} over https", call("https", "put_object", **arguments), **trailer)
        arguments["Body"] = BODY
        catch(f"put {algorithm} over http", call("http", "put_object", **arguments), **signed)
    catch("copy", call("http", "copy_object", CopySource={"Bucket": "other", "Key": "a b+é"}, **object_), **signed)
    with_token = {**signed, "token": "a/session+token=="}
    catch("session", call("http", "get_object", token="a/session+token==", **object_), **with_token)
    presign("presigned put", "put_object", "PUT", **object_)
    presign("presigned session", "get_object", "GET", token="a/session+token==", **object_)
    presign("presigned response", "get_object", "GET", ResponseContentDisposition='attachment; filename="a b.txt"', **object_)
    presign("presigned part", "upload_part", "PUT", UploadId="a/b+c==", PartNumber=3, **object_)

    requests = {"botocore": botocore.__version__, "requests": recorded}
    json.dump(requests, sys.stdout, indent=1, ensure_ascii=True)
    print()


main()
