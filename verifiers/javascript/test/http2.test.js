// The middleware behind an HTTP/2 server, and HTTP/1.1 on the same port.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:http2";
import { after, before, test } from "node:test";

import { middleware } from "../src/index.js";
import { lookup, signed } from "./signing.js";

const TARGET = "/a%2Fb?b=%20+&a";
const LARGE = Buffer.alloc(1024 * 1024, "abc");

const verify = middleware(lookup, { bodyBytesMax: LARGE.length, unsignedPayloadAllowed: true });
const server = createServer((request, response) => {
  verify(request, response, async (error) => {
    if (error) return response.stream.close();
    let length = 0;
    for await (const chunk of request) length += chunk.length;
    response.end(JSON.stringify({ reason: length }));
  });
});
let client;
let host;

before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  host = `127.0.0.1:${server.address().port}`;
  client = connect(`http://${host}`);
});

after(() => {
  client.destroy();
  server.close();
});

for (const body of ["", "abc", LARGE]) {
  for (const unsigned of [false, true]) {
    test(`${body.length} bytes, ${unsigned ? "unsigned" : "signed"}`, async () => {
      const { host: _, ...headers } = signed("POST", TARGET, body, host, unsigned);
      assert.deepEqual(await send(headers, [body]), [200, body.length]);
    });
  }
}

test("no body, and one that comes in pieces", async () => {
  const { host: _, ...headers } = signed("GET", TARGET, "", host);
  assert.deepEqual(await send({ ...headers, ":method": "GET" }), [200, 0]);
  const { host: __, ...pieces } = signed("POST", TARGET, "abcdef", host);
  assert.deepEqual(await send(pieces, ["ab", "cd", "ef"]), [200, 6]);
});

test("a host beside the authority is one if it is the same", async () => {
  const headers = signed("POST", TARGET, "abc", host);
  assert.deepEqual(await send(headers, ["abc"]), [200, 3]);
  assert.deepEqual(await send({ ...headers, ":authority": host }, ["abc"]), [200, 3]);
  const other = { ...headers, host: "other", ":authority": host };
  assert.deepEqual(await send(other, ["abc"]), [401, "SIGNED_HEADER_REPEATED"]);
  const signedOther = { ...signed("POST", TARGET, "abc", "other"), ":authority": host };
  assert.deepEqual(await send(signedOther, ["abc"]), [401, "SIGNED_HEADER_REPEATED"]);
});

test("what was tampered with is refused", async () => {
  const { host: _, ...headers } = signed("POST", TARGET, "abc", host);
  assert.deepEqual(await send(headers, ["abd"]), [401, "SIGNATURE_MISMATCH"]);
  assert.deepEqual(await send({ ...headers, ":path": "/" }, ["abc"]), [401, "SIGNATURE_MISMATCH"]);
  const authority = { ...headers, ":authority": "other" };
  assert.deepEqual(await send(authority, ["abc"]), [401, "SIGNATURE_MISMATCH"]);
  assert.deepEqual(await send({}, ["abc"]), [401, "MISSING_AUTHORIZATION"]);
});

test("too large a body is refused, and the connection goes on", async () => {
  const over = Buffer.concat([LARGE, LARGE]);
  const { host: _, ...headers } = signed("POST", TARGET, over, host);
  assert.deepEqual(await send(headers, [over]), [413, "BODY_TOO_LARGE"]);
  const { host: __, ...next } = signed("POST", TARGET, "abc", host);
  assert.deepEqual(await send(next, ["abc"]), [200, 3]);
});

async function send(headers, pieces) {
  const ends = { endStream: pieces === undefined };
  const stream = client.request({ ":method": "POST", ":path": TARGET, ...headers }, ends);
  stream.on("error", () => {});
  for (const piece of pieces ?? []) {
    stream.write(piece);
    await new Promise(setImmediate);
  }
  const answer = once(stream, "response");
  stream.end();
  const [{ ":status": status }] = await answer;
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return [status, JSON.parse(Buffer.concat(chunks)).reason];
}
