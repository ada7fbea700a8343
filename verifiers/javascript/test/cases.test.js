// The cases that every verifier is held to.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { canonicalRequest, Refused, stringToSign, verify } from "../src/index.js";
import { parseClaim } from "../src/claim.js";

const file = JSON.parse(readFileSync(new URL("../../cases/cases.json", import.meta.url)));
const secrets = new Map(
  file.keys.map((entry) => [JSON.stringify([entry.scheme, entry.key]), entry.secrets]),
);
const lookup = (scheme, key) => secrets.get(JSON.stringify([scheme, key]));
const tally = { vector: [0, 0], accept: [0, 0], refuse: [0, 0] };

for (const entry of file.cases) {
  tally[entry.kind][1] += 1;
  test(`${entry.id}: ${entry.says}`, async () => {
    assert.deepEqual(await outcome(entry, bodyOf(entry)), entry.expected);
    assert.deepEqual(await outcome(entry, async () => bodyOf(entry)), entry.expected);
    if (entry.stages) assert.deepEqual(stages(entry), entry.stages);
    tally[entry.kind][0] += 1;
  });
}

test("the cases are many", () => {
  assert.ok(tally.refuse[1] >= 40);
});

process.on("exit", () => {
  const [vectors, accepts, refusals] = Object.values(tally).map((pair) => pair.join("/"));
  console.log(`CASES vectors=${vectors} accepts=${accepts} refusals=${refusals}`);
});

async function outcome(entry, body) {
  const { replay_guard_answers: answer, ...given } = entry.options;
  const options = { now: () => entry.now };
  for (const [name, value] of Object.entries(given)) {
    options[name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())] = value;
  }
  if (answer !== undefined) options.replayGuard = () => answer;
  try {
    const { method, target, headers } = entry;
    const verified = await verify({ method, target, headers, body }, lookup, options);
    const { key, scheme, payloadSigned } = verified;
    return { key, scheme, payload_signed: payloadSigned };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { refused: error.reason };
  }
}

function bodyOf(entry) {
  return Buffer.from(entry.body_b64, "base64");
}

/** The texts on the way to the signature, from the parts that the claim names. */
function stages(entry) {
  const value = (name) =>
    entry.headers.find(([sent]) => sent.toLowerCase() === name.toLowerCase())?.[1];
  const claim = parseClaim(value(entry.options.signature_header ?? "authorization"));
  const signed = claim.signedHeaders.map((name) => [name, value(name)]);
  const bodyHash = createHash("sha256").update(bodyOf(entry)).digest("hex");
  const payload = value("x-sdk-content-sha256") ?? bodyHash;
  const canonical = canonicalRequest(entry.method, entry.target, signed, payload);
  const text = stringToSign(value("x-sdk-date").trim(), canonical);
  const sign = (secret) => createHmac("sha256", secret).update(text).digest("hex");
  return {
    canonical_request: Buffer.from(canonical).toString("latin1"),
    string_to_sign: text,
    signature: lookup(claim.scheme, claim.key).map(sign).find((hex) => hex === claim.signature),
  };
}
