"""Verifies a Bailiwick wire call with biscuit-python 0.4.0."""

import base64
import re
from datetime import datetime, timedelta, timezone

from biscuit_auth import (
    Algorithm,
    AuthorizationError,
    AuthorizerBuilder,
    Biscuit,
    Fact,
    Policy,
    PublicKey,
)

POLICY = "allow if tool($t), grants($g), $g.contains($t)"


def read(text: str) -> bytes:
    """The bytes of a token's text form."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(token: bytes, root: str) -> Biscuit:
    """The token, its signatures verified from the root on; raises where they do not hold."""
    key = PublicKey.from_bytes(bytes.fromhex(root), Algorithm.Ed25519)
    return Biscuit.from_bytes(token, key)


def allows(biscuit: Biscuit, facts: list[str]) -> bool:
    """Whether every check holds of these facts, and the policy does."""
    builder = AuthorizerBuilder()
    for fact in facts:
        builder.add_fact(Fact(fact))
    builder.add_policy(Policy(POLICY))
    # The default is one millisecond, which a busy machine does not always meet.
    limits = builder.limits()
    limits.max_time = timedelta(seconds=10)
    builder.set_limits(limits)
    try:
        builder.build(biscuit).authorize()
    except AuthorizationError:
        return False
    return True


def is_call(
    token: bytes,
    biscuit: Biscuit,
    tool: str,
    digest: str,
    nonce: str,
    audience: str,
    now: datetime,
) -> bool:
    """Whether the token is sealed and ends in the block of just this call, good for 65 s at most.

    `tool` and `audience` are the server's own names, without quotes or backslashes. The nonce is
    the server's to remember until the call has ended.
    """
    # The last field of a token is its proof; in this form it is a seal.
    if token[-68:-64] != bytes.fromhex("22421240"):
        return False
    call = re.fullmatch(
        re.escape(
            f'check if tool("{tool}"), call(hex:{digest}), nonce(hex:{nonce}), '
            f'aud("{audience}"), time($t), $t < '
        )
        + r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z;\n",
        biscuit.block_source(biscuit.block_count() - 1),
    )
    if call is None:
        return False
    end = datetime.fromisoformat(call[1]).replace(tzinfo=timezone.utc)
    return now < end <= now + timedelta(seconds=65)
