"""Makes hops, an approval and calls: make.py CHAINS MADE"""

import json
import sys
from datetime import datetime, timedelta, timezone

from biscuit_auth import (
    Algorithm,
    Biscuit,
    BiscuitBuilder,
    BlockBuilder,
    KeyPair,
    PrivateKey,
    PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import holder as profile
from wire_call import allows, is_call, read, verified

with open(sys.argv[1], encoding="utf-8") as file:
    given = json.load(file)
root = PublicKey.from_bytes(bytes.fromhex(given["root"]), Algorithm.Ed25519)
END = given["expires"]
EXPIRY = f"check if time($x), $x < {END};"
NARROW = (
    'check if tool("fs.read"), arg_names($n), {"path"}.contains($n), $n.union($n) === $n, '
    'arg_path("path", $v0), $v0.starts_with("/srv/docs/public/");'
)
NEW_WORDS = (
    'check if tool("fs.page"), arg_names($n), {"number"}.contains($n), $n.union($n) === $n, '
    'arg_num("number", $v0), $v0 <= 5000000;'
)
HOP = f'agent("scribe"); {EXPIRY}'


def stock(chain: str) -> Biscuit:
    """A chain in the only form in which the library takes one."""
    token = read(given[chain]["token"])
    return Biscuit.from_bytes(profile.bearer(token, given[chain]["holder_key"]), root)


lines: list[str] = []


def made(name: str, token: bytes, holder_key: str | None) -> None:
    one = {"name": name, "token": profile.text(token), "holder_key": holder_key}
    lines.append(json.dumps(one) + "\n")


def appended(chain: str, code: str) -> tuple[bytes, str]:
    """The chain with a block by the library, and the secret of the key that it drew."""
    longer = stock(chain).append(BlockBuilder(code))
    return profile.unbearer(bytes(longer.to_bytes()))


def digest(chain: bytes) -> bytes:
    holder = dict(profile.fields(profile.blocks(chain)[-1][2]))[2]
    call = (given["tool"], given["path"], given["nonce"], given["audience"])
    return profile.digest(*call, holder)


def call_code(chain: bytes) -> str:
    return (
        f'check if tool("{given["tool"]}"), call(hex:{digest(chain).hex()}), '
        f'nonce(hex:{given["nonce"]}), aud("{given["audience"]}"), time($t), $t < {END};'
    )


# Hops by the library. It draws the next key, so the next holder is whoever is given its secret.
made("hop_by_the_library", *appended("plain", HOP))
narrow = f'agent("scribe"); {NARROW} {EXPIRY} check if depth($x), $x <= 1;'
made("narrower_hop_by_the_library", *appended("plain", narrow))
wider = f'agent("scribe"); {NEW_WORDS} {EXPIRY} check if depth($x), $x <= 1;'
made("hop_with_new_words_by_the_library", *appended("plain", wider))
made("hop_without_an_end_by_the_library", *appended("plain", 'agent("scribe");'))
hop, secret = appended("plain", HOP)
made("bearer_by_the_library", profile.bearer(hop, secret), secret)

# A token of its own: right in its words, signed with payload version 0.
builder = BiscuitBuilder(
    f'bailiwick(1, hex:{"11" * 16}); grants({{"fs.read"}}); ends({END}); {NARROW} {EXPIRY} '
    "check if depth($x), $x <= 0;"
)
private = PrivateKey.from_bytes(bytes.fromhex(given["root_key"]), Algorithm.Ed25519)
minted = builder.build(private)
made("token_by_the_library", *profile.unbearer(bytes(minted.to_bytes())))

# An approval, signed by the approver after the token as it is.
approver = PrivateKey.from_bytes(bytes.fromhex(given["approver_key"]), Algorithm.Ed25519)
approver_public = KeyPair.from_private_key(approver).public_key


def third_party(chain: str, code: str) -> tuple[bytes, str]:
    token = stock(chain)
    block = token.third_party_request().create_block(approver, BlockBuilder(code))
    return profile.unbearer(bytes(token.append_third_party(approver_public, block).to_bytes()))


asked = digest(read(given["asking"]["token"])).hex()
approval = f'approval(hex:{asked}, {END}, hex:{"33" * 16});'
made("approval_by_the_library", *third_party("asking", approval))
made("third_party_hop_by_the_library", *third_party("plain", HOP))

# Calls by the library, which cannot seal in this version: the seal is ours.
for name, chain in [
    ("call_by_the_library", "bound"),
    ("call_with_new_words_by_the_library", "plain"),
]:
    call, secret = appended(chain, call_code(read(given[chain]["token"])))
    made(name, profile.seal(call, profile.key(secret)), None)

# A hop whose words are the library's, signed by ours for the key of a known holder.
plain = read(given["plain"]["token"])
content = profile.blocks(hop)[-1][1]
holder, to = profile.key(given["plain"]["holder_key"]), profile.key(given["next_key"])
named = profile.sign(plain, content, holder, profile.public(to))
made("hop_for_a_named_key", named, given["next_key"])

# A call by that holder, all of it ours.
throw_away = Ed25519PrivateKey.generate()
block = profile.call_block(
    named,
    given["tool"],
    digest(named),
    bytes.fromhex(given["nonce"]),
    given["audience"],
    given["expires_secs"],
)
call = profile.seal(profile.sign(named, block, to, profile.public(throw_away)), throw_away)
made("call_of_our_own", call, None)
with open(sys.argv[2], "w", encoding="utf-8") as file:
    file.writelines(lines)

# And a server in this language takes it.
now = datetime.fromisoformat(END.replace("Z", "+00:00")) - timedelta(seconds=20)
biscuit = verified(call, given["root"])
of = (given["tool"], digest(named).hex(), given["nonce"], given["audience"])
assert is_call(call, biscuit, *of, now)
for other in range(4):
    wrong = [part if index != other else part[::-1] for index, part in enumerate(of)]
    assert not is_call(call, biscuit, *wrong, now)
assert not is_call(call, biscuit, *of, now + timedelta(seconds=20))
assert not is_call(call, biscuit, *of, now - timedelta(seconds=46))
sealed = profile.seal(named, to)
assert not is_call(sealed, verified(sealed, given["root"]), *of, now)
open_call = call[:-68] + profile.message(4, profile.message(1, throw_away.private_bytes_raw()))
assert not is_call(open_call, verified(open_call, given["root"]), *of, now)
facts = [
    f'tool("{given["tool"]}")',
    'arg_names({"path"})',
    f'arg_str("path", "{given["path"]}")',
    f'arg_path("path", "{given["path"]}/")',
    f"time({now.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ})",
    f'aud("{given["audience"]}")',
    "depth(1)",
    f"call(hex:{of[1]})",
    f'nonce(hex:{given["nonce"]})',
]
assert allows(biscuit, facts)
assert not allows(biscuit, [fact.replace("/srv", "/etc") for fact in facts])
