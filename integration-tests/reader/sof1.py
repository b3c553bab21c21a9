"""A reader of SOF-1 objects, written from the text at the head of sealed-object/src/format.rs and from nothing
else of this repository (the numbers F… are that text's). It opens whole objects of both suites and both kinds,
and names the failure class otherwise. It shows that an object can be opened without our software."""

import base64
import binascii
import hashlib
import hmac
import struct

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV

FRAME = 65_536
CHUNK = FRAME + 28
MIN_PART = 5_242_880
MULTIPART_LENGTH = 2**64 - 1
FACTS = {1: "content-type", 2: "content-encoding", 3: "content-disposition", 4: "content-language",
         5: "cache-control", 6: "expires"}


class Refused(Exception):
    """The object is not what it should be; `code` is its failure class."""

    def __init__(self, code, why):
        super().__init__(f"{code}: {why}")
        self.code = code


def check(holds, code, why):
    if not holds:
        raise Refused(code, why)


# ---- primitives (F6) ----


def length_prefixed(data):
    return struct.pack(">I", len(data)) + data


class Suite1:
    """AES-256-GCM-SIV with BLAKE3."""

    aead = AESGCMSIV

    @staticmethod
    def digest(data):
        return blake3(data).digest()

    @staticmethod
    def mac(key, data):
        return blake3(data, key=key).digest()

    @staticmethod
    def derive(key, label, info):
        hasher = blake3(derive_key_context="SOF1 2026-11-21 " + label)
        return hasher.update(length_prefixed(key) + length_prefixed(info)).digest()


class Suite2:
    """AES-256-GCM with KBKDF, HMAC-SHA-512 and SHA-256."""

    aead = AESGCM

    @staticmethod
    def digest(data):
        return hashlib.sha256(data).digest()

    @staticmethod
    def mac(key, data):
        return hmac.digest(key, data, "sha512")[:32]

    @classmethod
    def derive(cls, key, label, info):
        fixed = b"SOF1 2026-11-21 " + label.encode() + b"\0" + info + struct.pack(">I", 256)
        return cls.mac(key, struct.pack(">I", 1) + fixed)


SUITES = {1: Suite1, 2: Suite2}


def open_chunk(suite, key, chunk, aad, code):
    check(len(chunk) >= 28, code, "shorter than a nonce and a tag")
    try:
        return suite.aead(key).decrypt(chunk[:12], chunk[12:], aad)
    except InvalidTag:
        raise Refused(code, "does not authenticate") from None


def same(one, other):
    return hmac.compare_digest(one, other)


def unbase64(text, code):
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Refused(code, "not base64url") from None
    check(base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text, code, "not canonical base64url")
    return data


# ---- sizes (F1 to F3) ----


def frames(plain):
    return max(1, -(-plain // FRAME))


def stored(plain):
    return plain + 28 * frames(plain) + 144 * min(plain // MIN_PART + 1, 10_000) + 368


def part_stored(plain):
    return 48 + plain + 28 * frames(plain)


def plain_of(size):
    """The inverse of `stored` by bisection: it is strictly increasing (F3)."""
    low, high = 0, max(size, 0)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if stored(middle) < size else (low, middle)
    check(stored(low) == size, "E_NOT_SEALED", f"no plaintext is stored in {size} bytes")
    return low


# ---- header and sealed metadata (F7 to F13) ----


class Header:
    """The 192 bytes of `sof-h`, their form checked, nothing authenticated yet."""

    def __init__(self, text, minimum=1):
        check(len(text) == 256, "E_NOT_SEALED", "the header is missing or not 256 characters")
        self.raw = raw = unbase64(text, "E_NOT_SEALED")
        check(raw[:4] == b"SOF1", "E_NOT_SEALED", "magic")
        self.suite_id, self.frame_log2, self.kind, self.flags = raw[4:8]
        check(self.suite_id in SUITES and self.suite_id >= minimum, "E_SUITE", f"suite {self.suite_id}")
        self.suite = SUITES[self.suite_id]
        check(self.frame_log2 == 16 and self.kind in (1, 2), "E_NOT_SEALED", "frame size or kind")
        check(self.flags & ~0b1101 == 0 and raw[156:160] == bytes(4), "E_NOT_SEALED", "reserved bits")
        self.kek_id, self.object_id, self.salt = raw[8:16], raw[16:32], raw[32:48]
        self.wrapped, self.commit = raw[48:108], raw[108:140]
        self.plain, self.created = struct.unpack(">QQ", raw[140:156])
        check((self.plain == MULTIPART_LENGTH) == (self.kind == 2), "E_NOT_SEALED", "kind and length")


class Keys:
    """What a header's DEK derives to, after every check of F11."""

    def __init__(self, header, sof_m, keks, tenant, bucket, key, sof_k=b"", unwrap=None):
        suite, kek = header.suite, keks.get(header.kek_id)
        check(kek is not None, "E_KEK_UNKNOWN", header.kek_id.hex())
        parts = (b"SOF1-ctx", tenant.encode(), bucket, key.encode())
        context = suite.digest(b"".join(map(length_prefixed, parts)))
        expected = suite.mac(suite.derive(kek, "hdr-mac", header.salt), header.raw[:160] + context + suite.digest(sof_m)
                             + (suite.digest(sof_k) if header.flags & 8 else b""))
        check(same(expected, header.raw[160:]), "E_CONTEXT", "the header's MAC")
        check(bool(header.flags & 1) == bool(sof_m), "E_CONTEXT", "sealed metadata is not what b0 says")
        check(bool(header.flags & 8) == bool(sof_k), "E_CONTEXT", "the own key is not what b3 says")
        if sof_k:
            kek = suite.derive(kek, "own-key", unwrap(sof_k, header.object_id) + header.object_id)
        info = header.salt + context + bytes([header.suite_id]) + header.kek_id + header.object_id
        self.dek = open_chunk(suite, suite.derive(kek, "dek-wrap", info), header.wrapped, b"SOF1w", "E_CONTEXT")
        committed = suite.derive(self.dek, "dek-commit", header.object_id + bytes([header.suite_id, header.frame_log2]))
        check(same(committed, header.commit), "E_COMMIT", "the header's commitment")
        self.object_id, self.suite = header.object_id, suite

    def of(self, label):
        return self.suite.derive(self.dek, label, self.object_id)

    def opened(self, label, chunk, aad, code):
        return open_chunk(self.suite, self.of(label), chunk, aad, code)


def cbor(data, at=0):
    """One item of the few kinds that F13 has, and where it ends; shortest lengths only."""
    check(at < len(data), "E_CONTEXT", "CBOR ends early")
    major, small, at = data[at] >> 5, data[at] & 31, at + 1
    value = small
    if small >= 24:
        width = {24: 1, 25: 2, 26: 4}.get(small)
        check(width is not None and at + width <= len(data), "E_CONTEXT", "CBOR length")
        value, at = int.from_bytes(data[at : at + width], "big"), at + width
        check(value >= {1: 24, 2: 256, 4: 65_536}[width], "E_CONTEXT", "CBOR length not the shortest")
    if major == 0:
        return value, at
    if major in (2, 3):
        check(at + value <= len(data), "E_CONTEXT", "CBOR string ends early")
        piece = data[at : at + value]
        return (piece if major == 2 else piece.decode()), at + value
    check(major in (4, 5), "E_CONTEXT", "a CBOR type that has no place here")
    items = []
    for _ in range(value * (2 if major == 5 else 1)):
        item, at = cbor(data, at)
        items.append(item)
    if major == 4:
        return items, at
    names = items[::2]
    check(names == sorted(set(names)), "E_CONTEXT", "CBOR map out of order")
    return dict(zip(names, items[1::2])), at


def metadata_of(keys, sof_m):
    """User metadata and system metadata as two maps of name to bytes."""
    if not sof_m:
        return {}, {}
    text = keys.opened("meta-seal", sof_m, b"SOF1m" + keys.object_id, "E_CONTEXT")
    found, end = cbor(text)
    check(end == len(text) and isinstance(found, dict), "E_CONTEXT", "not one CBOR map")
    check(found and set(found) <= set(range(8)), "E_CONTEXT", "unknown metadata")
    user = found.get(0, [])
    check(user[::2] == sorted(set(user[::2])), "E_CONTEXT", "user metadata out of order")
    return dict(zip(user[::2], user[1::2])), {FACTS[key]: found[key] for key in found if key in FACTS}


# ---- body (F14 to F26) ----


class Part:
    """One part, read from the start of `data`."""

    def __init__(self, header, keys, data, room):
        head = data[:48]
        check(len(head) == 48, "E_SIZE", "the body ends in a part header")
        check(head[:5] == b"SOFp\x01", "E_PART", "magic or version")
        check(head[5] == header.suite_id, "E_SUITE", f"part of suite {head[5]}")
        check(head[6:8] == b"\x10\x00", "E_PART", "frame size or flags")
        self.number, self.plain = int.from_bytes(head[8:10], "big"), int.from_bytes(head[10:16], "big")
        check(head[16:32] == header.object_id, "E_PART", "another object's")
        check(1 <= self.number <= 10_000 and self.plain <= room, "E_PART", "number or length")
        self.salt = head[32:48]
        if header.kind == 1:
            exact = (self.number, self.plain, self.salt) == (1, header.plain, header.object_id)
            check(exact, "E_PART", "not the one part of a single upload")
        self.suite, self.size = header.suite, part_stored(self.plain)
        self.text = self.opened(self.suite.derive(keys.dek, "part-key", bytes(head)), data)
        self.hash = self.suite.digest(data[: self.size])

    def opened(self, key, data):
        count, at, pieces = frames(self.plain), 48, []
        for index in range(count):
            last = index == count - 1
            length = (self.plain - index * FRAME if last else FRAME) + 28
            chunk = data[at : at + length]
            check(len(chunk) == length, "E_SIZE", "the body ends in a frame")
            aad = b"SOF1f" + struct.pack(">I", index) + bytes([last])
            pieces.append(open_chunk(self.suite, key, bytes(chunk), aad, "E_FRAME"))
            at += length
        return b"".join(pieces)


class Trailer:
    """The last 368 bytes and the manifest before them, authenticated."""

    def __init__(self, header, keys, plain, data):
        self.suite, t = header.suite, data[-368:]
        check(t[:5] == b"SOFT\x01", "E_TRAILER", "magic or version")
        check(t[5] == header.suite_id, "E_SUITE", f"trailer of suite {t[5]}")
        flags, self.plain, self.count, length, self.pad = struct.unpack(">HQIIQ", t[6:32])
        check(flags & ~0b1110 == 0 and t[348:] == bytes(20), "E_TRAILER", "reserved bits")
        check(t[32:48] == header.object_id and same(t[48:80], header.commit), "E_COMMIT", "the trailer's")
        check(self.plain == plain, "E_TRAILER", "plaintext length")
        check(1 <= self.count <= 10_000 and length >= 56 * self.count, "E_TRAILER", "lengths of the manifest")
        each, odd = divmod(length - 56 * self.count, self.count)
        fits = odd == 0 and each <= 64 and 368 + length + self.pad <= len(data)
        check(fits, "E_TRAILER", "lengths of manifest and padding")
        self.manifest = data[-368 - length : -368]
        expected = self.suite.mac(keys.of("trailer-mac"), self.manifest + t[:316])
        check(same(expected, t[316:348]), "E_TRAILER", "the trailer's MAC")
        checksums, self.manifest = self.manifest[56 * self.count :], self.manifest[: 56 * self.count]
        root = self.suite.digest(length_prefixed(b"SOF1-ctroot") + self.manifest)
        check(same(root, t[80:112]), "E_TRAILER", "ct_root")
        sealed = t[160:300] + checksums + t[300:316]
        self.text = keys.opened("trailer-seal", sealed, t[:160], "E_TRAILER")
        check(self.text[125:128] == bytes(3), "E_TRAILER", "reserved bytes of the sealed text")
        check((self.text[124] != 0) == (each != 0), "E_TRAILER", "checksums of parts are not what is said of them")
        check(header.kind == 2 or each == 0, "E_MANIFEST", "checksums of parts in a single upload")
        self.has_digest = bool(flags & 2)

    def check_parts(self, parts):
        entries = b"".join(
            struct.pack(">H", part.number) + struct.pack(">Q", part.plain)[2:] + part.salt + part.hash
            for part in parts)
        check(len(parts) == self.count and entries == self.manifest, "E_MANIFEST", "not these parts")
        numbers = [part.number for part in parts]
        check(numbers == sorted(set(numbers)), "E_MANIFEST", "part numbers")
        check(all(part.plain >= MIN_PART for part in parts[:-1]), "E_MANIFEST", "a small part")
        if self.has_digest:
            digest = self.suite.digest
            listed = b"".join(struct.pack(">Q", part.plain) + digest(part.text) for part in parts)
            found = digest(parts[0].text) if len(parts) == 1 else digest(listed)
            check(same(found, self.text[:32]), "E_TRAILER", "the plaintext's digest")


def open_object(sof_h, sof_m, body, keks, tenant, bucket, key, announced=None, minimum=1, sof_k=None, unwrap=None):
    """Opens an object: plaintext, user metadata, system metadata.

    `sof_h` and `sof_m` are the metadata values as text (`sof_m` empty if absent), `body` the stored bytes,
    `keks` maps key ids of 8 bytes to KEKs, `bucket` is the logical bucket's UUID as 16 bytes, and
    `announced` the length that the store gave if it is not the body's. Suites below `minimum` are refused.
    `unwrap` gives an object's own key from the bytes of `sof_k` and its id (F31).
    Raises `Refused`."""
    header = Header(sof_h or "", minimum)
    sealed_metadata = unbase64(sof_m or "", "E_CONTEXT")
    keys = Keys(header, sealed_metadata, keks, tenant, bucket, key, unbase64(sof_k or "", "E_CONTEXT"), unwrap)
    user, system = metadata_of(keys, sealed_metadata)
    announced = len(body) if announced is None else announced
    if header.kind == 1:
        # Of a size that is in no image at all it cannot be said which object was cut.
        check(plain_of(announced) == header.plain, "E_SIZE", "not the length the header names")
    plain = plain_of(announced)
    data, at, parts = memoryview(body), 0, []
    while not parts or sum(part.plain for part in parts) < plain or following(data, at, header):
        part = Part(header, keys, data[at:], plain - sum(one.plain for one in parts))
        parts.append(part)
        at += part.size
    check(len(body) >= announced, "E_SIZE", "the body ends early")
    check(len(body) == announced, "E_SIZE", "bytes after the trailer")
    check_end(header, keys, plain, data, at, parts)
    return b"".join(part.text for part in parts), user, system


def following(data, at, header):
    """Whether another part begins at `at`: only an empty last one can, once all plaintext is there."""
    return header.kind == 2 and bytes(data[at : at + 4]) == b"SOFp"


def check_end(header, keys, plain, data, at, parts):
    # Of a body whose padding and trailer were both touched the padding is named: it comes first.
    room = stored(plain) - at - 368
    pad = room - manifest_length(data, len(parts), room)
    check(pad >= 0, "E_PAD", "no room for the manifest")
    check(bytes(data[at : at + pad]) == bytes(pad), "E_PAD", "bytes that are not zero")
    trailer = Trailer(header, keys, plain, bytes(data[at:]))
    check(trailer.pad == pad, "E_PAD", "not the canonical length")
    trailer.check_parts(parts)


def manifest_length(data, count, room):
    """What the trailer says, where it can be so: entries of 56 bytes, and at most 64 more for each part."""
    said = int.from_bytes(data[-348:-344], "big")
    each, odd = divmod(said - 56 * count, count)
    return said if odd == 0 and 0 <= each <= 64 and said <= room else 56 * count
