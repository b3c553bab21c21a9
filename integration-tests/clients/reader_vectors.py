"""The independent reader against sealed-object/tests/vectors, of both suites: it opens every object there, refuses
every edit of refused.vec and every object of forged.vec with the class that file names. Where a file holds only
beginning, end and hash of a body, the body is made again by generate.py beside it and is the one meant only if that
hash says so."""

import importlib.util
import sys
from pathlib import Path

from blake3 import blake3

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "integration-tests/reader"))
import sof1  # noqa: E402

VECTORS = ROOT / "sealed-object/tests/vectors"
loaded = importlib.util.spec_from_file_location("generate", VECTORS / "generate.py")
generate = importlib.util.module_from_spec(loaded)
loaded.loader.exec_module(generate)
KEKS = {generate.KEK_ID: generate.KEK}
BODIES = {}


def remember(made, body, plain):
    BODIES[made.name] = body
    return made.fields


generate.Object.body = remember


def blocks(name):
    for block in (VECTORS / name).read_text(encoding="utf-8").strip().split("\n\n"):
        yield [tuple(map(str.strip, line.split(":", 1))) for line in block.splitlines()]


def facts_of(vector):
    found = {"algorithm": int(vector["algorithm"]), "checksum": bytes.fromhex(vector["checksum"]),
             "composite": int(vector["composite"])}
    algorithm, *sums = vector.get("part-checksums", "").split() or [0]
    found |= {"sums": (int(algorithm), list(map(bytes.fromhex, sums)))} if sums else {}
    return found | ({"md5": bytes.fromhex(vector["md5"])} if vector["md5"] else {})


def body_of(block):
    vector = dict(block)
    if "body" in vector:
        return sof1.unbase64(vector["body"], "")
    name, facts = vector["name"], facts_of(vector)
    parts = [value.split() for field, value in block if field == "part"]
    if parts:
        md5s = {int(part[0]): bytes.fromhex(part[3]) for part in parts if part[3] != "-"}
        generate.multipart(name, [int(part[1]) for part in parts], [int(part[0]) for part in parts],
                           vector["metadata"], facts, md5s, tuple(map(int, vector["choice"].split())))
    else:
        generate.single(name, int(vector["plain"]), vector["metadata"], facts)
    body = BODIES[name]
    return body


def opened(vector, body, header=None, announced=None):
    return sof1.open_object(header or vector["sof-h"], vector["sof-m"], body, KEKS, generate.TENANT,
                            generate.BUCKET, generate.KEY, announced)


def edited(edit, vector, body):
    """Body, header and announced length after an edit, as generate.py's refused() describes them."""
    word, _, number = edit.partition(" ")
    number, body, announced = int(number or 0), bytearray(body), None
    header = bytearray(sof1.unbase64(vector["sof-h"], ""))
    if word == "flip":
        body[number] ^= 1
    elif word == "header":
        header[number] ^= 1
    elif word in ("cut", "short"):
        announced = len(body) - number if word == "cut" else len(body)
        del body[len(body) - number :]
    elif word == "more":
        body += bytes(number)
        announced = len(body) - number
    elif word == "swap":
        first, second = slice(48, 48 + sof1.CHUNK), slice(48 + sof1.CHUNK, 48 + 2 * sof1.CHUNK)
        body[first], body[second] = body[second], body[first]
    else:
        assert word == "none", edit
    return bytes(body), generate.b64(bytes(header)), announced


def code_of(attempt):
    """The class of the refusal, or `opened`."""
    try:
        attempt()
    except sof1.Refused as refused:
        return refused.code
    return "opened"


count = 0
for name in ("single.vec", "multipart.vec", "fips-single.vec", "fips-multipart.vec"):
    for block in blocks(name):
        vector = dict(block)
        body = body_of(block)
        assert blake3(body).hexdigest() == vector["body-blake3"], f"{vector['name']}: not the vector's body"
        text, user, system = opened(vector, body)
        assert text == generate.plaintext(int(vector["plain"])), vector["name"]
        wanted = generate.METADATA[vector["metadata"]]
        listed = wanted.get(0, [])
        assert user == dict(zip(listed[::2], listed[1::2])), (vector["name"], user)
        assert system == {sof1.FACTS[key]: wanted[key] for key in wanted if key in sof1.FACTS}, vector["name"]
        count += 1
assert count == 28, f"{count} vectors were read"

for suite in (1, 2):
    # The object that the edits are of; of suite 2 it is in no file, because it is sealed anew each time.
    generate.SUITE = suite
    two_frames = dict(generate.single("two-frames", 2 * sof1.FRAME + 100))
    for block in blocks("refused.vec"):
        case = dict(block)
        body, header, announced = edited(case["edit"], two_frames, BODIES["two-frames"])
        code = code_of(lambda: opened(two_frames, body, header, announced))
        assert code == case["expect"], (suite, case, code)

count = 0
for block in blocks("forged.vec"):
    case = dict(block)
    key_id = bytes.fromhex(case.get("read-kek-id", generate.KEK_ID.hex()))
    place = (case.get("read-tenant", generate.TENANT), bytes.fromhex(case.get("read-bucket", generate.BUCKET.hex())),
             case.get("read-key", generate.KEY))
    keks = {key_id: bytes.fromhex(case.get("read-kek", generate.KEK.hex()))}
    code = code_of(lambda: sof1.open_object(case["sof-h"], case["sof-m"], sof1.unbase64(case["body"], ""), keks, *place,
                                            minimum=int(case.get("read-minimum", 1))))
    assert code == case["expect"], (case["suite"], case["what"], code)
    count += 1
assert count == 58, f"{count} forged objects were read"
