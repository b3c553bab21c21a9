"""Takes what a sink tells and keeps each event as a line of a file.

    receiver.py webhook PORT FILE SECRET    signatures are verified; 503 while FILE.refuse is there
    receiver.py syslog PORT FILE            octet-counted messages over TCP
    receiver.py syslog PORT FILE CERTIFICATE KEY    the same over TLS
"""

import base64
import hashlib
import hmac
import json
import os
import re
import socketserver
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

kind, port, path, *rest = sys.argv[1:]
kept = open(path, "a", encoding="utf-8")


def keep(event):
    kept.write(json.dumps(event) + "\n")
    kept.flush()


class Webhook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.answer(self.taken(body))

    def taken(self, body):
        if os.path.exists(path + ".refuse"):
            return 503
        ident, timestamp = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        signed = f"{ident}.{timestamp}.".encode() + body
        expected = base64.b64encode(hmac.new(rest[0].encode(), signed, hashlib.sha256).digest())
        given = self.headers["webhook-signature"].removeprefix("v1,").encode()
        if not hmac.compare_digest(given, expected) or abs(time.time() - int(timestamp)) > 300:
            return 401
        for event in self.events(self.headers["content-type"].split(";")[0], json.loads(body)):
            for attribute in ("id", "source", "type", "specversion", "sequence"):
                if not event.get(attribute):
                    return 400
            keep(event)
        return 200

    def events(self, content_type, content):
        if content_type == "application/cloudevents-batch+json":
            return content
        if content_type == "application/cloudevents+json":
            return [content]
        attributes = {n[3:].lower(): v for n, v in self.headers.items() if n.lower().startswith("ce-")}
        return [attributes | {"data": content}]

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


HEADER = re.compile(r"<(\d{1,3})>1 (\S+) (\S+) sealgate - (\S+) - (.*)", re.DOTALL)


class Syslog(socketserver.StreamRequestHandler):
    def handle(self):
        while length := self.length():
            message = self.rfile.read(length).decode()
            priority, when, host, kind, text = HEADER.fullmatch(message).groups()
            assert int(priority) // 8 == 13, message
            event = json.loads(text)
            assert event["wall"] == when and event["kind"] == kind and host, message
            keep(event)
        if rest:
            self.request.unwrap()  # RFC 5425, 4.4: the end is answered

    def length(self):
        digits = b""
        while (octet := self.rfile.read(1)) not in (b" ", b""):
            digits += octet
        return int(digits or b"0")


class Threading(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if kind == "webhook":
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Webhook)
else:
    server = Threading(("127.0.0.1", int(port)), Syslog)
    if rest:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*rest)
        server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
