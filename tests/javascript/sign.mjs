// Signs requests with the public JavaScript signer: one JSON object a line on standard input,
// one a line on standard output, in the same order.
//
//     node sign.mjs FOLDER          FOLDER has the node_modules with the signer
//
// In:  {"key", "secret", "method", "endpoint", "headers": {name: value}, "query": [[name, value]],
//       "body": base64}. Query names and values are decoded: the signer takes them so.
// Out: {"authorization": value} or, where the signer throws, {"error": text}.

import { createRequire } from "node:module";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

const require = createRequire(resolve(process.argv[2], "package.json"));
const { AKSKSigner } = require("@huaweicloud/huaweicloud-sdk-core/auth/AKSKSigner");
const { BasicCredentials } = require("@huaweicloud/huaweicloud-sdk-core/auth/BasicCredentials");

// The signer finds these by exact case only; otherwise it would, say, sign a date of its own.
const SPELLED = { "x-sdk-date": "X-Sdk-Date", "x-sdk-content-sha256": "X-Sdk-Content-Sha256" };

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
}

function answer({ key, secret, method, endpoint, headers, query, body }) {
  const request = {
    method,
    endpoint,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [SPELLED[name] ?? name, value]),
    ),
    queryParams: grouped(query),
    data: data(Buffer.from(body, "base64")),
  };
  const credentials = new BasicCredentials().withAk(key).withSk(secret);
  try {
    return { authorization: AKSKSigner.sign(request, credentials).Authorization };
  } catch (error) {
    return { error: String(error) };
  }
}

// A name that comes once has its value, one that comes again all of its values.
function grouped(query) {
  const values = Object.create(null);
  for (const [name, value] of query) (values[name] ??= []).push(value);
  for (const name in values) if (values[name].length === 1) [values[name]] = values[name];
  return values;
}

// The signer hashes JSON.stringify(data). Where a body is JSON, it gets what the body says; else
// the text, or the bytes where they are no text.
function data(body) {
  if (body.length === 0) return undefined;
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return body;
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
