// The middleware behind a real server: whoever reads the body next sees an unread stream.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";

import { middleware } from "../src/index.js";
import { lookup, signed } from "./signing.js";

const LARGE = Buffer.alloc(1024 * 1024, "abc");

/** The ways in which handlers read a body. */
const readers = {
  async "data and end"(stream) {
    const chunks = [];
    stream.on("data", (chunk) => chunks.push(chunk));
    await once(stream, "end");
    return Buffer.concat(chunks);
  },
  async "for await"(stream) {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
  },
  async "readable and read"(stream) {
    const chunks = [];
    stream.on("readable", () => {
      for (let chunk; (chunk = stream.read()) !== null; ) chunks.push(chunk);
    });
    await once(stream, "end");
    return Buffer.concat(chunks);
  },
  async "data, after a while"(stream) {
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    return readers["data and end"](stream);
  },
};

for (const [name, reader] of Object.entries(readers)) {
  describe(`a body read by ${name}`, () => {
    const server = serving(reader, { unsignedPayloadAllowed: true });

    for (const body of ["", "abc", LARGE]) {
      for (const unsigned of [false, true]) {
        test(`${body.length} bytes, ${unsigned ? "unsigned" : "signed"}`, async () => {
          const headers = signed("POST", "/a?b=%20+", body, server.host, unsigned);
          const length = { ...headers, "content-length": body.length };
          assert.deepEqual(await send(server, length, body), [200, body.length]);
          const chunked = { ...headers, "transfer-encoding": "chunked" };
          assert.deepEqual(await send(server, chunked, body), [200, body.length]);
        });
      }
    }

    test("chunks that come one by one", async () => {
      const headers = signed("POST", "/a?b=%20+", "abcdef", server.host);
      const pieces = ["ab", "cd", "ef"];
      assert.deepEqual(await send(server, headers, pieces), [200, 6]);
    });

    test("no body at all", async () => {
      const headers = signed("GET", "/a?b=%20+", "", server.host);
      assert.deepEqual(await send(server, headers, "", "GET"), [200, 0]);
    });
  });
}

describe("a refusal", () => {
  const server = serving(readers["for await"], { bodyBytesMax: 1000 });

  test("is answered with its reason", async () => {
    const headers = signed("POST", "/other", "abc", server.host);
    assert.deepEqual(await send(server, headers, "abc"), [401, "SIGNATURE_MISMATCH"]);
    assert.deepEqual(await send(server, {}, "abc"), [401, "MISSING_AUTHORIZATION"]);
  });

  test("sees repeated headers", async () => {
    const headers = signed("POST", "/a?b=%20+", "abc", server.host);
    const twice = { ...headers, "x-sdk-date": [headers["x-sdk-date"], headers["x-sdk-date"]] };
    assert.deepEqual(await send(server, twice, "abc"), [401, "SIGNED_HEADER_REPEATED"]);
  });

  test("stops at the limit, with a length or without", async () => {
    const headers = signed("POST", "/a?b=%20+", LARGE, server.host);
    const chunked = { ...headers, "transfer-encoding": "chunked" };
    const length = { ...headers, "content-length": 1001 };
    const some = LARGE.subarray(0, 1001);
    assert.deepEqual(await send(server, chunked, some), [413, "BODY_TOO_LARGE"]);
    assert.deepEqual(await send(server, length, some), [413, "BODY_TOO_LARGE"]);
  });

  test("of a connection that breaks reaches no handler", async () => {
    const socket = connect(server.port, "127.0.0.1");
    const headers = Object.entries(signed("POST", "/a?b=%20+", "abc", server.host));
    const lines = headers.map((pair) => pair.join(": ")).join("\r\n");
    socket.write(`POST /a?b=%20+ HTTP/1.1\r\n${lines}\r\nContent-Length: 3\r\n\r\na`);
    await once(server, "request");
    socket.destroy();
    const [error] = await once(server, "failed");
    assert.match(error.message, /aborted|ended before/);
  });

  test("is not what a lookup throws: that is passed on", async () => {
    const verify = middleware(() => Promise.reject(new Error("the store is gone")));
    const headers = Object.entries(signed("GET", "/")).flat();
    const passed = await new Promise((next) => {
      verify({ method: "GET", url: "/", rawHeaders: headers }, {}, next);
    });
    assert.equal(passed.message, "the store is gone");
  });

  test("of a body that somebody has read is a mistake of the program", async () => {
    const verify = middleware(lookup);
    const headers = Object.entries(signed("GET", "/")).flat();
    const stream = { readableEnded: true, readableFlowing: null, readableEncoding: null };
    const request = { method: "GET", url: "/", rawHeaders: headers, ...stream };
    const passed = await new Promise((next) => verify(request, {}, next));
    assert.match(passed.message, /verify first/);
  });
});

/** A server for a group of tests, which answers with the length of what its handler read. */
function serving(reader, options) {
  const verify = middleware(lookup, options);
  const server = createServer((request, response) => {
    verify(request, response, async (error) => {
      if (error) return server.emit("failed", error);
      response.end(JSON.stringify({ reason: (await reader(request)).length }));
    });
  });
  before(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    server.port = server.address().port;
    server.host = `127.0.0.1:${server.port}`;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return server;
}

async function send(server, headers, body, method = "POST") {
  const path = "/a?b=%20+";
  const request = httpRequest({ port: server.port, method, path, headers, agent: false });
  for (const piece of Array.isArray(body) ? body : [body]) {
    request.write(piece);
    await new Promise(setImmediate);
  }
  request.end();
  const [response] = await once(request, "response");
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  return [response.statusCode, JSON.parse(Buffer.concat(chunks)).reason];
}
