// A signer for tests.

import { createHash, createHmac } from "node:crypto";

import { canonicalRequest, stringToSign } from "../src/index.js";

export const KEY = "signature_key1";
export const SECRET = "signature_secret1";
export const lookup = (scheme, key) => (key === KEY ? SECRET : undefined);

/** The headers of a request that is signed now. */
export function signed(method, target, body = "", host = "backend", unsigned = false) {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const content = unsigned ? [["x-sdk-content-sha256", "UNSIGNED-PAYLOAD"]] : [];
  const headers = [["host", host], ...content, ["x-sdk-date", date]];
  const payload = unsigned ? "UNSIGNED-PAYLOAD" : createHash("sha256").update(body).digest("hex");
  const text = stringToSign(date, canonicalRequest(method, target, headers, payload));
  const signature = createHmac("sha256", SECRET).update(text).digest("hex");
  const names = headers.map(([name]) => name).join(";");
  const claim = `SDK-HMAC-SHA256 Access=${KEY}, SignedHeaders=${names}, Signature=${signature}`;
  return Object.fromEntries([...headers, ["authorization", claim]]);
}
