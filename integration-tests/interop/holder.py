"""Bailiwick's profile as far as a holder needs it: signing a hop for a key, and making a call.

Written from docs/src/token.md and the specification of Biscuit, with no library but for Ed25519.
"""

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# The strings that every Biscuit knows; those that a token adds count from 1024.
KNOWN = (
    "read write resource operation right time role owner tenant namespace user team service "
    "admin email group member ip_address client client_ip domain path version cluster node "
    "hostname nonce query"
).split()
NO_PROOF = b"\x22\x00"


def text(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def public(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


# Protobuf.


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return varint(field << 3 | 2) + varint(len(body)) + body


def fields(data: bytes):
    """Field number and value, for numbers and for everything that has a length."""
    at = 0

    def take() -> int:
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = take()
        value = take()
        if tag & 7 == 2:
            at += value
            value = data[at - value : at]
        yield tag >> 3, value


def blocks(token: bytes) -> list[dict]:
    """The signed blocks: 1 is the block, 2 the next key, 3 the signature, 4 a third party's."""
    return [dict(fields(value)) for field, value in fields(token) if field in (2, 3)]


def bearer(token: bytes, secret: str) -> bytes:
    """The token with its holder's secret, as stock libraries take it. It is never sent."""
    assert token.endswith(NO_PROOF)
    return token[:-2] + message(4, message(1, bytes.fromhex(secret)))


def unbearer(token: bytes) -> tuple[bytes, str]:
    """The token without its proof, and the secret that stood there."""
    assert token[-36:-32] == bytes.fromhex("22220a20")
    return token[:-36] + NO_PROOF, token[-32:].hex()


def sign(token: bytes, block: bytes, holder: Ed25519PrivateKey, to: bytes) -> bytes:
    """The token with one more block, under payload version 1."""
    payload = (
        b"\0BLOCK\0\0VERSION\0\x01\0\0\0\0PAYLOAD\0"
        + block
        + b"\0ALGORITHM\0\0\0\0\0\0NEXTKEY\0"
        + to
        + b"\0PREVSIG\0"
        + blocks(token)[-1][3]
    )
    signed = message(
        3,
        message(1, block),
        message(2, number(1, 0), message(2, to)),
        message(3, holder.sign(payload)),
        number(5, 1),
    )
    return token[:-2] + signed + NO_PROOF


def seal(token: bytes, private: Ed25519PrivateKey) -> bytes:
    last = blocks(token)[-1]
    payload = last[1] + bytes(4) + public(private) + last[3]
    return token[:-2] + message(4, message(2, private.sign(payload)))


# Calls.


def digest(tool: str, path: str, nonce: str, audience: str, holder: bytes) -> bytes:
    body = {
        "args": {"path": path},
        "audience": audience,
        "capability": tool,
        "holder": "ed25519/" + holder.hex(),
        "id": nonce,
    }
    # Canonical as long as it holds nothing but ASCII.
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(b"bailiwick/call/1\0" + canonical.encode()).digest()


def call_block(
    token: bytes, tool: str, call: bytes, nonce: bytes, audience: str, end: int
) -> bytes:
    """`check if tool(C), call(H), nonce(N), aud(A), time($t), $t < E` in its one spelling."""
    strings = [
        value.decode()
        for block in blocks(token)
        if 4 not in block
        for field, value in fields(block[1])
        if field == 1
    ]
    old = len(strings)

    def index(string: str) -> int:
        if string in KNOWN:
            return KNOWN.index(string)
        if string not in strings:
            strings.append(string)
        return 1024 + strings.index(string)

    def predicate(name: str, term: bytes) -> bytes:
        # The term before this was interned before the name is: the order is part of the profile.
        return message(2, number(1, index(name)), message(2, term))

    body = predicate("tool", number(3, index(tool)))
    body += predicate("call", message(5, call))
    body += predicate("nonce", message(5, nonce))
    body += predicate("aud", number(3, index(audience)))
    t = number(1, index("t"))
    body += predicate("time", t)
    less_than = message(3, number(1, 0))
    expression = message(
        3,
        message(1, message(1, t)),
        message(1, message(1, number(4, end))),
        message(1, less_than),
    )
    rule = message(1, message(1, number(1, index("query"))), body, expression)
    new = b"".join(message(1, string.encode()) for string in strings[old:])
    return new + number(3, 3) + message(6, rule)
