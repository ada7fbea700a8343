// The sample server as a process.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { KEY, SECRET, signed } from "./signing.js";

let server;
let host;

before(async () => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-"));
  const file = join(folder, "secret");
  writeFileSync(file, `${SECRET}\n`);
  const path = fileURLToPath(new URL("../sample-server.js", import.meta.url));
  server = spawn(process.execPath, [path, "--port", "0", "--key", KEY, "--secret-file", file]);
  const [line] = await once(server.stdout, "data");
  host = line.toString().trim().split(" ").at(-1);
  rmSync(folder, { recursive: true });
});

after(() => server.kill());

test("every method and target is answered", async () => {
  for (const method of ["GET", "PUT", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH"]) {
    for (const path of ["/", "//a//b", "/a%2Fb%zz?x=+%20&&=y&x", "/raw?q={}|"]) {
      const [status, answer] = await send(method, path);
      assert.equal(status, 200, `${method} ${path}: ${JSON.stringify(answer)}`);
      assert.deepEqual([answer.method, answer.target, answer.key], [method, path, KEY]);
    }
  }
  assert.deepEqual(await send("HEAD", "/"), [200, undefined]);
});

test("a binary body is seen whole", async () => {
  const [status, answer] = await send("POST", "/", Buffer.alloc(1024 * 1024, 0xff));
  assert.deepEqual([status, answer.body_bytes], [200, 1024 * 1024]);
});

test("a refusal says why", async () => {
  const [status, answer] = await send("GET", "/", "", "/other");
  assert.deepEqual([status, answer.verified, answer.reason], [401, false, "SIGNATURE_MISMATCH"]);
});

test("a long target and long headers arrive whole", async () => {
  const path = `/${"a".repeat(30_000)}`;
  const [status, answer] = await send("GET", path, "", path, { "x-long": "b".repeat(30_000) });
  assert.deepEqual([status, answer.target], [200, path]);
});

test("a missing Host has a reason like all others", async () => {
  const { host: _, ...headers } = signed("GET", "/", "", host);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect(Number(host.split(":")[1]));
  socket.write(`GET / HTTP/1.1\r\n${lines.join("")}Connection: close\r\n\r\n`);
  const chunks = [];
  for await (const chunk of socket) chunks.push(chunk);
  assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1.1 401 .*"SIGNED_HEADER_MISSING"/s);
});

async function send(method, path, body = "", sent = path, more = {}) {
  const port = host.split(":")[1];
  const headers = { ...signed(method, path, body, host), ...more };
  const request = httpRequest({ port, method, path: sent, headers, agent: false });
  request.end(body);
  const [response] = await once(request, "response");
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return [response.statusCode, text ? JSON.parse(text) : undefined];
}
