"""From a root key file and the control documents to a tenant's KEKs, written from the descriptions at the heads of
kms-keys/src/local_file/root_file.rs, local_file/wrapping.rs, encryption_context.rs and control/authenticated.rs."""

import base64
import hmac
import json

from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV


def root_keys(text):
    """Root keys by id: one a line, `id SP created SP base64`, after lines that begin with `#`."""
    lines = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {name: base64.b64decode(key, validate=True) for name, _, key in lines}


def canonical(context):
    """An encryption context as associated data: every string behind its length, names ascending."""
    pairs = b"".join(len(text).to_bytes(8, "big") + text
                     for pair in sorted((name.encode(), value.encode()) for name, value in context.items())
                     for text in pair)
    return b"sealgate encryption context 1\0" + pairs


def unwrap(roots, wraps, context):
    """A key from what the `local-file` provider wrapped: `01 ‖ nonce 12 ‖ ciphertext 32 ‖ tag 16`."""
    wrap = next(one for one in wraps if one["provider"] == "local-file")
    wrapped = base64.b64decode(wrap["wrapped"], validate=True)
    assert len(wrapped) == 61 and wrapped[0] == 1, "not a wrapped key"
    return AESGCMSIV(roots[wrap["root_key"]]).decrypt(wrapped[1:13], wrapped[13:], canonical(context))


def document(text, key=None):
    """What is inside a control document; with a key, only if the MAC beside it is right."""
    stored = json.loads(text)
    if key is not None:
        assert hmac.compare_digest(mac(stored["document"], key), stored["mac"]), "the document's MAC is wrong"
    return stored["document"]


def mac(inside, key):
    """The MAC of a control document: of its members in their order, as JSON without white space."""
    compact = json.dumps(inside, separators=(",", ":"), ensure_ascii=False).encode()
    return blake3(compact, key=key).hexdigest()


def mac_key(roots, deployment_text):
    """The key of all control documents' MACs, which the deployment's own document brings."""
    deployment = document(deployment_text)
    deployment_key = unwrap(roots, deployment["wraps"], deployment["context"])
    key = blake3(deployment_key, derive_key_context="sealgate 2026-11-21 control document mac").digest()
    document(deployment_text, key)
    return key


def keks(roots, deployment_text, keyring_text):
    """A tenant's KEKs by id."""
    entries = document(keyring_text, mac_key(roots, deployment_text))["entries"]
    return {bytes.fromhex(entry["id"]): unwrap(roots, entry["wraps"], entry["context"])
            for entry in entries if entry["purpose"] == "kek"}


def own_key(roots, deployment, tenant, wrapped, object_id):
    """The key that one object has for itself, from what stands beside it: wraps as in a keyring."""
    context = {"sof:deployment": deployment, "sof:tenant": tenant, "sof:object": object_id.hex(), "sof:purpose": "object"}
    return unwrap(roots, json.loads(wrapped), context)
