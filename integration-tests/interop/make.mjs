// Makes hops, an approval and calls: make.mjs CHAINS MADE

import assert from "node:assert/strict";
import { generateKeyPairSync, webcrypto } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

import {
  Biscuit,
  KeyPair,
  PrivateKey,
  PublicKey,
  SignatureAlgorithm,
} from "@biscuit-auth/biscuit-wasm";

import * as holder from "./holder.mjs";
import { denial, isCall, read, verified } from "./wire_call.mjs";

// The library draws its keys from here; Node 18 has it under another name.
globalThis.crypto ??= webcrypto;

const given = JSON.parse(readFileSync(process.argv[2], "utf8"));
const root = PublicKey.fromString(given.root, SignatureAlgorithm.Ed25519);
const privateKey = (seed) => PrivateKey.fromBytes(holder.hex(seed), SignatureAlgorithm.Ed25519);
const EXPIRY = `check if time($x), $x < ${given.expires};`;
const grant = (tool, name, test) =>
  `check if tool("${tool}"), arg_names($n), {"${name}"}.contains($n), $n.union($n) === $n, ${test};`;
const NARROW = grant(
  "fs.read",
  "path",
  'arg_path("path", $v0), $v0.starts_with("/srv/docs/public/")',
);
const NEW_WORDS = grant("fs.page", "number", 'arg_num("number", $v0), $v0 <= 5000000');
const HOP = `agent("scribe"); ${EXPIRY}`;

const lines = [];
const made = (name, token, key) =>
  lines.push(JSON.stringify({ name, token: holder.text(token), holder_key: key }));

// A chain in the only form in which the library takes one.
function stock(chain) {
  const token = holder.bearer(read(given[chain].token), given[chain].holder_key);
  return Biscuit.fromBytes(token, root);
}

function block(code) {
  const builder = Biscuit.block_builder();
  builder.addCode(code);
  return builder;
}

const bytes = (biscuit) => Buffer.from(biscuit.toBytes());

// The chain with a block by the library, and the secret of the key that it drew.
const appended = (chain, code) => holder.unbearer(bytes(stock(chain).appendBlock(block(code))));

function digest(chain) {
  const key = Object.fromEntries(holder.fields(holder.blocks(chain).at(-1)[2]))[2];
  return holder.digest(given.tool, given.path, given.nonce, given.audience, key);
}

const callCode = (chain) =>
  `check if tool("${given.tool}"), call(hex:${digest(chain).toString("hex")}), ` +
  `nonce(hex:${given.nonce}), aud("${given.audience}"), time($t), $t < ${given.expires};`;

// Hops by the library. It draws the next key, so the next holder is whoever is given its secret.
const depth = "check if depth($x), $x <= 1;";
made("hop_by_the_library", ...appended("plain", HOP));
made("narrower_hop_by_the_library", ...appended("plain", `agent("scribe"); ${NARROW} ${EXPIRY} ${depth}`));
made(
  "hop_with_new_words_by_the_library",
  ...appended("plain", `agent("scribe"); ${NEW_WORDS} ${EXPIRY} ${depth}`),
);
made("hop_without_an_end_by_the_library", ...appended("plain", 'agent("scribe");'));
const [hop, secret] = appended("plain", HOP);
made("bearer_by_the_library", holder.bearer(hop, secret), secret);

// A token of its own: right in its words, signed with payload version 0.
const builder = Biscuit.builder();
builder.addCode(
  `bailiwick(1, hex:${"11".repeat(16)}); grants({"fs.read"}); ends(${given.expires}); ` +
    `${NARROW} ${EXPIRY} check if depth($x), $x <= 0;`,
);
made("token_by_the_library", ...holder.unbearer(bytes(builder.build(privateKey(given.root_key)))));

// An approval, signed by the approver after the token as it is.
const approver = privateKey(given.approver_key);

function thirdParty(chain, code) {
  const token = stock(chain);
  const signed = token.getThirdPartyRequest().createBlock(approver, block(code));
  const key = KeyPair.fromPrivateKey(approver).getPublicKey();
  return holder.unbearer(bytes(token.appendThirdPartyBlock(key, signed)));
}

const asked = digest(read(given.asking.token)).toString("hex");
made(
  "approval_by_the_library",
  ...thirdParty("asking", `approval(hex:${asked}, ${given.expires}, hex:${"33".repeat(16)});`),
);
made("third_party_hop_by_the_library", ...thirdParty("plain", HOP));

// Calls by the library, seal included.
for (const [name, chain] of [
  ["call_by_the_library", "bound"],
  ["call_with_new_words_by_the_library", "plain"],
]) {
  const code = callCode(read(given[chain].token));
  made(name, bytes(stock(chain).appendBlock(block(code)).sealToken()), null);
}

// A hop whose words are the library's, signed by ours for the key of a known holder.
const content = holder.blocks(hop).at(-1)[1];
const [first, next] = [holder.key(given.plain.holder_key), holder.key(given.next_key)];
const named = holder.sign(read(given.plain.token), content, first, holder.publicOf(next));
made("hop_for_a_named_key", named, given.next_key);

// A call by that holder, all of it ours.
const throwAway = generateKeyPairSync("ed25519").privateKey;
const callBlock = holder.callBlock(
  named,
  given.tool,
  digest(named),
  holder.hex(given.nonce),
  given.audience,
  given.expires_secs,
);
const call = holder.seal(
  holder.sign(named, callBlock, next, holder.publicOf(throwAway)),
  throwAway,
);
made("call_of_our_own", call, null);
writeFileSync(process.argv[3], `${lines.join("\n")}\n`);

// And a server in this language takes it.
const end = Date.parse(given.expires);
const now = new Date(end - 20_000);
const biscuit = verified(call, given.root);
const of = [given.tool, digest(named).toString("hex"), given.nonce, given.audience];
assert(isCall(call, biscuit, ...of, now));
for (const other of of.keys()) {
  const wrong = of.map((part, index) => (index === other ? [...part].reverse().join("") : part));
  assert(!isCall(call, biscuit, ...wrong, now));
}
assert(!isCall(call, biscuit, ...of, new Date(end)));
assert(!isCall(call, biscuit, ...of, new Date(end - 66_000)));
const sealed = holder.seal(named, next);
assert(!isCall(sealed, verified(sealed, given.root), ...of, now));
const facts = [
  `tool("${given.tool}")`,
  'arg_names({"path"})',
  `arg_str("path", "${given.path}")`,
  `arg_path("path", "${given.path}/")`,
  `time(${now.toISOString().replace(".000", "")})`,
  `aud("${given.audience}")`,
  "depth(1)",
  `call(hex:${of[1]})`,
  `nonce(hex:${given.nonce})`,
];
assert.equal(denial(biscuit, facts), null);
assert.notEqual(denial(biscuit, facts.map((fact) => fact.replace("/srv", "/etc"))), null);
