// Verifies a Bailiwick wire call with @biscuit-auth/biscuit-wasm 0.6.0.
// Run with `node --experimental-wasm-modules`.

import {
  AuthorizerBuilder,
  Biscuit,
  Fact,
  Policy,
  PublicKey,
  SignatureAlgorithm,
} from "@biscuit-auth/biscuit-wasm";

export const POLICY = "allow if tool($t), grants($g), $g.contains($t)";

// The bytes of a token's text form.
export const read = (text) => Buffer.from(text, "base64url");

// The token, its signatures verified from the root on; throws where they do not hold.
export function verified(token, root) {
  return Biscuit.fromBytes(token, PublicKey.fromString(root, SignatureAlgorithm.Ed25519));
}

// Nothing where every check holds of these facts and the policy does, else what the library says.
export function denial(biscuit, facts) {
  const builder = new AuthorizerBuilder();
  for (const fact of facts) builder.addFact(Fact.fromString(fact));
  builder.addPolicy(Policy.fromString(POLICY));
  // The default is one millisecond, which a busy machine does not always meet.
  const limits = { max_facts: 1000, max_iterations: 100, max_time_micro: 10_000_000 };
  const authorizer = builder.buildAuthenticated(biscuit);
  try {
    authorizer.authorizeWithLimits(limits);
    return null;
  } catch (error) {
    if (error?.FailedLogic) return error.FailedLogic;
    throw error;
  }
}

// Whether the token is sealed and ends in the block of just this call, good for 65 s at most.
// `tool` and `audience` are the server's own names, without quotes or backslashes. The nonce is the
// server's to remember until the call has ended.
export function isCall(token, biscuit, tool, digest, nonce, audience, now) {
  // The last field of a token is its proof; in this form it is a seal.
  if (token.subarray(-68, -64).toString("hex") !== "22421240") return false;
  const source = biscuit.getBlockSource(biscuit.countBlocks() - 1);
  const start =
    `check if tool("${tool}"), call(hex:${digest}), nonce(hex:${nonce}), ` +
    `aud("${audience}"), time($t), $t < `;
  if (!source.startsWith(start)) return false;
  const end = source.slice(start.length);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ;\n$/.test(end)) return false;
  const left = Date.parse(end.slice(0, -2)) - now.getTime();
  return left > 0 && left <= 65_000;
}
