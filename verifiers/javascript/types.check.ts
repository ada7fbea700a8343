// Uses all that the package offers, as its types say. For `npm run types`; never run.

import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";

import {
  canonicalRequest,
  middleware,
  Refused,
  stringToSign,
  UNSIGNED_PAYLOAD,
  verify,
  verifyFetch,
  verifyIncoming,
} from "countersign-verify";
import type { Lookup, Options, Reason, Verified } from "countersign-verify";

const secrets = new Map([["signature_key1", ["signature_secret1"]]]);
const lookup: Lookup = async (scheme, key) => (scheme === "Basic" ? null : secrets.get(key));
const options: Options = {
  replayGuard: async (key, signature, expiresAt) => expiresAt > 0 && key !== signature,
  requiredHeaders: ["content-type"],
  now: () => 1,
};

const guard = middleware(lookup, options);
createServer((request, response) => guard(request, response, (error) => void response.end(`${error}`)));
createHttp2Server((request, response) => guard(request, response, () => void response.end()));
createHttp2Server((request) => void verifyIncoming(request, lookup));

export async function check(request: Request): Promise<Verified> {
  const body = (bytesMax: number) => new Uint8Array(bytesMax);
  try {
    await verify({ method: "GET", target: "/", headers: [["a", "b"]], body }, () => "secret");
    return await verifyFetch(request, () => ["secret"], {});
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const reason: Reason = error.reason;
    const status: 401 | 413 = error.status;
    error.toJSON().verified satisfies false;
    throw new Error(`${reason} ${status}`);
  }
}

const text: string = stringToSign("", canonicalRequest("GET", "/", new Map(), UNSIGNED_PAYLOAD));
// @ts-expect-error: a request without a target is none.
void verify({ method: text, headers: [] }, lookup);
// @ts-expect-error: an option that is not there is no option.
void middleware(lookup, { clockSkewSeconds: 1 });
