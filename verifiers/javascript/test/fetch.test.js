// Fetch requests: verified from a clone, so that the request itself stays whole.

import assert from "node:assert/strict";
import { test } from "node:test";

import { verifyFetch } from "../src/index.js";
import { KEY, lookup, signed } from "./signing.js";

function post(body, target = "/a?b=%20+'", options = {}) {
  const headers = signed("POST", target, options.signs ?? body);
  return new Request(`http://backend${target}`, { method: "POST", headers, body });
}

test("the body stays readable", async () => {
  for (const body of ["abc", "x".repeat(1_000_000)]) {
    const request = post(body);
    assert.equal((await verifyFetch(request, lookup)).key, KEY);
    assert.equal(await request.text(), body);
  }
});

test("a request without a body", async () => {
  const request = new Request("http://backend/", { headers: signed("GET", "/") });
  assert.equal((await verifyFetch(request, lookup)).payloadSigned, true);
});

test("a host that is not among the headers comes from the URL", async () => {
  const request = post("abc");
  request.headers.delete("host");
  assert.equal((await verifyFetch(request, lookup)).key, KEY);
});

test("another body is refused", async () => {
  await assert.rejects(verifyFetch(post("abc", "/", { signs: "abd" }), lookup), {
    reason: "SIGNATURE_MISMATCH",
  });
});

test("a body that is larger than the limit is refused", async () => {
  const request = post("x".repeat(1_000_000));
  await assert.rejects(verifyFetch(request, lookup, { bodyBytesMax: 5000 }), {
    reason: "BODY_TOO_LARGE",
    status: 413,
  });
});

test("repeated headers arrive joined, and are refused all the same", async () => {
  const request = post("abc");
  request.headers.append("host", "evil");
  await assert.rejects(verifyFetch(request, lookup), { reason: "SIGNATURE_MISMATCH" });
});
