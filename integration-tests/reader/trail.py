"""A verifier of audit trails, written from docs/audit.md and from nothing else of this repository. It shows that a
trail can be verified without our software, and that two programs find the same in it. What is shown of a trail (extracts,
receipts) is proofs.py's.

python3 trail.py DIRECTORY KEY prints the report as JSON and ends with the exit code that section 5 gives."""

import base64
import hashlib
import json
import pathlib
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TAMPER = {"certificate", "checkpoint", "line-altered", "lines-missing", "tiles-altered", "root", "chain", "heads",
          "clock", "fork", "super-log"}
INCOMPLETE = {"segment-missing", "tile-missing", "file-missing", "log-missing", "super-log-missing"}
GAP = {"gap", "unclean-end", "open-intent"}
FAR = 1 << 24


def sha256(data):
    return hashlib.sha256(data).digest()


def base64_of(data):
    return base64.b64encode(data).decode()


# ---- signed notes ----


class Key:
    """A verification key, `name+8 hex digits+base64`."""

    def __init__(self, text):
        self.name, key_id, key = text.strip().split("+", 2)
        key = base64.b64decode(key, validate=True)
        assert key[0] == 1 and len(key) == 33, "no Ed25519 key"
        self.key_id = sha256(self.name.encode() + b"\n" + key)[:4]
        assert self.key_id.hex() == key_id, "the key's id is not its own"
        self.key = Ed25519PublicKey.from_public_bytes(key[1:])

    def open(self, note):
        """The text of a note that this key signed, or None."""
        text, separator, signatures = note.rpartition("\n\n")
        text += "\n"
        for line in signatures.splitlines():
            dash, name, signature = (line.split(" ") + ["", ""])[:3]
            if dash != "\u2014" or name != self.name:
                continue
            signature = base64.b64decode(signature)
            if signature[:4] == self.key_id:
                try:
                    self.key.verify(signature[4:], text.encode())
                    return text if separator else None
                except InvalidSignature:
                    return None
        return None


# ---- the tree of RFC 6962 ----


def leaf_hash(line):
    return sha256(b"\0" + line)


def node_hash(left, right):
    return sha256(b"\1" + left + right)


class Tree:
    """A tree that grows by leaves; its peaks are perfect subtrees, the largest first."""

    def __init__(self, leaves=()):
        self.size, self.peaks = 0, []
        for leaf in leaves:
            self.push(leaf)

    def push(self, leaf):
        size, self.size = self.size, self.size + 1
        while size & 1:
            leaf, size = node_hash(self.peaks.pop(), leaf), size >> 1
        self.peaks.append(leaf)

    def root(self):
        if not self.peaks:
            return sha256(b"")
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def tile_path(level, index, width):
    groups = [f"{index % 1000:03}"]
    index //= 1000
    while index:
        groups.insert(0, f"x{index % 1000:03}")
        index //= 1000
    return f"tile/{level}/{'/'.join(groups)}" + ("" if width == 256 else f".p/{width}")


def tiles_over(leaves):
    """All tiles over these leaves, by level and index."""
    tiles, level, hashes = {}, 0, leaves
    while hashes:
        for start in range(0, len(hashes), 256):
            tiles[level, start // 256] = hashes[start:start + 256]
        full = len(hashes) // 256
        hashes = [Tree(hashes[n * 256:n * 256 + 256]).root() for n in range(full)]
        level += 1
    return tiles


def widths(size):
    level = 0
    while size:
        for index in range((size + 255) // 256):
            yield level, index, min(256, size - index * 256)
        size //= 256
        level += 1


def ranges(numbers):
    found = []
    for number in numbers:
        if found and found[-1][1] + 1 == number:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


# ---- one log ----


class Log:
    def __init__(self, directory, key, report):
        self.directory, self.name, self.report = directory, directory.name, report
        self.origin = f"{key.name}/{self.name}"
        self.size, self.root = self.checkpoint(key)
        self.lines = self.read_lines()
        if self.root is not None:
            self.check_tree()
        if len(self.lines) > self.size:
            self.found("unsigned-tail", self.size, len(self.lines) - 1)
        self.started, self.stopped, self.open, self.reconciled = None, False, {}, set()
        self.story()

    def found(self, code, first=None, last=None, what=None):
        self.report.append((code, self.name, first, last, what))

    def text(self, name):
        path = self.directory / name
        return path.read_text() if path.is_file() else None

    def checkpoint(self, key):
        log_key, certificate = None, self.text("certificate")
        if certificate is None:
            self.found("file-missing", what="certificate")
        else:
            text = key.open(certificate)
            lines = text.splitlines() if text else []
            if lines[:2] == ["sealgate audit log key v1", self.origin]:
                log_key = Key(lines[2])
            else:
                self.found("certificate")
        note = self.text("checkpoint")
        if note is None:
            self.found("file-missing", what="checkpoint")
            return 0, None
        if log_key is None:
            return 0, None
        text = log_key.open(note)
        lines = text.splitlines() if text else []
        if lines[:1] != [self.origin]:
            self.found("checkpoint")
            return 0, None
        return int(lines[1]), base64.b64decode(lines[2])

    def read_lines(self):
        """A list of (leaf hash, line) by seq; None where there is none."""
        places = []
        named = re.compile(r"(\d{20})\.jsonl")
        files = sorted((self.directory / "segments").glob("*")) if (self.directory / "segments").is_dir() else []
        segments = [(int(match[1]), path) for path in files if (match := named.fullmatch(path.name))]
        for at, (first, path) in enumerate(segments):
            if first > len(places):
                self.found("segment-missing", len(places), first - 1)
                places += [None] * (first - len(places))
            bound = segments[at + 1][0] if at + 1 < len(segments) else None
            self.read_segment(path, first, bound, places)
        if len(places) < self.size:
            self.found("segment-missing", len(places), self.size - 1)
            places += [None] * (self.size - len(places))
        return places

    def read_segment(self, path, first, bound, places):
        strays = 0
        pieces = path.read_bytes().split(b"\n")
        torn = pieces.pop().rstrip(b"\0")  # zeros are room for more lines
        for raw in pieces:
            if b"\0" in raw and bound is None and len(places) >= self.size:
                torn = b""  # a batch that a crash tore, with all that follows
                break
            line = self.parse(raw)
            seq = line["seq"] if line else -1
            if seq < first or (bound is not None and seq >= bound) or seq > len(places) + FAR:
                strays += 1
                continue
            places += [None] * (seq + 1 - len(places))
            if places[seq] is not None:
                strays += 1
            else:
                places[seq] = (leaf_hash(raw), line)
        strays += bool(torn) and (bound is not None or len(places) < self.size)
        code = "line-altered" if strays else "lines-missing"
        for start, end in ranges([seq for seq in range(first, len(places)) if places[seq] is None]):
            self.found(code, start, end)
        end = bound if bound is not None else max(self.size, len(places) + strays)
        if end > len(places) and (bound is not None or strays):
            self.found("line-altered" if strays else "segment-missing", len(places), end - 1)
            places += [None] * (end - len(places))

    def parse(self, raw):
        try:
            line = json.loads(raw)
        except ValueError:
            return None
        shape = {"v": int, "log": str, "seq": int, "hlc": str, "tseq": int, "tprev": str, "id": str, "kind": str}
        if not isinstance(line, dict) or not all(isinstance(line.get(name), kind) for name, kind in shape.items()):
            return None
        return line if line["v"] == 2 and line["log"] == self.name else None

    def check_tree(self):
        tiles = {}
        for level, index, width in widths(self.size):
            names = [tile_path(level, index, width), tile_path(level, index, 256)]
            paths = [self.directory / name for name in names if (self.directory / name).is_file()]
            if not paths:
                self.found("tile-missing", what=names[0])
                continue
            data = paths[0].read_bytes()
            hashes = [data[at:at + 32] for at in range(0, len(data), 32)]
            tiles[level, index] = hashes[:width] if len(data) % 32 == 0 else []
        of_lines = [place and place[0] for place in self.lines[:self.size]]
        if None in of_lines:
            of_lines = None
        lowest = [tiles.get((level, index)) for level, index, _ in widths(self.size) if level == 0]
        of_tiles = None if None in lowest else [leaf for tile in lowest for leaf in tile]
        if of_lines is not None and Tree(of_lines).root() == self.root:
            self.compare(tiles, tiles_over(of_lines))
        elif of_tiles is not None and Tree(of_tiles).root() == self.root:
            altered = [seq for seq, leaf in enumerate(of_tiles)
                       if seq < len(self.lines) and self.lines[seq] and self.lines[seq][0] != leaf]
            for seq in altered:
                self.lines[seq] = None
            for start, end in ranges(altered):
                self.found("line-altered", start, end)
            self.compare(tiles, tiles_over(of_tiles))
        elif of_lines is not None or of_tiles is not None:
            self.found("root")

    def compare(self, tiles, expected):
        for place, hashes in tiles.items():
            if expected.get(place) != hashes:
                self.found("tiles-altered", what=tile_path(*place, len(expected.get(place, []))))

    def story(self):
        chains, unsure, missing, clock = {}, set(), False, ""
        for place in self.lines:
            if place is None:
                unsure, missing, self.stopped = set(chains), True, False
                continue
            leaf, line = place
            seq, tenant = line["seq"], line.get("tenant", "")
            if line["hlc"] <= clock:
                self.found("clock", seq, seq)
            clock = line["hlc"]
            if self.started is None:
                self.started = clock
            sure = tenant not in unsure
            unsure.discard(tenant)
            if not self.continues(line, chains.get(tenant), sure, missing):
                self.found("chain", seq, seq, tenant)
            if line["kind"] == "tenant.heads" and not self.heads_agree(line, chains, unsure, missing):
                self.found("heads", seq, seq)
            chains[tenant] = (line["tseq"] + 1, leaf)
            self.take(line)

    @staticmethod
    def continues(line, link, sure, missing):
        if link is None:
            return missing or (line["tseq"] == 0 and line["tprev"] == "")
        if line["tseq"] == link[0]:
            return line["tprev"] == base64_of(link[1])
        return not sure and line["tseq"] > link[0]

    def heads_agree(self, line, chains, unsure, missing):
        known = {}
        for tenant, link in chains.items():
            if tenant:
                name = sha256(f"sealgate audit chain\n{self.name}\n{tenant}\n".encode())[:16]
                known[base64.urlsafe_b64encode(name).decode().rstrip("=")] = (tenant, link)
        for name, end in line.get("detail", {}).get("heads", {}).items():
            if name not in known:
                if not missing:
                    return False
                continue
            tenant, (count, leaf) = known[name]
            if end != [count, base64_of(leaf)] and tenant not in unsure:
                return False
        return True

    def take(self, line):
        kind, detail = line["kind"], line.get("detail", {})
        if kind == "intent":
            self.open[line["id"]] = line["seq"]
        elif kind == "outcome" and not detail.get("of_several"):
            self.open.pop(line.get("intent_ref"), None)
        elif kind == "reconcile" and "intent_ref" in line:
            self.reconciled.add(line["intent_ref"])
        elif kind == "audit.gap":
            self.found("gap", what=str(detail.get("count", 0)))
        self.stopped = kind == "replica.stop"


def replica_of(log):
    return log.rsplit("-", 2)[0]


# ---- the super-log ----


def check_super_log(directory, key, logs, report):
    seen, expected, previous = {}, 0, "-"
    for path in sorted(directory.glob("*")):
        if not re.fullmatch(r"\d{20}", path.name):
            continue
        number = int(path.name)
        for missing in range(expected, number):
            report.append(("super-log-missing", "", missing, missing, None))
            previous = None
        expected = number + 1
        note = path.read_bytes()
        text = key.open(note.decode(errors="replace"))
        lines = text.splitlines() if text else []
        signed = lines[:3] == ["sealgate audit super-log v1", key.name, str(number)]
        if not signed or (previous is not None and lines[3] != previous):
            report.append(("super-log", "", number, number, None))
        previous = base64_of(sha256(note))
        for line in lines[4:] if signed else []:
            log, size, root = line.split(" ")
            if seen.setdefault((log, int(size)), root) != root:
                report.append(("fork", log, int(size), int(size), None))
    for name in {log for log, _ in seen}:
        if name not in logs:
            report.append(("log-missing", name, None, None, None))
            continue
        tree, lines = Tree(), logs[name].lines
        for size in sorted(size for log, size in seen if log == name):
            wanted = lines[tree.size:size]
            if size > len(lines):
                known = next((at for at, place in enumerate(wanted) if place is None), None)
                if known is None:
                    report.append(("segment-missing", name, len(lines), size - 1, None))
                break
            if None in wanted:
                break
            for leaf, _ in wanted:
                tree.push(leaf)
            if base64_of(tree.root()) != seen[name, size]:
                report.append(("fork", name, size, size, None))


# ---- the whole ----


def find(directory):
    if (directory / "segments").is_dir() or (directory / "certificate").is_file():
        yield directory
    elif directory.name == "super":
        yield directory
    else:
        for path in sorted(directory.iterdir()):
            if path.is_dir():
                yield from find(path)


def verify(directory, key):
    key, report, logs, super_log = Key(key), [], {}, None
    for path in find(pathlib.Path(directory)):
        if path.name == "super" and not (path / "segments").is_dir():
            super_log = path
        else:
            logs[path.name] = Log(path, key, report)
    reconciled = set().union(*(log.reconciled for log in logs.values()))
    for name, log in logs.items():
        followed = any(other != name and replica_of(other) == replica_of(name)
                       and (after.started or "") > (log.started or "") for other, after in logs.items())
        if not log.stopped:
            log.found("unclean-end" if followed else "running")
        if log.stopped or followed:
            for intent, seq in sorted(log.open.items(), key=lambda item: item[1]):
                if intent not in reconciled:
                    log.found("open-intent", seq, seq)
    if super_log:
        check_super_log(super_log, key, logs, report)
    return report


def exit_code(report):
    codes = {code for code, *_ in report}
    for worst, number in ((TAMPER, 3), (INCOMPLETE, 4), (GAP, 2)):
        if codes & worst:
            return number
    return 0


if __name__ == "__main__":
    FOUND = verify(sys.argv[1], sys.argv[2])
    print(json.dumps(sorted(FOUND, key=str)))
    sys.exit(exit_code(FOUND))
