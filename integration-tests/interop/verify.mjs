// Compares the verdicts of biscuit-wasm with those of the file: verify.mjs CALLS

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { denial, POLICY, read, verified } from "./wire_call.mjs";

// The first block whose check failed.
function blame(failed) {
  const { checks } = failed.Unauthorized ?? failed.NoMatchingPolicy;
  return Math.min(...checks.map((check) => check.Block.block_id));
}

const count = { allowed: 0, denied: 0, blamed: 0 };
for (const [index, line] of readFileSync(process.argv[2], "utf8").trim().split("\n").entries()) {
  const one = JSON.parse(line);
  assert.equal(one.policy, POLICY);
  const failed = denial(verified(read(one.token), one.root), one.facts);
  assert.equal(failed === null, one.allowed, `line ${index + 1}: ${JSON.stringify(failed)}`);
  count[one.allowed ? "allowed" : "denied"] += 1;
  if (one.block !== null) {
    assert.equal(blame(failed), one.block, `line ${index + 1}`);
    count.blamed += 1;
  }
}
assert(count.allowed >= 50 && count.denied >= 50 && count.blamed >= 50, JSON.stringify(count));
console.log(
  `biscuit-wasm: ${count.allowed} allowed, ${count.denied} denied, all as expected; ` +
    `${count.blamed} by the same block`,
);
