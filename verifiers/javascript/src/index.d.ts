import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

/** The two ways to sign. A key is good for one of them. */
export type Scheme = "SDK-HMAC-SHA256" | "Basic";

/** The reasons, in the order in which they are looked for. */
export type Reason =
  | "MISSING_AUTHORIZATION"
  | "MALFORMED_AUTHORIZATION"
  | "UNKNOWN_KEY"
  | "SIGNED_HEADER_MISSING"
  | "SIGNED_HEADER_REPEATED"
  | "DATE_MISSING_OR_UNSIGNED"
  | "DATE_MALFORMED"
  | "CLOCK_SKEW"
  | "UNSIGNED_PAYLOAD"
  | "BODY_TOO_LARGE"
  | "SIGNATURE_MISMATCH"
  | "BODY_MISMATCH"
  | "REPLAYED";

type Awaitable<T> = T | PromiseLike<T>;

/** The secrets of a key: several while one replaces another, none where it is unknown. */
export type Secrets = string | Iterable<string> | null | undefined;
export type Lookup = (scheme: Scheme, key: string) => Awaitable<Secrets>;

/** A request as it arrived. Text stands for bytes, as `node:http` decodes them (latin1). */
export interface ReceivedRequest {
  method: string;
  /** Path and query, nothing decoded. */
  target: string;
  /** Pairs in order, repeated ones repeated. */
  headers: Iterable<readonly [name: string, value: string]>;
  /** Bytes, or what reads them, which is called only if they are needed and all else is right. */
  body?: Uint8Array | ((bytesMax: number) => Awaitable<Uint8Array>);
}

/** What a verifier insists on. */
export interface Options {
  /** The header that carries the signature; by default `authorization`. */
  signatureHeader?: string;
  /** How far the date may lie from the clock, either way; by default 900. */
  clockSkewSecondsMax?: number;
  /** Headers that must be signed besides `host` and `x-sdk-date`. */
  requiredHeaders?: readonly string[];
  /** Whether `x-sdk-content-sha256: UNSIGNED-PAYLOAD` is good enough; by default not. */
  unsignedPayloadAllowed?: boolean;
  /** The largest body that is read to be hashed; by default 12 MiB. */
  bodyBytesMax?: number;
  /** Says whether a signature is new. After `expiresAt` (Unix seconds) the clock refuses it. */
  replayGuard?: (key: string, signature: string, expiresAt: number) => Awaitable<boolean>;
  /** The time in Unix seconds; by default the system's. */
  now?: () => number;
}

/** Who signed a request. */
export interface Verified {
  key: string;
  scheme: Scheme;
  /** Whether the signature covers the body; never for Basic. */
  payloadSigned: boolean;
  /** The body where it was read to be hashed; undefined where it was left in its stream. */
  body?: Uint8Array;
}

/** The request is not to be trusted, for exactly one reason. */
export class Refused extends Error {
  readonly reason: Reason;
  /** The HTTP status to answer with. */
  readonly status: 401 | 413;
  constructor(reason: Reason, message: string);
  /** The body to answer with. */
  toJSON(): { verified: false; reason: Reason; message: string };
}

/** Says who signed the request, or rejects with {@link Refused} and the one reason why not. */
export function verify(
  request: ReceivedRequest,
  lookup: Lookup,
  options?: Options,
): Promise<Verified>;

/** Verifies a request of `node:http` or `node:http2`. Its body can be read afterwards as if nobody had. */
export function verifyIncoming(
  incoming: IncomingMessage | Http2ServerRequest,
  lookup: Lookup,
  options?: Options,
): Promise<Verified>;

/** An Express-style middleware: `request.countersign` says who signed; a refusal is answered. */
export function middleware(
  lookup: Lookup,
  options?: Options,
): (
  request: (IncomingMessage | Http2ServerRequest) & { countersign?: Verified },
  response: ServerResponse | Http2ServerResponse,
  next: (error?: unknown) => void,
) => Promise<void>;

/** Verifies a Fetch `Request`. Its body can be read afterwards as if nobody had, if it is verified. */
export function verifyFetch(
  request: Request,
  lookup: Lookup,
  options?: Options,
): Promise<Verified>;

/** The `x-sdk-content-sha256` of a body that the signature does not cover. */
export const UNSIGNED_PAYLOAD: "UNSIGNED-PAYLOAD";

/** The canonical request: headers are the signed ones, in lower case and ascending. */
export function canonicalRequest(
  method: string,
  target: string,
  headers: Iterable<readonly [name: string, value: string]>,
  payload: string,
): Uint8Array;

/** The string to sign. */
export function stringToSign(date: string, canonicalRequest: Uint8Array): string;
