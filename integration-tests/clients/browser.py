"""A real browser: a page of another origin uploads by fetch to a presigned URL, reads it back, and posts a form.

usage: browser.py BUCKET CHROMIUM
The page is served from here, on another port and so of another origin; it reports by requesting /done."""

import http.server
import json
import queue
import subprocess
import sys
import tempfile
import threading

from connect import client, noise, read, refused
from forms import fields

bucket, chromium = sys.argv[1:]
s3 = client(signature_version="s3v4")
s3.create_bucket(Bucket=bucket)
reports = queue.Queue()
pages = {}


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/done":
            reports.put(self.path)
        body = pages.get(path, "").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
ORIGIN = f"http://127.0.0.1:{server.server_port}"


def visit(page):
    """What the page reports: a JSON document, or the path of the page it was sent on to."""
    pages["/page"] = page
    with tempfile.TemporaryDirectory() as profile:
        browser = subprocess.Popen(
            [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", f"--user-data-dir={profile}",
             "--remote-debugging-port=0", f"{ORIGIN}/page"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={"HOME": profile, "PATH": "/usr/bin:/bin"})
        try:
            return reports.get(timeout=120)
        except queue.Empty:
            browser.kill()
            raise AssertionError(browser.stderr.read().decode(errors="replace")[-3000:]) from None
        finally:
            browser.kill()
            browser.wait()


def sign(operation, key):
    return s3.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": key})


FETCHES = """<script>
async function send(url, options) {
  try {
    const answer = await fetch(url, options);
    return {status: answer.status, etag: answer.headers.get("etag"), text: await answer.text()};
  } catch (error) { return {refused: String(error)}; }
}
(async () => {
  const put = await send(URLS.put, {method: "PUT", body: "from a page", headers: {"x-amz-meta-page": "1"}});
  const got = await send(URLS.get, {});
  const other = await send(URLS.missing, {});
  const form = new FormData();
  for (const [name, value] of Object.entries(URLS.fields)) form.append(name, value);
  form.append("file", new Blob(["a", "\\r\\n--b", "c".repeat(7000000)]), "blob.bin");
  form.append("after", "ignored");
  const posted = await send(URLS.bucket, {method: "POST", body: form});
  await fetch("/report", {method: "POST", body: JSON.stringify({put, got, other, posted})});
})();
</script>"""


def page(uploaded, conditions, **named):
    endpoint = s3.meta.endpoint_url
    urls = {
        "put": s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": uploaded, "Metadata": {"page": "1"}}),
        "get": sign("get_object", uploaded), "missing": sign("get_object", "missing"),
        "bucket": f"{endpoint}/{bucket}", "fields": fields(bucket, conditions, **named),
    }
    return "<!doctype html>" + FETCHES.replace("URLS", f"({json.dumps(urls)})")


# Without rules the browser shows the page nothing, and does not even send what needs a preflight.
told = visit(page("closed", [{"key": "posted-closed"}], key="posted-closed"))
assert all("refused" in told[name] for name in ("put", "got", "other", "posted")), told
refused(s3.head_object, "404", Bucket=bucket, Key="closed")

s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{
    "AllowedOrigins": [ORIGIN], "AllowedMethods": ["GET", "PUT", "POST"], "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"]}]})
told = visit(page("opened", [{"key": "posted"}, {"success_action_status": "201"}], key="posted", success_action_status="201"))
found = s3.head_object(Bucket=bucket, Key="opened")
assert told["put"] == {"status": 200, "etag": found["ETag"], "text": ""}, told
assert told["got"] == {"status": 200, "etag": found["ETag"], "text": "from a page"}, told
assert found["Metadata"] == {"page": "1"}
assert told["other"]["status"] == 404 and "NoSuchKey" in told["other"]["text"], told
assert told["posted"]["status"] == 201 and "<Key>posted</Key>" in told["posted"]["text"], told
assert read(s3, bucket, "posted") == b"a\r\n--b" + b"c" * 7_000_000

# A form in HTML needs no leave of CORS: the browser goes where the answer sends it.
form = fields(bucket, [["starts-with", "$key", "html/"], {"success_action_redirect": f"{ORIGIN}/done"}],
              key="html/${filename}", success_action_redirect=f"{ORIGIN}/done")
inputs = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in form.items())
went = visit(f"""<!doctype html><form action="{s3.meta.endpoint_url}/{bucket}" method="post" enctype="multipart/form-data">
{inputs}<input type="file" name="file" id="file"><input type="submit" name="submit" value="Upload"></form><script>
const files = new DataTransfer();
files.items.add(new File(["by form"], "häßlich \\"1\\".txt"));
document.getElementById("file").files = files.files;
document.forms[0].submit.click();
</script>""")
assert went.startswith(f"/done?bucket={bucket}&key=html%2F"), went
[one] = s3.list_objects_v2(Bucket=bucket, Prefix="html/")["Contents"]
assert read(s3, bucket, one["Key"]) == b"by form"
assert one["Key"].startswith("html/häßlich") and one["Key"].endswith(".txt"), one
