#!/usr/bin/env python3
"""Known answers for SOF-1, computed from the text of src/format.rs and nothing else of this repository.

    pip install blake3 cryptography        # cryptography's wheels bundle an OpenSSL that has AES-GCM-SIV
    python3 generate.py                    # writes the *.vec files beside itself

Everything random is injected. The stream of a vector called NAME is the BLAKE3 XOF of "SOF-1 random " + NAME, and
bytes are drawn from it in the order in which a sealer needs them: object id 16, DEK 32, wrap salt 16, nonce of the
wrapped DEK 12, nonce of the sealed metadata 12 if there is any; then, for kind 2, the salt 16 of each part before its
frames; a nonce 12 per frame; the nonce 12 of the trailer's sealed text. The plaintext of an object is the start of
the BLAKE3 XOF of "SOF-1 plaintext"; parts are consecutive pieces of it.

A vector is a block of "field: value" lines; blocks are separated by empty lines; byte strings are hexadecimal. Of a
stored body the vector has its length, the BLAKE3 of all of it, and its beginning and end.

single.vec and multipart.vec are of suite 1, whose sealer must make exactly these bytes. A sealer of suite 2 cannot be
told its nonces, so fips-single.vec and fips-multipart.vec also carry the whole body in base64url, for a reader to open.
forged.vec has refused objects of both suites with whole bodies. keys.vec has every derivation of both suites, and their H and MAC.
"""

import base64
import hashlib
import hmac
import pathlib
import struct

from blake3 import blake3
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

F = 65536
SUITE = 1
KEK, KEK_ID = bytes(range(32)), b"kek-0001"
AUX, AUX_ID = bytes(range(128, 160)), b"aux-0001"
TENANT, BUCKET, KEY = "acme", bytes(range(16, 32)), "reports/räksmörgås 2026.pdf"
UPSTREAM_ID = "VXBsb2FkIElE.with~dots.and-dashes_"
CREATED, COMPLETED = 1795219200000, 1795219201234
HERE = pathlib.Path(__file__).resolve().parent

# ---- primitives ----------------------------------------------------------------------------------------------


def H(data):
    return blake3(data).digest() if SUITE == 1 else hashlib.sha256(data).digest()


def MAC(key, data):
    return blake3(data, key=key).digest() if SUITE == 1 else hmac.digest(key, data, "sha512")[:32]


def LP(data):
    return struct.pack(">I", len(data)) + data


def KDF(key, label, info):
    if SUITE == 2:
        return KBKDFHMAC(
            algorithm=hashes.SHA512(), mode=Mode.CounterMode, length=32, rlen=4, llen=4,
            location=CounterLocation.BeforeFixed, label=b"SOF1 2026-11-21 " + label.encode(), context=info, fixed=None,
        ).derive(key)
    return blake3(LP(key) + LP(info), derive_key_context="SOF1 2026-11-21 " + label).digest()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def crc_table():
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x9A6C9329AC4BC9B5 if byte & 1 else 0)
        yield byte


CRC_TABLE = list(crc_table())


def crc64nvme(data):
    crc = 0xFFFFFFFFFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFFFFFFFFFF


assert crc64nvme(b"123456789") == 0xAE8B14860A799888  # the catalogue's check value


class Stream:
    def __init__(self, name):
        self.hasher, self.at = blake3(("SOF-1 random " + name).encode()), 0

    def draw(self, count):
        out = self.hasher.digest(length=count, seek=self.at)
        self.at += count
        return out


def chunk(stream, key, aad, text):
    nonce = stream.draw(12)
    return nonce + (AESGCMSIV if SUITE == 1 else AESGCM)(key).encrypt(nonce, text, aad)


def plaintext(length, at=0):
    return blake3(b"SOF-1 plaintext").digest(length=length, seek=at) if length else b""


# ---- sizes ---------------------------------------------------------------------------------------------------


def nf(p):
    return max(1, -(-p // F))


def stored(p):
    return p + 28 * nf(p) + 144 * min(p // 5242880 + 1, 10000) + 368


# ---- the sealed metadata -------------------------------------------------------------------------------------


def cbor_head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    if value < 256:
        return bytes([major << 5 | 24, value])
    return bytes([major << 5 | 25]) + struct.pack(">H", value)


def cbor(value):
    if isinstance(value, bytes):
        return cbor_head(2, len(value)) + value
    if isinstance(value, str):
        return cbor_head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return cbor_head(4, len(value)) + b"".join(map(cbor, value))
    if isinstance(value, dict):
        return cbor_head(5, len(value)) + b"".join(cbor_head(0, k) + cbor(v) for k, v in sorted(value.items()))
    raise TypeError(value)


METADATA = {
    "none": {},
    "type": {1: b"text/plain"},
    "full": {
        0: ["author", "Björk".encode(), "note", b"", "z-long", b"v" * 300],
        1: b"application/pdf",
        2: b"gzip",
        3: b'attachment; filename="r.pdf"',
        4: b"sv",
        5: b"no-cache",
        6: b"Thu, 01 Jan 2026 00:00:00 GMT",
        7: ["checksum-algorithm", b"CRC32C"],
    },
}

# ---- header --------------------------------------------------------------------------------------------------


class Object:
    """The envelope of an object, and what sealing its body needs."""

    def __init__(self, name, kind, plain, metadata, choice=(0, 0), committed=None, edit=bytes):
        """`choice`: the checksum chosen for an upload, algorithm and type. `committed`: the DEK that the header commits
        to, if not the object's; `edit` changes what its MAC covers."""
        self.name, self.stream = name, Stream(name)
        self.oid, self.dek, salt = self.stream.draw(16), self.stream.draw(32), self.stream.draw(16)
        ctx_hash = H(LP(b"SOF1-ctx") + LP(TENANT.encode()) + LP(BUCKET) + LP(KEY.encode()))
        k_wrap = KDF(KEK, "dek-wrap", salt + ctx_hash + bytes([SUITE]) + KEK_ID + self.oid)
        wrapped = chunk(self.stream, k_wrap, b"SOF1w", self.dek)
        self.commit = KDF(committed or self.dek, "dek-commit", self.oid + bytes([SUITE, 16]))
        sof_m = b""
        if METADATA[metadata]:
            sof_m = chunk(self.stream, KDF(self.dek, "meta-seal", self.oid), b"SOF1m" + self.oid, cbor(METADATA[metadata]))
        header = b"SOF1" + bytes([SUITE, 16, kind, 1 if sof_m else 0]) + KEK_ID + self.oid + salt + wrapped + self.commit
        header += struct.pack(">QQI", plain if kind == 1 else 2**64 - 1, CREATED, 0)
        header = edit(header)
        assert len(header) == 160
        header += MAC(KDF(KEK, "hdr-mac", salt), header + ctx_hash + H(sof_m))
        state = bytes([1, SUITE]) + KEK_ID + self.oid + salt + wrapped + bytes(choice)
        mac = MAC(KDF(KEK, "mpu-ctx-mac", salt), state + ctx_hash + LP(UPSTREAM_ID.encode()))[:16]
        self.upload_id = f"u1.{b64(state + mac)}.{UPSTREAM_ID}"
        self.fields = [("name", name), ("metadata", metadata), ("sof-h", b64(header)), ("sof-m", b64(sof_m))]

    def part(self, number, data, salt):
        head = b"SOFp" + bytes([1, SUITE, 16, 0]) + struct.pack(">H", number) + struct.pack(">Q", len(data))[2:]
        head += self.oid + salt
        key, count, out = KDF(self.dek, "part-key", head), nf(len(data)), [head]
        for i in range(count):
            aad = b"SOF1f" + struct.pack(">I", i) + bytes([1 if i == count - 1 else 0])
            out.append(chunk(self.stream, key, aad, data[i * F : (i + 1) * F]))
        return b"".join(out)

    def footer(self, parts, datas, salts, numbers, facts):
        manifest = b"".join(
            struct.pack(">H", n) + struct.pack(">Q", len(d))[2:] + s + H(p)
            for n, d, s, p in zip(numbers, datas, salts, parts)
        )
        total = sum(map(len, datas))
        sums = facts.get("sums")
        joined = b"".join(sums[1]) if sums else b""
        pad = stored(total) - sum(map(len, parts)) - len(manifest) - 368
        kept = joined if len(joined) <= pad else b""
        pad -= len(kept)
        digest = H(datas[0])
        if len(datas) > 1:
            digest = H(b"".join(struct.pack(">Q", len(d)) + H(d) for d in datas))
        crc = crc64nvme(b"".join(datas))
        checksum, md5 = facts.get("checksum", b""), facts.get("md5")
        flags = 2 | 4 | (8 if md5 else 0)
        root = H(LP(b"SOF1-ctroot") + manifest)
        t = b"SOFT" + bytes([1, SUITE]) + struct.pack(">HQIIQ", flags, total, len(parts), len(manifest) + len(kept), pad)
        t += self.oid + self.commit + root
        assert len(t) == 112
        stamp = AUX_ID + struct.pack(">Q", COMPLETED)
        t += MAC(KDF(AUX, "audit-mac", b""), t + stamp) + stamp
        text = digest + struct.pack(">QBB", crc, facts.get("algorithm", 0), len(checksum))
        text += checksum[:32].ljust(32, b"\0") + struct.pack(">H", facts.get("composite", 0)) + (md5 or bytes(16))
        text += checksum[32:].ljust(32, b"\0") + bytes([sums[0] if kept else 0, 0, 0, 0])
        assert len(text) == 128
        sealed = chunk(self.stream, KDF(self.dek, "trailer-seal", self.oid), t, text + kept)
        manifest += sealed[140:-16]
        t += sealed[:140] + sealed[-16:]
        t += MAC(KDF(self.dek, "trailer-mac", self.oid), manifest + t) + bytes(20)
        assert len(t) == 368
        self.fields += [
            ("algorithm", str(facts.get("algorithm", 0))),
            ("checksum", checksum.hex()),
            ("composite", str(facts.get("composite", 0))),
            ("part-checksums", f"{sums[0]} {' '.join(value.hex() for value in sums[1])}" if sums else ""),
            ("md5", (md5 or b"").hex()),
            ("digest", digest.hex()),
            ("crc64", f"{crc:016x}"),
            ("ct-root", root.hex()),
        ]
        return bytes(pad) + manifest + t

    def token(self, number, data, salt, part, staged, md5, checksum, etag):
        t = bytes([(1 if staged else 0) | (2 if md5 else 0) | (4 if checksum else 0)]) + struct.pack(">H", number)
        t += struct.pack(">Q", len(data))[2:] + salt + H(part) + H(data) + struct.pack(">Q", crc64nvme(data))
        t += md5
        if checksum:
            t += bytes([checksum[0], len(checksum[1])]) + checksum[1]
        t += bytes([len(etag)]) + etag.encode()
        return "p1." + b64(t + MAC(KDF(self.dek, "part-token-mac", self.oid), t + H(UPSTREAM_ID.encode()))[:16])

    def body(self, body, plain):
        assert len(body) == stored(plain), (self.name, len(body), stored(plain))
        whole = [("body", b64(body))] if SUITE == 2 else []
        return self.fields + [
            ("plain", str(plain)),
            ("stored", str(len(body))),
            ("body-blake3", blake3(body).hexdigest()),
            ("body-start", body[:112].hex()),
            ("body-end", body[-480:].hex()),
        ] + whole


def single(name, plain, metadata="none", facts=None):
    o = Object(name, 1, plain, metadata)
    data = plaintext(plain)
    part = o.part(1, data, o.oid)
    return o.body(part + o.footer([part], [data], [o.oid], [1], facts or {}), plain)


def multipart(name, lengths, numbers, metadata="none", facts=None, md5s=None, choice=(0, 0)):
    facts = facts or {}
    o = Object(name, 2, None, metadata, choice)
    parts, datas, salts, tokens, at = [], [], [], [], 0
    for i, (number, length) in enumerate(zip(numbers, lengths)):
        data, salt = plaintext(length, at), o.stream.draw(16)
        part = o.part(number, data, salt)
        staged = length < 5242880 or number == 10000
        md5 = (md5s or {}).get(number, b"")
        checksum = (facts["sums"][0], facts["sums"][1][i]) if "sums" in facts else None
        tokens.append(o.token(number, data, salt, part, staged, md5, checksum, f'"etag-{number}"'))
        declared = f"{checksum[0]}:{checksum[1].hex()}" if checksum else "-"
        o.fields.append(("part", f"{number} {length} {H(part).hex()} {md5.hex() or '-'} {declared} {tokens[-1]}"))
        parts.append(part)
        datas.append(data)
        salts.append(salt)
        at += length
    o.fields += [("choice", f"{choice[0]} {choice[1]}"), ("upload-id", o.upload_id)]
    footer = o.footer(parts, datas, salts, numbers, facts)
    return o.body(b"".join(parts) + footer, at)


def refused():
    """Edits of the single vector `two-frames` and the code each must be refused with; `opened` if it must not.

    flip OFFSET: bit 0 of that byte of the body (negative from the end). header OFFSET: the same in the decoded header.
    cut N: the last N bytes are missing and the upstream says so. short N: they are missing and it does not.
    more N: N zero bytes follow. swap: the two full frames change places.
    """
    second = 48 + 65564
    size = stored(2 * F + 100)
    part = 48 + 2 * 65564 + 128
    return [
        ("as it is", "none", "opened"),
        ("part header magic", "flip 0", "E_PART"),
        ("part header version", "flip 4", "E_PART"),
        ("part header suite", "flip 5", "E_SUITE"),
        ("part header flags", "flip 7", "E_PART"),
        ("part number", "flip 9", "E_PART"),
        ("part length", "flip 15", "E_PART"),
        ("part object id", "flip 16", "E_PART"),
        ("part salt", "flip 32", "E_PART"),
        ("nonce of frame 0", "flip 48", "E_FRAME"),
        ("text of frame 0", "flip 1000", "E_FRAME"),
        ("tag of frame 0", f"flip {second - 1}", "E_FRAME"),
        ("text of frame 1", f"flip {second + 12}", "E_FRAME"),
        ("text of the last frame", f"flip {part - 17}", "E_FRAME"),
        ("frames out of order", "swap", "E_FRAME"),
        ("first byte of the padding", f"flip {part}", "E_PAD"),
        ("last byte of the padding", f"flip {size - 368 - 56 - 1}", "E_PAD"),
        ("manifest: part number", f"flip {size - 368 - 56 + 1}", "E_TRAILER"),
        ("manifest: hash", f"flip {size - 368 - 1}", "E_TRAILER"),
        ("trailer magic", "flip -368", "E_TRAILER"),
        ("trailer version", "flip -364", "E_TRAILER"),
        ("trailer suite", "flip -363", "E_SUITE"),
        ("trailer flags, reserved bit", "flip -361", "E_TRAILER"),
        ("trailer plaintext length", "flip -353", "E_TRAILER"),
        ("trailer pad length", "flip -337", "E_TRAILER"),
        ("trailer object id", "flip -336", "E_COMMIT"),
        ("trailer commitment", "flip -320", "E_COMMIT"),
        ("trailer ct_root", "flip -288", "E_TRAILER"),
        ("trailer audit MAC", "flip -256", "E_TRAILER"),
        ("trailer time", "flip -209", "E_TRAILER"),
        ("trailer sealed text", "flip -190", "E_TRAILER"),
        ("trailer MAC", "flip -52", "E_TRAILER"),
        ("trailer reserved bytes", "flip -1", "E_TRAILER"),
        ("one byte less", "cut 1", "E_SIZE"),
        ("cut into the gap between frame sizes", "cut 100", "E_NOT_SEALED"),
        ("one byte less, unannounced", "short 1", "E_SIZE"),
        ("nothing at all", f"short {size}", "E_SIZE"),
        ("one byte more", "more 1", "E_SIZE"),
        ("header magic", "header 0", "E_NOT_SEALED"),
        ("header suite", "header 4", "E_SUITE"),
        ("header frame size", "header 5", "E_NOT_SEALED"),
        ("header kind", "header 6", "E_NOT_SEALED"),
        ("header flags: metadata that is not there", "header 7", "E_CONTEXT"),
        ("header KEK id", "header 8", "E_KEK_UNKNOWN"),
        ("header object id", "header 16", "E_CONTEXT"),
        ("header salt", "header 32", "E_CONTEXT"),
        ("header wrapped DEK", "header 60", "E_CONTEXT"),
        ("header commitment", "header 108", "E_CONTEXT"),
        ("header length", "header 147", "E_CONTEXT"),
        ("header time", "header 155", "E_CONTEXT"),
        ("header reserved bytes", "header 156", "E_NOT_SEALED"),
        ("header MAC", "header 191", "E_CONTEXT"),
    ]


class Forgery:
    """A sealed object of 300 bytes, in one part, for someone who holds its keys to change."""

    def __init__(self, name="forged", kind=1, **header):
        self.object = Object(name, kind, 300 if kind == 1 else None, "type", **header)
        self.data = plaintext(300)
        self.salt = self.object.oid if kind == 1 else self.object.stream.draw(16)
        self.part = self.object.part(1, self.data, self.salt)

    def footer(self, salt=None, number=1):
        return self.object.footer([self.part], [self.data], [salt or self.salt], [number], {})

    def field(self, name):
        return dict(self.object.fields)[name]


def forged():
    """Objects of the classes that no edit of one object's bytes reaches: read elsewhere or with another key, put together
    from several, or made by someone who holds the keys. Fields that begin with `read-` say what a reader has instead of
    the constants above; `read-minimum` is the least suite that its tenant allows."""
    blocks = []

    def add(what, expect, forgery, body, sof_m=None, **reader):
        sof_m = forgery.field("sof-m") if sof_m is None else sof_m
        reader = [("read-" + name.replace("_", "-"), value) for name, value in reader.items()]
        blocks.append([("what", what), ("expect", expect), ("suite", str(SUITE)), *reader,
                       ("sof-h", forgery.field("sof-h")), ("sof-m", sof_m), ("body", b64(body))])

    one, other = Forgery(), Forgery("other")
    footer = one.footer()
    body = one.part + footer
    add("as it is", "opened", one, body)
    add("wrong key: other bytes under the same id", "E_CONTEXT", one, body, kek=bytes(range(1, 33)).hex())
    add("wrong key: another id", "E_KEK_UNKNOWN", one, body, kek_id=b"kek-0002".hex())
    add("moved to another tenant", "E_CONTEXT", one, body, tenant="acme2")
    add("moved to another bucket", "E_CONTEXT", one, body, bucket=bytes(range(17, 33)).hex())
    add("moved to another key", "E_CONTEXT", one, body, key=KEY + "x")
    add("downgraded below the minimum", "E_SUITE" if SUITE == 1 else "opened", one, body, minimum="2")
    add("another object's sealed metadata", "E_CONTEXT", one, body, other.field("sof-m"))
    add("no sealed metadata", "E_CONTEXT", one, body, "")
    add("another object's body", "E_PART", one, other.part + other.footer())
    add("another object's frame", "E_FRAME", one, one.part[:48] + other.part[48:] + footer)
    add("another object's trailer", "E_COMMIT", one, one.part + other.footer())
    add("cut to the length of a shorter object", "E_SIZE", one, body[:-1])

    def header(what, expect, at, value):
        made = Forgery(edit=lambda header: header[:at] + bytes([value]) + header[at + 1 :])
        add(what, expect, made, made.part + made.footer())

    header("unknown format", "E_NOT_SEALED", 3, ord("2"))
    for suite in (0, 3, 255):
        header(f"unknown suite {suite}", "E_SUITE", 4, suite)
    header("the other suite", "E_CONTEXT", 4, 3 - SUITE)
    header("frames of 32 KiB", "E_NOT_SEALED", 5, 15)
    header("unknown kind", "E_NOT_SEALED", 6, 3)
    header("reserved flag", "E_NOT_SEALED", 7, 0b011)
    header("authentic length of another object", "E_SIZE", 147, 255)
    two_keys = Forgery(committed=bytes(range(32, 64)))
    add("two keys: the header commits to another DEK", "E_COMMIT", two_keys, two_keys.part + two_keys.footer())
    two_keys = Forgery()
    two_keys.object.commit = KDF(bytes(range(32, 64)), "dek-commit", two_keys.object.oid + bytes([SUITE, 16]))
    add("two keys: the trailer commits to another DEK", "E_COMMIT", two_keys, two_keys.part + two_keys.footer())
    two_keys = Forgery()
    two_keys.object.dek = bytes(range(32, 64))
    part = two_keys.object.part(1, two_keys.data, two_keys.salt)
    add("two keys: a frame under another DEK", "E_FRAME", one, part + footer)

    parts = Forgery("parts", 2)
    older = parts.object.stream.draw(16)
    older, newest = parts.object.part(1, parts.data, older), parts.footer()
    add("parts as they are", "opened", parts, parts.part + newest)
    add("rolled back to an earlier upload of the part", "E_MANIFEST", parts, older + newest)
    add("the manifest names another salt", "E_MANIFEST", parts, parts.part + parts.footer(salt=bytes(16)))
    add("the manifest names another number", "E_MANIFEST", parts, parts.part + parts.footer(number=2))
    return blocks


def keys():
    """Each derivation of the key table from KEK, AUX, DEK = 64 ... 95, oid = 32 ... 47, wrap_salt = 48 ... 63, and the
    header of part 7 of 70 000 bytes whose salt is 96 ... 111; then H and MAC (under KEK) of the first 300 plaintext bytes."""
    dek, oid, salt = bytes(range(64, 96)), bytes(range(32, 48)), bytes(range(48, 64))
    suite = bytes([SUITE])
    ctx_hash = H(LP(b"SOF1-ctx") + LP(TENANT.encode()) + LP(BUCKET) + LP(KEY.encode()))
    head = b"SOFp" + bytes([1, SUITE, 16, 0]) + struct.pack(">H", 7) + struct.pack(">Q", 70000)[2:]
    head += oid + bytes(range(96, 112))
    values = {
        "ctx_hash": ctx_hash,
        "K_wrap": KDF(KEK, "dek-wrap", salt + ctx_hash + suite + KEK_ID + oid),
        "K_hmac": KDF(KEK, "hdr-mac", salt),
        "K_ctx": KDF(KEK, "mpu-ctx-mac", salt),
        "commit": KDF(dek, "dek-commit", oid + suite + bytes([16])),
        "K_part": KDF(dek, "part-key", head),
        "K_meta": KDF(dek, "meta-seal", oid),
        "K_tseal": KDF(dek, "trailer-seal", oid),
        "K_tmac": KDF(dek, "trailer-mac", oid),
        "K_ptok": KDF(dek, "part-token-mac", oid),
        "K_audit": KDF(AUX, "audit-mac", b""),
        "H": H(plaintext(300)),
        "MAC": MAC(KEK, plaintext(300)),
    }
    return [("suite", str(SUITE))] + [(name, value.hex()) for name, value in values.items()]


def write(name, blocks):
    text = "\n\n".join("\n".join(f"{k}: {v}".rstrip() for k, v in block) for block in blocks)
    (HERE / name).write_text(text + "\n", encoding="utf-8")


MIB5 = 5242880
SHA512 = {"algorithm": 7, "checksum": bytes(range(64)), "md5": bytes(range(16))}

if __name__ == "__main__":
    write("single.vec", [
        single("empty", 0),
        single("one byte", 1, "type"),
        single("one frame less one", F - 1, "full"),
        single("one frame", F, "none", {"algorithm": 1, "checksum": bytes.fromhex("cbf43926")}),
        single("one frame and one", F + 1, "type", SHA512),
        single("two-frames", 2 * F + 100),
        single("five mebibytes less one", MIB5 - 1),
        single("five mebibytes", MIB5),
        single("five mebibytes and one", MIB5 + 1),
    ])
    write("multipart.vec", [
        multipart("part of nothing", [0], [1]),
        multipart("part of one byte", [1], [1], "type"),
        multipart("part of a frame less one", [F - 1], [3]),
        multipart("part of a frame", [F], [10000], "full"),
        multipart("part of a frame and one", [F + 1], [1], md5s={1: bytes(range(16))}, facts={"md5": bytes(range(16))}),
        multipart("three parts", [MIB5 + 12345, MIB5 + 1, 777], [1, 2, 7], "full",
                  {"algorithm": 2, "checksum": bytes.fromhex("e3069283"), "composite": 3}, {2: bytes(range(1, 17))}),
        multipart("checksums of parts", [MIB5, 100], [3, 4], "none",
                  {"algorithm": 5, "checksum": bytes(range(32)), "composite": 2, "sums": (5, [bytes(range(32)), bytes(range(32, 64))])},
                  choice=(5, 2)),
        # 432 - 3 * 104 - 2 * 28 = 64 bytes of padding are too few for three checksums of 64 bytes.
        multipart("no room for checksums", [MIB5 + 1, MIB5 + 1, 0], [1, 2, 3], "none",
                  {"sums": (6, [bytes([n]) * 64 for n in (1, 2, 3)])}, choice=(6, 1)),
        multipart("empty last part", [MIB5, 0], [4, 5]),
    ])
    write("refused.vec", [[("what", w), ("edit", e), ("expect", x)] for w, e, x in refused()])
    key_blocks, forged_blocks = [keys()], forged()
    SUITE = 2
    write("forged.vec", forged_blocks + forged())
    write("keys.vec", key_blocks + [keys()])
    write("fips-single.vec", [
        single("empty", 0),
        single("one byte", 1, "type"),
        single("three hundred bytes", 300, "full", SHA512),
        single("one frame less one", F - 1),
        single("one frame", F),
        single("one frame and one", F + 1),
    ])
    write("fips-multipart.vec", [
        multipart("part of nothing", [0], [1]),
        multipart("part of one byte", [1], [1], "type"),
        multipart("part of three hundred bytes", [300], [10000], "full", {"md5": bytes(range(16))}, {10000: bytes(range(16))}),
        multipart("a part with its checksum", [20], [1], facts={"sums": (1, [bytes.fromhex("cbf43926")])}, choice=(1, 2)),
    ])
