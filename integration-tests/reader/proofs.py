"""A verifier of what is shown of a trail: extracts, lines that a search found, receipts, evidence packs. Written from docs/audit.md, like
trail.py beside it.

python3 proofs.py FILE KEY [UPLOADED] prints what it finds as JSON and ends with the exit code that section 5 gives; with
UPLOADED, that file is compared with what the receipt says of it."""

import base64
import hashlib
import json
import pathlib
import sys
import zipfile
import zlib

from blake3 import blake3

import trail


def included(leaf, index, size, hashes, root):
    """RFC 9162, section 2.1.3.2."""
    if index >= size:
        return False
    node, last = index, size - 1
    for sibling in hashes:
        if last == 0:
            return False
        if node & 1 or node == last:
            leaf = trail.node_hash(sibling, leaf)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            leaf = trail.node_hash(leaf, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and leaf == root


class Signed:
    """A log's checkpoint, by the key that the deployment certified; `wrong` names what is not so."""

    def __init__(self, name, certificate, checkpoint, key):
        self.name, self.size, self.root, self.wrong = name, 0, None, None
        origin = f"{key.name}/{name}"
        text = (key.open(certificate) or "").splitlines()
        if text[:2] != ["sealgate audit log key v1", origin]:
            self.wrong = "certificate"
            return
        text = (trail.Key(text[2]).open(checkpoint) or "").splitlines()
        if text[:1] != [origin]:
            self.wrong = "checkpoint"
            return
        self.size, self.root = int(text[1]), base64.b64decode(text[2])

    def holds(self, proved):
        """The line, if it is in the log where it says; and its leaf."""
        line = json.loads(proved["line"])
        leaf = trail.leaf_hash(proved["line"].encode())
        hashes = [base64.b64decode(one) for one in proved["hashes"]]
        is_there = line.get("log") == self.name and included(leaf, line["seq"], self.size, hashes, self.root)
        return (line, leaf) if is_there else (None, None)


def extract(document, key):
    """All of a tenant's lines in each log."""
    report = []
    for log in document["logs"]:
        signed = Signed(log["log"], log["certificate"], log["checkpoint"], key)
        report += [(signed.wrong, signed.name)] if signed.wrong else chain(document["tenant"], log, signed)
    return report


def chain(tenant, log, signed):
    leaves = []
    for proved in log["lines"]:
        line, leaf = signed.holds(proved)
        if line is None:
            return [("line-altered", signed.name)]
        previous = trail.base64_of(leaves[-1]) if leaves else ""
        if (line.get("tenant"), line["tseq"], line["tprev"]) != (tenant, len(leaves), previous):
            return [("chain", signed.name)]
        leaves.append(leaf)
    if not log.get("heads"):
        return [("running", signed.name)]
    line, _ = signed.holds(log["heads"])
    name = trail.sha256(f"sealgate audit chain\n{signed.name}\n{tenant}\n".encode())[:16]
    name = base64.urlsafe_b64encode(name).decode().rstrip("=")
    count, last = line["detail"]["heads"].get(name, (0, "")) if line else (0, "")
    if count > len(leaves):
        return [("lines-missing", signed.name)]
    if count == 0 or trail.base64_of(leaves[count - 1]) != last:
        return [("heads", signed.name)]
    return [("running", signed.name)] if count < len(leaves) else []


def found(document, key):
    """Lines that a search found: each is in its log, and the tenant's."""
    report = []
    for log in document["logs"]:
        signed = Signed(log["log"], log["certificate"], log["checkpoint"], key)
        lines = [] if signed.wrong else [signed.holds(proved)[0] for proved in log["lines"]]
        altered = any(line is None or line.get("tenant", "") != document["tenant"] for line in lines)
        report += [(signed.wrong or "line-altered", signed.name)] if signed.wrong or altered else []
    return report


def evidence(pack, key):
    """An evidence pack: what was signed, file by file, and the proofs in it."""
    with zipfile.ZipFile(pack) as opened:
        names = [one.filename for one in opened.infolist()]
        note = opened.read("MANIFEST").decode() if "MANIFEST" in names else ""
        head = (key.open(note) or "").splitlines()
        if head[:2] != ["sealgate evidence v1", key.name]:
            return [("manifest", "MANIFEST")]
        names.remove("MANIFEST")
        report = []
        for listed in head[5:]:
            digest, size, name = listed.split(" ", 2)
            if name not in names:
                report.append(("file-missing", name))
                continue
            names.remove(name)
            report += inside(contents(opened, name), (digest, int(size)), name, key)
        return report + [("file-added", name) for name in names]


def contents(opened, name):
    try:
        return opened.read(name)
    except (zipfile.BadZipFile, zlib.error):
        return None


def inside(data, signed, name, key):
    """A file of a pack, and what it proves."""
    if data is None or (hashlib.sha256(data).hexdigest(), len(data)) != signed:
        return [("file-altered", name)]
    document = json.loads(data) if name.endswith(".json") else None
    kind = document.get("kind") if isinstance(document, dict) else None
    verify = {"sealgate audit extract v1": extract, "sealgate audit lines v1": found}.get(kind)
    return [(code, name) for code, _ in verify(document, key)] if verify else []


def receipt(document, key, uploaded):
    """Statement, line, tree, checkpoint, certificate; and the file."""
    statement, line = json.loads(document["statement"]), json.loads(document["line"])
    hashed = trail.base64_of(trail.sha256(document["statement"].encode()))
    of = (line.get("v"), line.get("receipt"), line.get("tenant"), line.get("bucket"))
    if of != (2, hashed, statement["tenant"], statement["bucket"]):
        return [("statement", "")]
    head, _, note = document["proof"].partition("\n\n")
    version, index, *hashes = head.splitlines()
    signed = Signed(line["log"], document["certificate"], note, key)
    if signed.wrong:
        return [(signed.wrong, signed.name)]
    proved = {"line": document["line"], "hashes": hashes}
    if version != "c2sp.org/tlog-proof@v1" or index != f"index {line['seq']}" or signed.holds(proved)[0] is None:
        return [("proof", signed.name)]
    return [] if uploaded is None or is_uploaded(statement, uploaded) else [("file", signed.name)]


def is_uploaded(statement, data):
    def digest(piece):
        return blake3(piece).digest() if statement["algorithm"] == "blake3" else hashlib.sha256(piece).digest()

    lengths = statement.get("parts") or [statement["size"]]
    if sum(lengths) != len(data):
        return False
    listed, at = [], 0
    for length in lengths:
        listed.append((length, digest(data[at:at + length])))
        at += length
    many = digest(b"".join(length.to_bytes(8, "big") + one for length, one in listed))
    return (listed[0][1] if len(listed) == 1 else many).hex() == statement["digest"]


def main():
    key = trail.Key(sys.argv[2])
    if zipfile.is_zipfile(sys.argv[1]):
        conclude(evidence(sys.argv[1], key))
    document = json.loads(pathlib.Path(sys.argv[1]).read_text())
    uploaded = pathlib.Path(sys.argv[3]).read_bytes() if len(sys.argv) > 3 else None
    kinds = {"sealgate audit extract v1": extract, "sealgate audit lines v1": found,
             "sealgate audit receipt v1": lambda document, key: receipt(document, key, uploaded)}
    conclude(kinds[document["kind"]](document, key))


def conclude(report):
    codes = {code for code, _ in report} - {"running"}
    print(json.dumps(report))
    sys.exit(0 if not codes else 4 if codes <= trail.INCOMPLETE else 3)


main()
