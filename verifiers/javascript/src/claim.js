// The signature header and the date, read strictly. Never decides whether what they say is true.

import { ALGORITHM, latin1, trim } from "./canonical.js";

const FIELDS = /^Access=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
const NAME = /^[a-z0-9!#$%&'*+\-.^_`|~]+$/;
const DATE = /^([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z$/;

/** Reads a signature header in one of its two forms; anything else is undefined. */
export function parseClaim(value) {
  const text = utf8(latin1(trim(value)));
  const [, scheme, rest] = /^([^ \t]*)[ \t][ \t\n\f\r]*([^]*)$/.exec(text ?? "") ?? [];
  if (scheme === ALGORITHM) return parseHmac(rest);
  if (scheme?.toLowerCase() === "basic") return parseBasic(rest);
  return undefined;
}

/** The Unix seconds of `YYYYMMDDTHHMMSSZ`, where there is such a moment. */
export function parseDate(text) {
  const fields = DATE.exec(text)?.slice(1).map(Number);
  if (!fields) return undefined;
  const [year, month, day, hour, minute, second] = fields;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!isReal || hour > 23 || minute > 59 || second > 59) return undefined;
  return date.getTime() / 1000 + hour * 3600 + minute * 60 + second;
}

function parseHmac(text) {
  const [, key, names, signature] = FIELDS.exec(text) ?? [];
  if (key === undefined) return undefined;
  const signedHeaders = names.split(";");
  const isCanonical = signedHeaders.every(
    (name, at) => NAME.test(name) && (at === 0 || signedHeaders[at - 1] < name),
  );
  return isCanonical ? { scheme: ALGORITHM, key, signedHeaders, signature } : undefined;
}

function parseBasic(text) {
  const credentials = Buffer.from(text, "base64");
  // Node forgives all kinds of base64; what is written again is the one exact kind.
  const colon = credentials.toString("base64") === text ? credentials.indexOf(0x3a) : -1;
  if (colon < 0) return undefined;
  const key = utf8(credentials.subarray(0, colon));
  if (key === undefined) return undefined;
  return { scheme: "Basic", key, password: credentials.subarray(colon + 1) };
}

function utf8(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
