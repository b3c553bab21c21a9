"""Every operation of docs/s3-compatibility.md, asked once by a principal who may do nothing of it and once without
credentials, and requests that mean nothing. Prints `name request-id` of each; the name is empty where there is none.
What is answered is others' business: here it matters that each leaves its trace.

usage: every_route.py PAGE"""

import pathlib
import re
import sys

from raw import begin, connect

ROW = re.compile(r"^\| (\w+) \| `([A-Z]+) (/\S*?)(?:\?(\S*?))?( \+ x-amz-copy-source)?`", re.MULTILINE)


def told(name, answer):
    answer.read()
    print(name, answer.headers["x-amz-request-id"])


def main():
    rows = ROW.findall(pathlib.Path(sys.argv[1]).read_text())
    assert len(rows) > 100, len(rows)
    for name, method, path, query, copies in rows:
        path = path.replace("/bucket", "/every-route")
        pairs = [pair if "=" in pair else f"{pair}=1" if pair in ("uploadId", "partNumber", "id", "annotationName") else f"{pair}="
                 for pair in sorted(query.split("&")) if pair]
        headers = {"x-amz-copy-source": "/every-route/source"} if copies else {}
        connection = begin(method, path, headers, query="&".join(pairs), length=0)
        told(name, connection.getresponse())
        connection = connect()
        connection.request(method, f"{path}?{'&'.join(pairs)}", headers=headers)
        told(name, connection.getresponse())
    for method, target in (("PATCH", "/every-route/key"), ("GET", "/every-route?no-such-thing&acl&tagging"),
                           ("GET", "/UPPER.CASE..bucket/key")):
        connection = connect()
        connection.request(method, target)
        told("-", connection.getresponse())


main()
