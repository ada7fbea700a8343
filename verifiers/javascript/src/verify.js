// The verifier: whether a request that arrived is the one that was signed, and if not, why.

import { createHmac, timingSafeEqual } from "node:crypto";

import { canonicalRequest, latin1, sha256, stringToSign, trim } from "./canonical.js";
import { parseClaim, parseDate } from "./claim.js";
import { Refused, bodyTooLarge } from "./refused.js";

export const UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD";

const DATE_HEADER = "x-sdk-date";
const CONTENT_HEADER = "x-sdk-content-sha256";

const DEFAULTS = {
  signatureHeader: "authorization",
  clockSkewSecondsMax: 900,
  requiredHeaders: [],
  unsignedPayloadAllowed: false,
  bodyBytesMax: 12 * 1024 * 1024,
  replayGuard: undefined,
  now: () => Date.now() / 1000,
};

export async function verify(request, lookup, options = {}) {
  const settled = { ...DEFAULTS, ...options };
  const headers = byName(request.headers);
  const claim = readClaim(headers, settled.signatureHeader.toLowerCase());
  const secrets = usable(await lookup(claim.scheme, claim.key));
  if (secrets.length === 0) {
    throw new Refused(
      "UNKNOWN_KEY",
      "the verifier knows no secret for the key that the request names",
    );
  }
  if (claim.scheme === "Basic") return verifyBasic(claim, secrets);
  return verifyHmac(request, headers, claim, secrets, settled);
}

function verifyBasic(claim, secrets) {
  if (!secrets.some((secret) => isEqual(Buffer.from(secret), claim.password))) {
    throw mismatch("the secret differs");
  }
  return { key: claim.key, scheme: claim.scheme, payloadSigned: false };
}

async function verifyHmac(request, headers, claim, secrets, options) {
  const signed = signedHeaders(headers, claim, options.requiredHeaders);
  const { date, expiresAt } = checkDate(signed, options);
  const sentPayload = contentHeader(headers);
  const payloadSigned = sentPayload !== UNSIGNED_PAYLOAD;
  if (!payloadSigned && !options.unsignedPayloadAllowed) {
    throw new Refused(
      "UNSIGNED_PAYLOAD",
      "the signature does not cover the body, and this verifier asks that it does",
    );
  }
  const body = payloadSigned ? await readBody(request.body, options.bodyBytesMax) : undefined;
  const bodyHash = payloadSigned ? sha256(body) : "";
  const payload = sentPayload ?? bodyHash;
  const canonical = canonicalRequest(request.method, request.target, signed, payload);
  const text = stringToSign(date, canonical);
  const sent = Buffer.from(claim.signature, "hex");
  if (!secrets.some((secret) => isEqual(hmac(secret, text), sent))) {
    throw mismatch(
      "the secret differs, or the method, path, query, a signed header or the body was changed " +
        "on the way",
    );
  }
  if (payloadSigned && payload.toLowerCase() !== bodyHash) {
    throw new Refused(
      "BODY_MISMATCH",
      `the body is not the one whose hash \`${CONTENT_HEADER}\` carries`,
    );
  }
  if (options.replayGuard && !(await options.replayGuard(claim.key, claim.signature, expiresAt))) {
    throw new Refused("REPLAYED", "the signature was used before");
  }
  return { key: claim.key, scheme: claim.scheme, payloadSigned, ...(body && { body }) };
}

/** All values of each header, by its name in lower case. */
function byName(headers) {
  const found = new Map();
  for (const [name, value] of headers) {
    const values = found.get(name.toLowerCase());
    if (values) values.push(value);
    else found.set(name.toLowerCase(), [value]);
  }
  return found;
}

function readClaim(headers, name) {
  const values = headers.get(name) ?? [];
  if (values.length === 0) {
    throw new Refused(
      "MISSING_AUTHORIZATION",
      `the request has no ${name} header; only requests through the gateway are accepted`,
    );
  }
  const claim = values.length === 1 ? parseClaim(values[0]) : undefined;
  if (!claim) {
    throw new Refused(
      "MALFORMED_AUTHORIZATION",
      `the ${name} header is sent twice, or is neither \`SDK-HMAC-SHA256 Access=…, ` +
        "SignedHeaders=…, Signature=…` nor `Basic …`",
    );
  }
  return claim;
}

/** An empty secret, from a variable that is not set, would let everybody in. */
function usable(secrets) {
  const all = typeof secrets === "string" ? [secrets] : [...(secrets ?? [])];
  return all.filter((secret) => secret !== "");
}

function signedHeaders(headers, claim, required) {
  const signed = [];
  for (const name of claim.signedHeaders) {
    const values = headers.get(name) ?? [];
    if (values.length > 1) throw repeated(name);
    if (values.length === 1) signed.push([name, values[0]]);
    else if (name !== DATE_HEADER) {
      // A date that is absent has a reason of its own.
      throw new Refused(
        "SIGNED_HEADER_MISSING",
        `the header \`${name}\` is among the signed headers, but the request does not carry it`,
      );
    }
  }
  for (const name of ["host", ...required]) {
    if (!claim.signedHeaders.includes(name.toLowerCase())) {
      throw new Refused(
        "SIGNED_HEADER_MISSING",
        `the header \`${name}\` must be signed, but the signed headers do not name it`,
      );
    }
  }
  return signed;
}

function checkDate(signed, options) {
  const value = signed.find(([name]) => name === DATE_HEADER)?.[1];
  if (value === undefined) {
    throw new Refused(
      "DATE_MISSING_OR_UNSIGNED",
      `the request carries no \`${DATE_HEADER}\`, or does not sign it`,
    );
  }
  const date = trim(value);
  const signedAt = parseDate(date);
  if (signedAt === undefined) {
    throw new Refused(
      "DATE_MALFORMED",
      `the \`${DATE_HEADER}\` is no moment in the form YYYYMMDDTHHMMSSZ`,
    );
  }
  const now = Math.floor(options.now());
  const seconds = Math.abs(signedAt - now);
  // Written such that a clock which tells no number refuses.
  if (!(seconds <= options.clockSkewSecondsMax)) {
    const side = signedAt > now ? "ahead of this clock" : "ago";
    throw new Refused(
      "CLOCK_SKEW",
      `the request was signed ${seconds} s ${side}, more than the ` +
        `${options.clockSkewSecondsMax} s allowed; compare the clocks`,
    );
  }
  return { date, expiresAt: signedAt + options.clockSkewSecondsMax };
}

function contentHeader(headers) {
  const values = headers.get(CONTENT_HEADER) ?? [];
  if (values.length > 1) throw repeated(CONTENT_HEADER);
  return values.length === 1 ? trim(values[0]) : undefined;
}

async function readBody(body = new Uint8Array(), bytesMax) {
  const bytes = typeof body === "function" ? await body(bytesMax) : body;
  if (bytes.byteLength > bytesMax) throw bodyTooLarge(bytesMax);
  return bytes;
}

function hmac(secret, text) {
  return createHmac("sha256", secret).update(latin1(text)).digest();
}

function isEqual(one, other) {
  return one.length === other.length && timingSafeEqual(one, other);
}

function repeated(name) {
  return new Refused(
    "SIGNED_HEADER_REPEATED",
    `the header \`${name}\` is sent twice, so it cannot be told which one was signed`,
  );
}

function mismatch(why) {
  return new Refused("SIGNATURE_MISMATCH", `the signature does not fit the request: ${why}`);
}
