// For node:http, node:http2 and all that stands on them. What is read of a body is put back.

import { bodyTooLarge, Refused } from "./refused.js";
import { verify } from "./verify.js";

export function verifyIncoming(incoming, lookup, options) {
  const request = {
    method: incoming.method,
    // A router may have cut its mount off `url`; Express keeps the whole beside it.
    target: incoming.originalUrl ?? incoming.url,
    headers: pairs(incoming),
    body: (bytesMax) => readAndPutBack(incoming, bytesMax),
  };
  return verify(request, lookup, options);
}

export function middleware(lookup, options) {
  return async (request, response, next) => {
    try {
      request.countersign = await verifyIncoming(request, lookup, options);
    } catch (error) {
      if (error instanceof Refused) answer(request, response, error);
      else next(error);
      return;
    }
    next();
  };
}

/**
 * All headers as they came; `headers` would have dropped repeated ones. HTTP/2 says `:authority`
 * for what is signed as `host`; a client may say both, and if they differ both are passed on.
 */
function* pairs({ rawHeaders, httpVersionMajor, authority }) {
  const isHttp2 = httpVersionMajor >= 2;
  if (isHttp2 && authority) yield ["host", authority];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    const value = rawHeaders[at + 1];
    const isTold = isHttp2 && (name.startsWith(":") || (name === "host" && value === authority));
    if (!isTold) yield [name, value];
  }
}

/**
 * Reads the body to its end, and puts it back before the stream says so: whoever reads next sees
 * a stream that nobody has read.
 */
function readAndPutBack(incoming, bytesMax) {
  const isTouched = incoming.readableFlowing !== null || incoming.readableEncoding !== null;
  if (isTouched || incoming.readableEnded) {
    throw new Error("the body was read before it was verified: verify first");
  }
  if (Number(incoming.headers["content-length"]) > bytesMax) throw bodyTooLarge(bytesMax);
  return new Promise((resolve, reject) => {
    const chunks = [];
    let length = 0;
    const settle = (act, outcome) => {
      incoming.off("readable", read).off("error", fail).off("close", fail);
      act(outcome);
      return true;
    };
    const fail = (error) => {
      settle(reject, error ?? new Error("the connection ended before the body did"));
    };
    const read = () => {
      // An ended stream that is asked for more says `end`, which is for the next reader to hear.
      while (incoming.readableLength > 0) {
        const chunk = incoming.read();
        chunks.push(chunk);
        length += chunk.length;
        if (length > bytesMax) return settle(reject, bodyTooLarge(bytesMax));
      }
      if (!isWhole(incoming)) return false;
      const body = Buffer.concat(chunks, length);
      if (length > 0) incoming.unshift(body);
      return settle(resolve, body);
    };
    if (incoming.destroyed) fail();
    // Listening asks for more, too, so it comes second.
    else if (!read()) incoming.on("error", fail).on("close", fail).on("readable", read);
  });
}

/** Over HTTP/2 a request is `complete` only when it was read; its stream ends when all is there. */
function isWhole(incoming) {
  return incoming.httpVersionMajor >= 2 ? incoming.stream.readableEnded : incoming.complete;
}

function answer(request, response, refused) {
  const body = `${JSON.stringify(refused, null, 2)}\n`;
  response.statusCode = refused.status;
  response.setHeader("Content-Type", "application/json");
  response.setHeader("Content-Length", Buffer.byteLength(body));
  // What is left of a body that is too large is not waited for; HTTP/2 closes but the stream.
  const isHttp1 = request.httpVersionMajor === 1;
  if (refused.status === 413 && isHttp1) response.setHeader("Connection", "close");
  response.end(request.method === "HEAD" ? undefined : body);
}
