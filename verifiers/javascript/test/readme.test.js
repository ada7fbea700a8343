// The README's program, run as it stands there, and the types, which are to name what there is.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import * as offered from "../src/index.js";
import { KEY, signed } from "./signing.js";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

test("the program of the README", async () => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(PACKAGE, join(folder, "node_modules", "countersign-verify"));
  const [, program] = /^```js\n(.*?)^```$/ms.exec(readFileSync(join(PACKAGE, "README.md"), "utf8"));
  writeFileSync(join(folder, "backend.mjs"), program);
  const port = await freePort();
  const environment = { ...process.env, PORT: port };
  const backend = spawn(process.execPath, ["backend.mjs"], { cwd: folder, env: environment, stdio: "inherit" });
  try {
    await listens(port);
    const target = "/orders?id=7&name=a%20b";
    const url = `http://127.0.0.1:${port}${target}`;
    const { host: _, ...headers } = signed("POST", target, "body", `127.0.0.1:${port}`);
    const accepted = await fetch(url, { method: "POST", headers, body: "body" });
    assert.deepEqual([accepted.status, await accepted.text()], [200, `hello, ${KEY}\n`]);
    const tampered = await fetch(url, { method: "POST", headers, body: "bodx" });
    assert.deepEqual([tampered.status, (await tampered.json()).reason], [401, "SIGNATURE_MISMATCH"]);
  } finally {
    backend.kill();
    rmSync(folder, { recursive: true });
  }
});

test("the types name what there is", () => {
  const types = readFileSync(join(PACKAGE, "src", "index.d.ts"), "utf8");
  const named = [...types.matchAll(/^export (?:function|class|const) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(named.sort(), Object.keys(offered).sort());
});

async function freePort() {
  const server = createServer();
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

async function listens(port) {
  for (let tries = 0; tries < 500; tries += 1) {
    const isThere = await new Promise((settle) => {
      const socket = connect(port, "127.0.0.1", () => settle(true)).on("error", () => settle(false));
      socket.unref();
      setTimeout(() => socket.destroy(), 100).unref();
    });
    if (isThere) return;
    await new Promise((wait) => setTimeout(wait, 20));
  }
  throw new Error(`nobody listens on ${port}`);
}
