// The canonical request and the string to sign. Never holds a secret.

import { createHash } from "node:crypto";

export const ALGORITHM = "SDK-HMAC-SHA256";

export function canonicalRequest(method, target, headers, payload) {
  const bytes = latin1(target);
  const mark = bytes.indexOf(0x3f);
  const path = mark < 0 ? bytes : bytes.subarray(0, mark);
  const query = mark < 0 ? bytes.subarray(0, 0) : bytes.subarray(mark + 1);
  const signed = [...headers];
  const lines = signed.flatMap(([name, value]) => [latin1(`${name}:`), latin1(trim(value)), LF]);
  const upper = method.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
  const names = signed.map(([name]) => name).join(";");
  const opening = `${upper}\n${canonicalUri(path)}\n${canonicalQuery(query)}\n`;
  return Buffer.concat([latin1(opening), ...lines, LF, latin1(`${names}\n`), latin1(payload)]);
}

export function stringToSign(date, canonical) {
  return `${ALGORITHM}\n${date}\n${sha256(canonical)}`;
}

export function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Drops white space at both ends; `String.trim` would take no-break spaces too. */
export function trim(value) {
  let start = 0;
  let end = value.length;
  while (start < end && isWhite(value[start])) start += 1;
  while (end > start && isWhite(value[end - 1])) end -= 1;
  return value.slice(start, end);
}

/** The bytes that a server decoded, by latin1 or else by UTF-8. */
export function latin1(text) {
  return Buffer.from(text, /^[\x00-\xff]*$/.test(text) ? "latin1" : "utf8");
}

const LF = Buffer.from("\n");
const PERCENT = 0x25;
const SLASH = 0x2f;
const UNRESERVED = /[A-Za-z0-9\-_.~]/;

/** How each byte is written in a name or value of a query. */
const WRITTEN = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (UNRESERVED.test(character)) return character;
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
});

/** What each byte is worth as a hex digit; undefined for all others. */
const DIGITS = Array.from({ length: 256 }, (_, byte) => {
  const digit = "0123456789abcdef".indexOf(String.fromCharCode(byte).toLowerCase());
  return digit < 0 ? undefined : digit;
});

function isWhite(character) {
  return " \t\n\f\r".includes(character);
}

function canonicalUri(path) {
  let uri = "";
  for (const byte of decoded(path)) uri += byte === SLASH ? "/" : WRITTEN[byte];
  return uri.endsWith("/") ? uri : `${uri}/`;
}

function canonicalQuery(query) {
  const parameters = [];
  for (const parameter of split(query, 0x26)) {
    const equals = parameter.indexOf(0x3d);
    const name = equals < 0 ? parameter : parameter.subarray(0, equals);
    const value = equals < 0 ? parameter.subarray(0, 0) : parameter.subarray(equals + 1);
    if (name.length > 0) parameters.push([decoded(name), decoded(value)]);
  }
  // By bytes: text would sort by UTF-16 units.
  parameters.sort((a, b) => Buffer.compare(a[0], b[0]) || Buffer.compare(a[1], b[1]));
  return parameters.map(([name, value]) => `${written(name)}=${written(value)}`).join("&");
}

function written(bytes) {
  let text = "";
  for (const byte of bytes) text += WRITTEN[byte];
  return text;
}

function* split(bytes, separator) {
  let start = 0;
  for (let end; (end = bytes.indexOf(separator, start)) >= 0; start = end + 1) {
    yield bytes.subarray(start, end);
  }
  yield bytes.subarray(start);
}

/** The bytes that are meant; a `%` that begins no escape is a percent sign. */
function decoded(bytes) {
  const meant = Buffer.alloc(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const high = bytes[at] === PERCENT ? DIGITS[bytes[at + 1]] : undefined;
    const low = DIGITS[bytes[at + 2]];
    const isEscape = high !== undefined && low !== undefined;
    meant[length] = isEscape ? high * 16 + low : bytes[at];
    length += 1;
    if (isEscape) at += 2;
  }
  return meant.subarray(0, length);
}
