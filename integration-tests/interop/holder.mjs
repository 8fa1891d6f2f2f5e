// Bailiwick's profile as far as a holder needs it: signing a hop for a key, and making a call.
// Written from docs/src/token.md and the specification of Biscuit, with node:crypto alone.

import { createHash, createPrivateKey, createPublicKey, sign as ed25519 } from "node:crypto";

// The strings that every Biscuit knows; those that a token adds count from 1024.
const KNOWN = (
  "read write resource operation right time role owner tenant namespace user team service " +
  "admin email group member ip_address client client_ip domain path version cluster node " +
  "hostname nonce query"
).split(" ");
const NO_PROOF = Buffer.from([0x22, 0]);
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

export const text = (token) => token.toString("base64url");
export const hex = (string) => Buffer.from(string, "hex");

export const key = (seed) =>
  createPrivateKey({ key: Buffer.concat([PKCS8, hex(seed)]), format: "der", type: "pkcs8" });
export const publicOf = (key) =>
  Buffer.from(createPublicKey(key).export({ format: "jwk" }).x, "base64url");

// Protobuf.

function varint(value) {
  const out = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) out.push((value % 128) | 0x80);
  return Buffer.from([...out, value]);
}

const number = (field, value) => Buffer.concat([varint(field * 8), varint(value)]);

function message(field, ...parts) {
  const body = Buffer.concat(parts);
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body]);
}

// Field numbers and values, for numbers and for everything that has a length.
export function fields(data) {
  const found = [];
  let at = 0;
  const take = () => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = data[at++];
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  };
  while (at < data.length) {
    const tag = take();
    let value = take();
    if (tag % 8 === 2) {
      at += value;
      value = data.subarray(at - value, at);
    }
    found.push([Math.floor(tag / 8), value]);
  }
  return found;
}

// The signed blocks: 1 is the block, 2 the next key, 3 the signature, 4 a third party's.
export const blocks = (token) =>
  fields(token)
    .filter(([field]) => field === 2 || field === 3)
    .map(([, value]) => Object.fromEntries(fields(value)));

// The token with its holder's secret, as stock libraries take it. It is never sent.
export function bearer(token, secret) {
  if (!token.subarray(-2).equals(NO_PROOF)) throw new Error("the token has a proof");
  return Buffer.concat([token.subarray(0, -2), message(4, message(1, hex(secret)))]);
}

// The token without its proof, and the secret that stood there.
export function unbearer(token) {
  if (!token.subarray(-36, -32).equals(hex("22220a20"))) throw new Error("no secret");
  return [Buffer.concat([token.subarray(0, -36), NO_PROOF]), token.subarray(-32).toString("hex")];
}

// The token with one more block, under payload version 1.
export function sign(token, block, holder, to) {
  const payload = Buffer.concat([
    Buffer.from("\0BLOCK\0\0VERSION\0\x01\0\0\0\0PAYLOAD\0", "latin1"),
    block,
    Buffer.from("\0ALGORITHM\0\0\0\0\0\0NEXTKEY\0", "latin1"),
    to,
    Buffer.from("\0PREVSIG\0", "latin1"),
    blocks(token).at(-1)[3],
  ]);
  const signed = message(
    3,
    message(1, block),
    message(2, number(1, 0), message(2, to)),
    message(3, ed25519(null, payload, holder)),
    number(5, 1),
  );
  return Buffer.concat([token.subarray(0, -2), signed, NO_PROOF]);
}

export function seal(token, key) {
  const last = blocks(token).at(-1);
  const payload = Buffer.concat([last[1], Buffer.alloc(4), publicOf(key), last[3]]);
  const proof = message(4, message(2, ed25519(null, payload, key)));
  return Buffer.concat([token.subarray(0, -2), proof]);
}

// Calls.

export function digest(tool, path, nonce, audience, holder) {
  // Canonical as it stands: the names are in order, and there is nothing but ASCII.
  const body = {
    args: { path },
    audience,
    capability: tool,
    holder: `ed25519/${holder.toString("hex")}`,
    id: nonce,
  };
  return createHash("sha256").update(`bailiwick/call/1\0${JSON.stringify(body)}`).digest();
}

// `check if tool(C), call(H), nonce(N), aud(A), time($t), $t < E` in its one spelling.
export function callBlock(token, tool, call, nonce, audience, end) {
  const strings = blocks(token)
    .filter((block) => !(4 in block))
    .flatMap((block) => fields(block[1]))
    .filter(([field]) => field === 1)
    .map(([, value]) => value.toString());
  const old = strings.length;
  const index = (string) => {
    if (KNOWN.includes(string)) return KNOWN.indexOf(string);
    if (!strings.includes(string)) strings.push(string);
    return 1024 + strings.indexOf(string);
  };
  // The term before this was interned before the name is: the order is part of the profile.
  const predicate = (name, term) => message(2, number(1, index(name)), message(2, term));
  const body = [
    predicate("tool", number(3, index(tool))),
    predicate("call", message(5, call)),
    predicate("nonce", message(5, nonce)),
    predicate("aud", number(3, index(audience))),
  ];
  const t = number(1, index("t"));
  body.push(predicate("time", t));
  const expression = message(
    3,
    message(1, message(1, t)),
    message(1, message(1, number(4, end))),
    message(1, message(3, number(1, 0))),
  );
  const rule = message(1, message(1, number(1, index("query"))), ...body, expression);
  const added = strings.slice(old).map((string) => message(1, Buffer.from(string)));
  return Buffer.concat([...added, number(3, 3), message(6, rule)]);
}
