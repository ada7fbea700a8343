// For Fetch requests. What is read is a clone, so that the request itself stays whole.

import { bodyTooLarge } from "./refused.js";
import { verify } from "./verify.js";

export function verifyFetch(request, lookup, options) {
  const url = new URL(request.url);
  const headers = [...request.headers];
  if (!request.headers.has("host")) headers.push(["host", url.host]);
  const received = {
    method: request.method,
    target: url.pathname + url.search,
    headers,
    body: (bytesMax) => readClone(request, bytesMax),
  };
  return verify(received, lookup, options);
}

async function readClone(request, bytesMax) {
  if (!request.body) return new Uint8Array();
  const chunks = [];
  let length = 0;
  const reader = request.clone().body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks, length);
    chunks.push(value);
    length += value.byteLength;
    if (length > bytesMax) {
      // The source stops once both have let go of it, and nobody needs to wait for that.
      Promise.all([reader.cancel(), request.body.cancel()]).catch(() => {});
      throw bodyTooLarge(bytesMax);
    }
  }
}
