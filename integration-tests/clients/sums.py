"""The checksums of S3, taken without our software: hashlib, zlib, the xxhash package, and the two CRCs that
no package has by table from their published polynomials."""

import base64
import hashlib
import zlib

import xxhash


def table(polynomial):
    """A CRC's table for reflected input and output, as the CRC catalogue describes them."""
    rows = []
    for row in range(256):
        for _ in range(8):
            row = row >> 1 ^ (polynomial if row & 1 else 0)
        rows.append(row)
    return rows


CRC32C, CRC64NVME = table(0x82F63B78), table(0x9A6C9329AC4BC9B5)


def crc(rows, bits, data):
    value = (1 << bits) - 1
    for byte in data:
        value = rows[(value ^ byte) & 0xFF] ^ value >> 8
    return (value ^ (1 << bits) - 1).to_bytes(bits // 8, "big")


DIGESTS = {
    "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "CRC32C": lambda data: crc(CRC32C, 32, data),
    "CRC64NVME": lambda data: crc(CRC64NVME, 64, data),
    "SHA1": lambda data: hashlib.sha1(data).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
    "SHA512": lambda data: hashlib.sha512(data).digest(),
    "MD5": lambda data: hashlib.md5(data).digest(),
    "XXHASH64": lambda data: xxhash.xxh64(data).digest(),
    "XXHASH3": lambda data: xxhash.xxh3_64(data).digest(),
    "XXHASH128": lambda data: xxhash.xxh3_128(data).digest(),
}


def b64(digest):
    return base64.b64encode(digest).decode()


def of(algorithm, data):
    return b64(DIGESTS[algorithm](data))


def composite(algorithm, parts):
    """S3's checksum of an object in parts where it is made of the parts' checksums."""
    joined = b"".join(DIGESTS[algorithm](part) for part in parts)
    return f"{of(algorithm, joined)}-{len(parts)}"
