// A sample backend: verifies every request, and answers with what it saw or with the reason.
//
//     node sample-server.js --port 9000 --key signature_key1 --secret-file secret

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

import { middleware } from "./src/index.js";

const { values: given } = parseArgs({
  options: {
    port: { type: "string", default: "9000" },
    key: { type: "string" },
    "secret-file": { type: "string" },
    "allow-unsigned-payload": { type: "boolean", default: false },
  },
});
if (!given.key || !given["secret-file"]) {
  console.error("usage: node sample-server.js --key KEY --secret-file FILE [--port PORT]");
  process.exit(2);
}
// One line end at the end of the file is no part of the secret.
const secret = readFileSync(given["secret-file"], "utf8").replace(/\r?\n$/, "");
const verified = middleware((scheme, key) => (key === given.key ? secret : undefined), {
  unsignedPayloadAllowed: given["allow-unsigned-payload"],
});

// Room for all that a gateway lets through, and no 400 before a missing Host has its reason.
const options = { maxHeaderSize: 256 * 1024, requireHostHeader: false };
const server = createServer(options, (request, response) => {
  verified(request, response, (error) => {
    if (error) response.destroy(error);
    else answer(request, response).catch(() => response.destroy());
  });
});
server.listen(Number(given.port), "127.0.0.1", () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});

/** Reads the body as if nobody had. */
async function answer(request, response) {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of request) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  const { key, scheme, payloadSigned } = request.countersign;
  const seen = {
    verified: true,
    key,
    scheme,
    payload_signed: payloadSigned,
    method: request.method,
    target: request.url,
    headers: pairs(request.rawHeaders),
    body_bytes: bytes,
    body_sha256: hash.digest("hex"),
  };
  response.setHeader("Content-Type", "application/json");
  response.end(`${JSON.stringify(seen, null, 2)}\n`);
}

function pairs(raw) {
  const names = raw.filter((_, at) => at % 2 === 0);
  return names.map((name, at) => [name, shown(raw[2 * at + 1])]);
}

/** A header's value; a Basic one without its credentials. */
function shown(value) {
  return /^\s*basic\s/i.test(value) ? "Basic (redacted)" : value;
}
